//! What the compiler says to people: one model of a diagnostic, printed for a terminal, in short form or as JSON.
//!
//! Every code has one file in `codes/`, which holds its text, a wrong and a right example; `moe explain E0101` prints it
//! and the tests compile both examples.

mod model;

pub use model::{Diagnostic, Label, Severity};
