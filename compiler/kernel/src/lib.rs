//! The kernel form: what schedulers write and printers read.

pub mod form;

pub use form::*;
