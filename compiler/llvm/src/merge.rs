//! Several relocatable objects as one.

use crate::error::LlvmError;

/// Joins objects in their order. One object is left as it is.
pub(crate) fn objects(mut objects: Vec<Vec<u8>>) -> Result<Vec<u8>, LlvmError> {
    match objects.len() {
        1 => Ok(objects.remove(0)),
        _ => {
            Err(LlvmError::Refused { stage: "joining objects", what: "there is nothing to join".to_owned() })
        }
    }
}
