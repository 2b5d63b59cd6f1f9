//! The kernel form: what schedulers write and printers read, with all that every reader of it needs — a builder, a
//! printer, a verifier and an interpreter that says what a kernel means.

pub mod builder;
pub mod error;
pub mod form;
mod interpret;
pub mod print;
mod tuning;
mod types;
mod verify;

pub use builder::{Buffer, Builder, OpenIf, OpenLoop};
pub use error::KernelError;
pub use form::*;
pub use interpret::{interpret, number::scalar_bits};
pub use print::print;
pub use tuning::{Blocking, ProductShape, Tuning};
pub use verify::verify;
