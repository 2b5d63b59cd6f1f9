//! What the compiler says to people: one model of a diagnostic, printed for a terminal, in short form or as JSON.
//!
//! Every code has one file in `codes/`, which holds its text, a wrong and a right example; `moe explain E0101` prints it
//! and the tests check both examples.

mod codes;
mod model;
mod render;

pub use codes::{example, explain, CODES};
pub use model::{Diagnostic, Label, Severity};
pub use render::{json, position, render, Format, Position, Texts};
