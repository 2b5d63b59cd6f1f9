//! The C interface, as `include/moe.h` says. What needs the symbol `moe_program` is in the static library's own crate.
#![allow(unsafe_code)]

mod context;
mod header;
mod model;
mod values;

pub use context::{
    moe_context_close, moe_context_open, moe_context_output_shape, moe_context_reset, moe_context_run,
    moe_context_run_into, ContextHandle,
};
pub use header::{exports, header, FUNCTIONS, HEADER};
pub use model::{
    moe_model_close, moe_model_input, moe_model_input_count, moe_model_name, moe_model_output,
    moe_model_output_count, open, DescriptionValue, ModelHandle,
};
pub use values::{element_number, Message, TensorValue};

use crate::error::{codes, Error};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// All is well.
const OK: i32 = 0;

/// Does the work of a function: its status, and its message where there is room for one. No panic goes on into C.
///
/// SAFETY: `message` is null or points at a message.
unsafe fn call(message: *mut Message, work: impl FnOnce() -> Result<(), Error>) -> i32 {
    let done = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Error::new(codes::BUG, "the runtime stopped unexpectedly")));
    let error = match done {
        Ok(()) => return OK,
        Err(error) => error,
    };
    // SAFETY: the caller vouches for the pointer.
    if let Some(message) = unsafe { message.as_mut() } {
        message.set(&error);
    }
    if error.code() == codes::CALL {
        return 2;
    }
    crate::command::status(&error)
}

fn misuse(what: &str) -> Error {
    Error::new(codes::CALL, what)
}

/// The version of the compiler that made this.
#[no_mangle]
pub extern "C" fn moe_version() -> *const std::ffi::c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
