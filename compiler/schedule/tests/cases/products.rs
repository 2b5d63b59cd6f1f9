//! Products of two inputs: laid in panels while running where there are rows enough, read as they lie where not.

use crate::support::{
    check_rows, expected, model, plan, plan_tuned, random, rough, run, sized, Machine, Split, AVX2, AVX512,
    CRANELIFT,
};
use moe_graph::Element;
use moe_kernel::{Blocking, Tuning};
use moe_schedule::FormRequest;

/// How many launches lay operands in panels.
fn laid(plan: &moe_kernel::Plan) -> usize {
    plan.program.kernels.iter().filter(|kernel| kernel.name.starts_with("panels")).count()
}

/// A product at sizes, on all machines, against the evaluator; `operands` are laid.
fn check(text: &str, sizes: &[(&str, i64)], operands: usize) {
    let module = model(&format!("moe 1\n{text}"), None, true);
    let given = sized(&module, sizes);
    let expected = expected(&module, &given);
    for target in [CRANELIFT, AVX2, AVX512] {
        assert_eq!(laid(&plan(&module, &target)), operands, "{text}");
        assert_eq!(run(&module, &given, &target, Split::Odd), expected, "{text} at {sizes:?}");
    }
}

#[test]
fn right_sides_are_laid_in_panels_for_many_rows() {
    let text = "model Product(x: f32[N, D = 130], y: f32[D, H = 260]) -> f32[N, H] { x @ y + x @ y * 0.5 }";
    for rows in [0, 1, 31, 32, 45] {
        check(text, &[("N", rows)], 1);
    }
    let text = "model Product(x: f32[N = 32, D = 512], y: f32[D, H = 64]) -> f32[N, H] { x @ y }";
    check(text, &[], 1);
}

#[test]
fn few_rows_and_small_right_sides_are_read_as_they_lie() {
    check("model Few(x: f32[N = 31, D = 300], y: f32[D, H = 120]) -> f32[N, H] { x @ y }", &[], 0);
    check("model Small(x: f32[N, D = 100], y: f32[D, H = 37]) -> f32[N, H] { x @ y }", &[("N", 40)], 0);
}

#[test]
fn free_columns_and_free_sums() {
    let columns = "model Free(x: f32[N, D = 40], y: f32[D, H]) -> f32[N, H] { x @ y }";
    for (rows, columns_of_it) in [(33, 1), (34, 50), (35, 129), (2, 70)] {
        check(columns, &[("N", rows), ("H", columns_of_it)], 1);
    }
    let sums = "model Free(x: f32[N, D], y: f32[D, H = 90]) -> f32[N, H] { x @ y }";
    for (rows, summed) in [(33, 0), (40, 1), (32, 77), (3, 70)] {
        check(sums, &[("N", rows), ("D", summed)], 1);
    }
}

#[test]
fn a_left_side_whose_rows_lie_together_is_laid_too() {
    let text = "model Gradient(x: f32[N, M = 45], y: f32[N, H = 100]) -> f32[M, H] { sum(x * y, over N) }";
    for summed in [0, 1, 70, 130] {
        check(text, &[("N", summed)], 2);
    }
}

#[test]
fn batches_and_other_elements() {
    let batch = "model Batch(x: f32[B = 3, N, D = 130], y: f32[B, D, H = 260]) -> f32[B, N, H] { x @ y }";
    check(batch, &[("N", 33)], 1);
    let heads = "model Heads(x: f32[N, B = 2, D = 128], y: f32[D, B, H = 270]) -> f32[B, N, H] { x @ y }";
    check(heads, &[("N", 40)], 1);
    let wide = "model Wide(x: f64[N, D = 130], y: f64[D, H = 260]) -> f64[N, H] { x @ y }";
    check(wide, &[("N", 33)], 1);
    let narrow = "model Narrow(x: f32[N, D = 130], y: bf16[D, H = 260]) -> f32[N, H] { x @ (y as f32) }";
    check(narrow, &[("N", 37)], 1);
}

#[test]
fn a_row_does_not_depend_on_how_many_there_are() {
    let module = model(
        "moe 1\nmodel Product(x: f32[N, D = 130], y: f32[D, H = 260]) -> f32[N, H] { x @ y }",
        None,
        true,
    );
    let given = [(vec![40, 130], 1), (vec![130, 260], 2)]
        .map(|(shape, seed)| rough(&random(Element::F32, shape, seed), 7));
    for target in [AVX2, AVX512] {
        check_rows(&module, &given, 1, &target, &[1, 5, 31, 32, 39]);
    }
}

#[test]
fn lanes_along_the_sum() {
    for (rows, summed, columns) in [(1, 100, 7), (6, 64, 33), (70, 37, 66)] {
        let text = format!(
            "model Right(x: f32[N, D = {summed}], y: f32[H = {columns}, D]) -> f32[N, H] {{ x @ y }}"
        );
        check(&text, &[("N", rows)], 0);
    }
}

/// However products are cut up, each sum is added up in the same order.
#[test]
fn what_was_measured_changes_no_bits() {
    let text = "moe 1
use std::expert::swiglu::swiglu
use std::gate::top_k::top_k
model Mixture[D = 33, H = 50, E = 4, K = 2](x: f32[N, D]) -> f32[N, D] {
    part gate = top_k[E, K]
    part experts = [swiglu[H]; E]
    let g = gate(x)
    x + sum e: E { g[_, e] * experts[e](x) }
}";
    let module = model(text, None, true);
    let given: Vec<_> = sized(&module, &[("N", 40)]).iter().map(|tensor| rough(tensor, 7)).collect();
    for target in [CRANELIFT, AVX2, AVX512] {
        let forms = [FormRequest::only(&module)];
        let run = |tuning: &Tuning| {
            let plan = plan_tuned(&forms, &[], &target, &[], tuning);
            let products: Vec<_> = plan.products.values().cloned().collect();
            (Machine::new(&plan, &module, &given, Split::Odd).run().unwrap(), products)
        };
        let (usual, products) = run(&Tuning::new());
        assert!(products.len() >= 2 && products.iter().any(|product| product.products == 2), "{products:?}");
        for (vectors, panel_bytes, rows, ahead) in [(1, 1, 1, 0), (4, 1 << 20, 48, 1024), (8, 1 << 12, 9, 3)]
        {
            let blocking = Blocking { vectors, panel_bytes, rows, ahead };
            let tuning = products.iter().map(|product| (product.clone(), blocking)).collect();
            assert_eq!(run(&tuning).0, usual, "{blocking:?}");
        }
    }
}
