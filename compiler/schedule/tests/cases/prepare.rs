//! What weights and constants decide alone is worked out once, when weights are loaded.

use crate::support::{
    self, agree, expected, model, module, plan, plan_forms, random, sized, Machine, Split, AVX2, AVX512,
    CRANELIFT,
};
use moe_graph::{
    Builder, Element, Module, Operation, OutputKind, ParameterKind, ReduceKind, Scalar, ScalarFunction, Size,
    Type,
};
use moe_runtime::program::{Launch, Place, Program, Step};
use moe_runtime::sizes::evaluate;
use moe_runtime::Tensor;
use moe_schedule::FormRequest;

const SCALED: &str = "moe 1
model Scaled(x: f32[N, D = 24]) -> f32[N, H] {
    weight w: f32[D, H = 64] = glorot
    weight s: f32[H] = ones
    x @ (w * s)
}
";

/// A layer, for models that have several.
const LAYER: &str = "moe 1
layer scaled(x: f32[N, D]) -> f32[N, D] {
    weight w: f32[D, H = 16] = glorot
    weight back: f32[H, D] = glorot
    weight s: f32[H] = ones
    x + 0.03125 * ((x @ (w * tanh(s))) @ back)
}
";

/// Runs a model as it was written, for several numbers of rows, against the evaluator; gives its program.
fn check(text: &str) -> Program {
    let module = model(text, None, false);
    support::check(&module, &[&[("N", 0)], &[("N", 1)], &[("N", 5)], &[("N", 33)]], |_| {});
    program(&module)
}

/// The same for a model of [`LAYER`]s.
fn check_layers(text: &str) -> Program {
    check(&format!("{LAYER}{text}"))
}

fn program(module: &Module) -> Program {
    plan(module, &AVX2).program
}

fn launches(steps: &[Step]) -> Vec<&Launch> {
    fn inner(step: &Step) -> Vec<&Launch> {
        match step {
            Step::Launch(launch) => vec![launch],
            Step::Repeat(repeat) => launches(&repeat.body),
        }
    }
    steps.iter().flat_map(inner).collect()
}

/// Whether steps read a weight as it lies in its file.
fn reads(program: &Program, weight: &str) -> bool {
    let place = program.weights.iter().position(|own| own.tensor.name == weight).unwrap() as u32;
    let lies = |buffer: &u32| {
        let mut own = &program.buffers[*buffer as usize].place;
        while let Place::Round { buffer, .. } = own {
            own = &program.buffers[*buffer as usize].place;
        }
        *own == Place::Weight(place)
    };
    launches(&program.forms[0].step).iter().any(|launch| launch.buffers.iter().any(lies))
}

fn prepared_bytes(program: &Program) -> i64 {
    evaluate(&program.prepared_bytes, &[]).unwrap()
}

#[test]
fn a_scaled_weight_is_worked_out_once_and_kept_in_panels_alone() {
    let program = check(SCALED);
    assert_eq!(program.forms[0].step.len(), 1);
    assert!(!reads(&program, "w") && !reads(&program, "s"));
    // The scaled weight, and that in panels: when the panels are there, nobody reads it any more, but it was there beside them.
    assert_eq!(prepared_bytes(&program), 2 * 24 * 64 * 4);
}

/// What two forms of a step need of the weights is made once for both.
#[test]
fn forms_share_what_is_prepared() {
    let module = model(SCALED, None, false);
    let forms = [FormRequest { from: 0, module: &module }, FormRequest { from: 3, module: &module }];
    for target in [CRANELIFT, AVX2, AVX512] {
        let both = plan_forms(&forms, &["N".to_owned()], &target, &[]);
        let one = plan(&module, &target);
        assert_eq!(both.program.forms.len(), 2);
        assert_eq!(prepared_bytes(&both.program), prepared_bytes(&one.program));
        assert_eq!(both.program.prepare.len(), one.program.prepare.len());
        assert_eq!(both.kernels.len(), one.kernels.len());
        for rows in [0, 1, 2, 3, 40] {
            let given = sized(&module, &[("N", rows)]);
            let expected = expected(&module, &given);
            let found = Machine::new(&both, &module, &given, Split::Odd).run().unwrap();
            agree(&found, &expected);
        }
    }
}

#[test]
fn a_merged_adapter_is_a_product_of_weights() {
    let program = check(
        "moe 1
model Merged(x: f32[N, D = 24]) -> f32[N, H] {
    weight w: f32[D, H = 40] = glorot
    weight down: f32[D, R = 4] = glorot
    weight up: f32[R, H] = glorot
    x @ (w + down @ up)
}
",
    );
    assert_eq!(program.forms[0].step.len(), 1);
    assert!(!reads(&program, "w") && !reads(&program, "down") && !reads(&program, "up"));
}

#[test]
fn layers_are_prepared_for_all_rounds_at_once() {
    let program = check_layers(
        "model Layers[L = 3](x: f32[N, D = 24]) -> f32[N, D] {
    part layers = [scaled; L]
    let h = x
    repeat i in L { h = layers[i](h) }
    h
}
",
    );
    assert!(!reads(&program, "layers.w") && !reads(&program, "layers.s"));
}

/// A scale for each column goes behind the product, so that the weight stays as small as it is stored.
#[test]
fn quantized_weights_are_read_as_they_are_stored() {
    let text = "moe 1
model Quantized(x: f32[N, D = 64]) -> f32[N, H] {
    weight w: i8[D, H = 64] = zeros
    weight s: f32[H] = ones
    x @ (w as f32 * s)
}
";
    let module = model(text, None, true);
    // In panels, a byte for each entry.
    assert_eq!(prepared_bytes(&program(&module)), 64 * 64);
}

#[test]
fn views_of_weights_are_not_copied() {
    let program = check(
        "moe 1
model Views(x: f32[N, D = 24]) -> f32[N] {
    weight w: bf16[D] = glorot
    sum(x * (w as f32), over D)
}
",
    );
    assert_eq!(prepared_bytes(&program), 0);
    assert!(reads(&program, "w"));
}

#[test]
fn a_table_is_not_scaled_as_a_whole_for_a_few_rows() {
    let mut b = Builder::new("main");
    let (n, v, d) = (b.axis("N", Size::symbol("N")), b.axis("V", 1000), b.axis("D", 64));
    let ty = |element, axes| Type { element, axes };
    let table = b.parameter("table", ParameterKind::Weight, ty(Element::F32, vec![v, d]));
    let index = b.parameter("index", ParameterKind::Input, ty(Element::I64, vec![n]));
    let eight = b.constant(Scalar::f32(8.0));
    let scaled = b.map(ScalarFunction::Multiply, &[table, eight]).unwrap();
    let rows = b.add(Operation::Gather { axis: v }, &[scaled, index]).unwrap();
    b.output("rows", rows, vec![n, d], OutputKind::Result);
    let program = program(&module(b));
    assert_eq!(prepared_bytes(&program), 0);
}

/// What a weight names is looked up once; an index outside its axis stops the loading.
#[test]
fn rows_that_a_weight_names_are_looked_up_once() {
    let mut b = Builder::new("main");
    let (n, e, d, h) = (b.axis("N", Size::symbol("N")), b.axis("E", 4), b.axis("D", 16), b.axis("H", 32));
    let place = b.axis("Place", 4);
    let ty = |element, axes| Type { element, axes };
    let x = b.parameter("x", ParameterKind::Input, ty(Element::F32, vec![n, place, d]));
    let w = b.parameter("w", ParameterKind::Weight, ty(Element::F32, vec![e, d, h]));
    let order = b.parameter("order", ParameterKind::Weight, ty(Element::I64, vec![place]));
    let permuted = b.add(Operation::Gather { axis: e }, &[w, order]).unwrap();
    let product = b.map(ScalarFunction::Multiply, &[x, permuted]).unwrap();
    let sum = b.reduce(ReduceKind::Sum, &[d], product).unwrap();
    b.output("y", sum, vec![n, place, h], OutputKind::Result);
    let module = module(b);
    let plan = plan(&module, &AVX2);
    assert!(!reads(&plan.program, "w") && !reads(&plan.program, "order"));
    let given = |order: [i64; 4]| {
        let [x, w] = [vec![3, 4, 16], vec![4, 16, 32]].map(|shape| random(Element::F32, shape, 7));
        [x, w, Tensor::from_i64(vec![4], &order).unwrap()]
    };
    let (good, bad) = (given([2, 0, 3, 1]), given([2, 0, 4, 1]));
    let expected = expected(&module, &good);
    agree(&Machine::new(&plan, &module, &good, Split::Odd).run().unwrap(), &expected);
    let fault = Machine::new(&plan, &module, &bad, Split::Odd).run().unwrap_err();
    assert_eq!(fault.code, "E0901");
}

#[test]
fn loops_in_loops_and_loops_of_unknown_length() {
    let program = check_layers(
        "layer group[M](x: f32[N, D]) -> f32[N, D] {
    part layers = [scaled; M]
    weight gain: f32[D] = ones
    let h = x * tanh(gain)
    repeat i in M { h = layers[i](h) }
    h
}
model Groups[L = 2, M = 3](x: f32[N, D = 24]) -> f32[N, D] {
    part groups = [group[M]; L]
    weight t: f32[D] = ones
    let h = x
    repeat i in L { h = groups[i](h) }
    fold 3 with y = h { 0.25 * y * tanh(t) }
}
",
    );
    assert!(!reads(&program, "t") && !reads(&program, "groups.gain"));
}
