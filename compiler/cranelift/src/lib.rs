//! cranelift
