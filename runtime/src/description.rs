//! The program inside an executable or library, where the linker put it.
#![allow(unsafe_code)]

use crate::command::{open_text, LoadedProgram, OpenText};
use crate::error::{codes, Error};
use crate::model::Kernels;
use crate::program::{KernelFunction, Program, FORMAT_VERSION};
use crate::weights::WeightFile;
use std::ffi::c_void;

/// What the symbol `moe_program` of an executable or library is.
#[repr(C)]
pub struct Description {
    /// [`FORMAT_VERSION`] of the compiler that wrote it.
    pub format: u64,
    /// The [`Program`], in the form of `postcard`.
    pub program: *const u8,
    /// Its bytes.
    pub program_length: u64,
    /// The functions, in the order of [`Program::kernels`].
    pub kernels: *const KernelFunction,
    /// How many.
    pub kernel_count: u64,
    /// The weights inside, as a `.safetensors` file; null if there are none.
    pub weights: *const u8,
    /// Their bytes.
    pub weights_length: u64,
    /// Points at [`moe_text`] where the program takes texts, else null. Nothing else brings tokenizers into a program.
    pub text: *const c_void,
}

/// What reads tokenizers, under the name by which the linker knows it.
#[no_mangle]
#[allow(non_upper_case_globals)]
pub static moe_text: OpenText = open_text;

// SAFETY: it is only read, and so is what it points at.
unsafe impl Sync for Description {}

impl Description {
    /// The program, its machine code and its weights.
    ///
    /// # Errors
    /// If it is of another version, or damaged.
    ///
    /// # Safety
    /// The pointers point at as much as the lengths say, for as long as the process lives, and the functions do what the
    /// program launches them for.
    pub unsafe fn load(&self) -> Result<LoadedProgram, Error> {
        if self.format != u64::from(FORMAT_VERSION) {
            let found = self.format;
            let message =
                format!("the program has format {found} and this runtime reads format {FORMAT_VERSION}");
            return Err(Error::new(codes::PROGRAM, message).hint("link it with the runtime of its compiler"));
        }
        // SAFETY: the caller vouches for pointers and lengths.
        let (program, functions, weights) = unsafe {
            (
                slice(self.program, self.program_length),
                slice(self.kernels, self.kernel_count),
                slice(self.weights, self.weights_length),
            )
        };
        let program: Program = postcard::from_bytes(program)
            .map_err(|error| Error::new(codes::PROGRAM, format!("the program is damaged: {error}")))?;
        // SAFETY: the caller vouches for the functions.
        let kernels = unsafe { Kernels::new(functions.to_vec(), Box::new(())) };
        let weights = if self.weights.is_null() { None } else { Some(WeightFile::embedded(weights)?) };
        // SAFETY: the caller vouches for the pointer.
        let text = unsafe { self.text.cast::<OpenText>().as_ref() }.copied();
        Ok(LoadedProgram { program, kernels, weights, text })
    }
}

/// SAFETY: the pointer is null or points at so many entries, for as long as the process lives.
unsafe fn slice<T>(pointer: *const T, length: u64) -> &'static [T] {
    match usize::try_from(length) {
        // SAFETY: as above.
        Ok(length) if !pointer.is_null() => unsafe { std::slice::from_raw_parts(pointer, length) },
        _ => &[],
    }
}
