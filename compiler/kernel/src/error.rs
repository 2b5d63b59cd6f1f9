//! What can be wrong with a kernel.

use thiserror::Error;

/// A kernel that breaks the rules of the form, or that did so while it was interpreted. Either is a mistake of the
/// compiler, never of the user.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum KernelError {
    /// The kernel breaks a rule of the form.
    #[error("kernel `{kernel}`: {message}{}", place(.statement))]
    Invalid {
        /// The kernel's name.
        kernel: String,
        /// The statement, as the printer writes its first line; empty when it is none in particular.
        statement: String,
        /// What is wrong, in one line without a full stop.
        message: String,
    },
    /// The buffers or sizes given are not those that the kernel takes.
    #[error("kernel `{kernel}` takes {expected} {what}, not {given}")]
    Arguments {
        /// The kernel's name.
        kernel: String,
        /// `buffers` or `sizes`.
        what: &'static str,
        /// How many it takes.
        expected: usize,
        /// How many there are.
        given: usize,
    },
    /// An entry outside a buffer was read or written.
    #[error("kernel `{kernel}`: entry {index} of `{buffer}`, which has {length}{}", place(.statement))]
    OutOfBounds {
        /// The kernel's name.
        kernel: String,
        /// The statement, as the printer writes its first line.
        statement: String,
        /// The buffer's name.
        buffer: String,
        /// The entry.
        index: i64,
        /// How many entries the buffer has.
        length: usize,
    },
    /// An operation whose result is not defined: an integer division by zero, a shift by the width or more.
    #[error("kernel `{kernel}`: {message}{}", place(.statement))]
    Undefined {
        /// The kernel's name.
        kernel: String,
        /// The statement, as the printer writes its first line.
        statement: String,
        /// What happened.
        message: &'static str,
    },
}

fn place(statement: &str) -> String {
    if statement.is_empty() {
        String::new()
    } else {
        format!(", in `{statement}`")
    }
}
