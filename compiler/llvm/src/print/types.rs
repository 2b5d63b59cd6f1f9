//! Element and value types as MLIR writes them.
//!
//! Signedness is a matter of operations, not of types. The 16-bit floats are `i16`: they are storage only, and LLVM would
//! call library functions for them on processors without the instructions. Truth values are `i1`, in memory `i8`.

use moe_kernel::ValueType;
use moe_runtime::Element;

/// The type of one lane of a value.
pub(super) fn lane(element: Element) -> &'static str {
    match element {
        Element::F64 => "f64",
        Element::F32 => "f32",
        Element::Bf16 | Element::F16 => "i16",
        Element::I64 | Element::U64 => "i64",
        Element::I32 | Element::U32 => "i32",
        Element::I8 | Element::U8 => "i8",
        Element::Bool => "i1",
    }
}

/// The type of one entry of a buffer.
pub(super) fn entry(element: Element) -> &'static str {
    match element {
        Element::Bool => "i8",
        other => lane(other),
    }
}

/// A type with lanes: the type itself for one, else a vector.
pub(super) fn of(lane: &str, lanes: u32) -> String {
    if lanes == 1 {
        lane.to_owned()
    } else {
        format!("vector<{lanes}x{lane}>")
    }
}

/// The type of a value.
pub(super) fn value(of_value: ValueType) -> String {
    of(lane(of_value.element), of_value.lanes)
}

/// The type of a buffer.
pub(super) fn buffer(element: Element) -> String {
    format!("memref<?x{}>", entry(element))
}
