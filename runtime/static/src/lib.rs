//! The runtime as a static library, which built programs and libraries link: the C interface, and what is done first in a
//! program. The object they are linked with defines the symbol `moe_program`.
#![allow(unsafe_code)]

use moe_runtime::c::{open, Message, ModelHandle};
use moe_runtime::command::{run_program, LoadedProgram, BUG_STATUS};
use moe_runtime::{Description, Error};
use std::ffi::{c_char, c_int, CStr};
use std::panic::catch_unwind;

extern "C" {
    /// What the compiler wrote.
    #[allow(non_upper_case_globals)]
    static moe_program: Description;
}

fn load() -> Result<LoadedProgram, Error> {
    // SAFETY: the compiler wrote it, together with the kernels.
    unsafe { moe_program.load() }
}

/// The `main` of a built program.
///
/// # Safety
/// As for every `main`: there are `count` texts, each of which ends with a 0.
#[no_mangle]
pub unsafe extern "C" fn moe_main(count: c_int, texts: *const *const c_char) -> c_int {
    let text = |index: usize| {
        // SAFETY: the caller vouches for the texts.
        unsafe { CStr::from_ptr(*texts.add(index)) }.to_string_lossy().into_owned()
    };
    let count = usize::try_from(count).unwrap_or(0);
    let run = || run_program(&(1..count).map(text).collect::<Vec<_>>(), load);
    catch_unwind(run).unwrap_or(BUG_STATUS)
}

/// Opens the model of this library; see the header.
///
/// # Safety
/// As the header says of each pointer.
#[no_mangle]
pub unsafe extern "C" fn moe_model_open(
    weights: *const c_char,
    threads: u32,
    model: *mut *mut ModelHandle,
    message: *mut Message,
) -> i32 {
    // SAFETY: the caller vouches for the pointers.
    unsafe { open(load, weights, threads, model, message) }
}

/// Brings the rest of the C interface into the library.
#[doc(hidden)]
pub use moe_runtime::c as interface;
