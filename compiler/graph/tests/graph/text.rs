//! The text form.

use crate::example;
use moe_graph::{parse_module, print_module};

#[test]
fn every_primitive_has_a_text_form_that_reads_back() {
    let module = example::module();
    let text = print_module(&module);
    insta::assert_snapshot!(text);
    // NaN differs from itself only as a float; numbers are compared by bits.
    assert_eq!(parse_module(&text).unwrap(), module);
}

#[test]
fn what_is_no_module_is_an_error_with_a_line() {
    for (text, message) in [
        ("entry x", "line 1: `x` is no number that fits here"),
        (
            "function f {\n  axis N = 2\n  %1 = size[2]: i64\n}\nentry 0",
            "line 3: nodes are not numbered in order",
        ),
        ("function f {\n  %0 = sum[N]: f32\n}\nentry 0", "line 2: no axis `N`"),
        ("function f {\n  %0 = spin[2]: f32\n}\nentry 0", "line 2: no operation `spin`"),
        ("function f {\n  %0 = size[2]: f33\n}\nentry 0", "line 2: `f33` is no element type"),
        ("function f {\n  ?\n}", "line 2: cannot read `?`"),
        ("function f {\n}\nentry 0 1", "line 3: nothing may come after the entry"),
    ] {
        assert_eq!(parse_module(text).unwrap_err().to_string(), message);
    }
}
