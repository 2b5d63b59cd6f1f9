//! One file for each command.

pub mod bench;
pub mod build;
pub mod check;
pub mod completions;
pub mod emit;
pub mod explain;
pub mod format;
pub mod info;
pub mod inspect;
pub mod new;
pub mod run;
pub mod test;
pub mod weights;

use crate::arguments::SelectionArguments;
use moe_driver::{MachineChoice, Selection};

impl SelectionArguments {
    /// Which description of the machine is meant.
    pub fn machine(&self) -> MachineChoice {
        match &self.machine {
            None => MachineChoice::OfUser,
            Some(path) if path.is_empty() => MachineChoice::BuiltIn,
            Some(path) => MachineChoice::File(path.into()),
        }
    }
}

impl From<&SelectionArguments> for Selection {
    fn from(arguments: &SelectionArguments) -> Self {
        Selection {
            model: arguments.model.clone(),
            settings: arguments.settings.clone(),
            mapping: arguments.mapping.clone(),
            fast_math: arguments.fast_math.clone(),
            machine: arguments.machine(),
            deterministic: arguments.deterministic,
            specialize: arguments.specialize.clone(),
        }
    }
}
