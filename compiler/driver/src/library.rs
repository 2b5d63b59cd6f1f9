//! The standard library, as it was when this program was built.

include!(concat!(env!("OUT_DIR"), "/library.rs"));
