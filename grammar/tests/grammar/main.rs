//! Tests of the grammar as its users see it.

mod library;
