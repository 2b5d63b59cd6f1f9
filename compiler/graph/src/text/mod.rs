//! The text form of the graph: one node a line with its type, axes by name, and what is known of it as a comment. It reads back to
//! an equal module.
//!
//! ```text
//! function main {
//!   axis N = N
//!   axis D = 4
//!   parameter input x: f32[N, D]
//!   %0 = parameter[0]: f32[N, D]
//!   %1 = sum[D] %0: f32[N]
//!   output result y = %1[N]
//! }
//! entry 0
//! ```
//!
//! A second axis of one name is written with its index, `N#3`. A node may be followed by the source it comes from, `@ file:start..end`.

mod lexer;
mod parse;
mod print;
mod read;

pub use parse::{parse_module, TextError};
pub use print::{print_fact, print_function, print_module};
