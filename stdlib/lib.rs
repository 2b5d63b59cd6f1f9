//! The standard library, as it was when the program that holds it was built.

include!(concat!(env!("OUT_DIR"), "/files.rs"));
