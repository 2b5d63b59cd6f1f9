//! Products of integers by every back end, as the evaluator has them, bit for bit: layers, extreme numbers, mixtures of experts of bytes.

use crate::road;
use moe_driver::{compile, kernels_in_memory, Backend, Cache, Compiled, Selection, Session};
use moe_graph::{Element, Parameter, ParameterKind};
use moe_kernel::Target;
use moe_runtime::{Context, Kernels, Tensor};

/// Processors whose kernels any other that can run them does too: with fours of bytes if this one has them, with pairs of words in vectors of
/// 32 and 16 bytes.
const CPUS: [&str; 3] = ["native", "x86-64-v3", "x86-64"];

struct Case {
    session: Session,
    selection: Selection,
    compiled: Compiled,
    _folder: tempfile::TempDir,
}

impl Case {
    fn new(text: &str) -> Case {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.moe");
        std::fs::write(&path, format!("moe 1\n{text}")).unwrap();
        let Ok(session) = Session::open(&path) else { panic!("the model cannot be read") };
        let selection = Selection::default();
        let compiled = compile(&session, &selection)
            .unwrap_or_else(|failure| panic!("the model does not compile: {:#?}", failure.diagnostics));
        Case { session, selection, compiled, _folder: folder }
    }

    fn plan(&self, target: &Target) -> moe_kernel::Plan {
        match self.compiled.plan(&self.session, &self.selection, target, &[]) {
            Ok(plan) => plan,
            Err(_) => panic!("the model cannot be scheduled"),
        }
    }

    /// Compares what each back end gives for so many rows with the evaluator.
    fn check(&self, rows: &[i64], fill: &mut dyn FnMut(&Parameter, usize) -> Vec<f64>) {
        let module = &self.compiled.elaborated.module;
        let entry = module.entry().unwrap();
        let steps: Vec<Vec<Tensor>> = rows
            .iter()
            .map(|rows| entry.parameters.iter().map(|own| tensor(entry, own, *rows, fill)).collect())
            .collect();
        let expected: Vec<_> = steps.iter().map(|step| road::reference(module, step).unwrap()).collect();
        let compare = |name: &str, plan: &moe_kernel::Plan, kernels: Kernels| {
            let weights = road::of_kind(&entry.parameters, &steps[0], ParameterKind::Weight).collect();
            let model = road::opened(plan, kernels, &weights).unwrap();
            let mut context = Context::new(&model, Some(2)).unwrap();
            for ((rows, step), expected) in rows.iter().zip(&steps).zip(&expected) {
                let inputs = road::of_kind(&entry.parameters, step, ParameterKind::Input);
                let inputs: Vec<Tensor> = inputs.map(|(_, tensor)| tensor).collect();
                for (found, expected) in context.run(&inputs).unwrap().iter().zip(expected) {
                    same(found, expected, &format!("{name}, {rows} rows"));
                }
            }
        };
        let plan = self.plan(&moe_cranelift::target());
        compare("cranelift", &plan, road::cranelift(&plan).unwrap());
        let Ok((backend @ Backend::Llvm(_), _)) = moe_driver::choose(None) else { return };
        for cpu in CPUS {
            let plan = self.plan(&backend.target(cpu).unwrap());
            let kernels = kernels_in_memory(&backend, &plan.kernels, &Cache::of_user()).unwrap();
            compare(cpu, &plan, kernels);
        }
    }
}

/// That integers are equal, and floats but for the last roundings.
fn same(found: &Tensor, expected: &Tensor, place: &str) {
    if expected.element() != Element::F32 {
        assert_eq!(found, expected, "{place}");
        return;
    }
    for (found, expected) in found.to_f64().into_iter().zip(expected.to_f64()) {
        let near = (found - expected).abs() <= 2e-6 * expected.abs().max(1.0);
        assert!(near, "{found} is not {expected}, {place}");
    }
}

/// A parameter's tensor: weights are the same for all numbers of rows.
fn tensor(
    entry: &moe_graph::Function,
    parameter: &Parameter,
    rows: i64,
    fill: &mut dyn FnMut(&Parameter, usize) -> Vec<f64>,
) -> Tensor {
    let size = |axis: &moe_graph::AxisId| entry.size(*axis).evaluate(&|_| Some(rows)).unwrap() as usize;
    let shape: Vec<usize> = parameter.ty.axes.iter().map(size).collect();
    let values = fill(parameter, shape.iter().product());
    let bytes = values.iter().flat_map(|value| match parameter.ty.element {
        Element::F32 => (*value as f32).to_le_bytes().to_vec(),
        Element::I8 => vec![*value as i8 as u8],
        Element::U8 => vec![*value as u8],
        other => panic!("{other}"),
    });
    Tensor::new(parameter.ty.element, shape, bytes.collect()).unwrap()
}

/// Numbers of all bytes, or quarters below 4, always the same for a parameter.
fn drawn(parameter: &Parameter, count: usize) -> Vec<f64> {
    let mut state = parameter.name.bytes().fold(7_u64, |state, byte| state * 31 + u64::from(byte));
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let number = |drawn: u64| match parameter.ty.element {
        Element::F32 => (drawn % 33) as f64 / 4.0 - 4.0,
        Element::I8 => f64::from(drawn as i8),
        _ => f64::from(drawn as u8),
    };
    (0..count).map(|_| number(next())).collect()
}

fn layer(d: usize, h: usize, x: &str, w: &str) -> String {
    format!(
        "model Layer(x: {x}[N, D = {d}]) -> i32[N, H] {{\n    weight w: {w}[D, H = {h}] = 1\n    (x as i32) @ (w as i32)\n}}\n"
    )
}

#[test]
fn layers_of_bytes() {
    for (d, h, x, w) in
        [(100, 37, "i8", "i8"), (64, 96, "i8", "i8"), (130, 50, "u8", "i8"), (47, 33, "i8", "u8")]
    {
        Case::new(&layer(d, h, x, w)).check(&[1, 7, 16, 128], &mut drawn);
    }
}

#[test]
fn extreme_bytes_do_not_saturate() {
    let case = Case::new(&layer(1030, 37, "i8", "i8"));
    for (x, w) in [(-128.0, -128.0), (-128.0, 127.0), (127.0, -128.0), (127.0, 127.0)] {
        let mut all = |parameter: &Parameter, count| {
            vec![if parameter.kind == ParameterKind::Weight { w } else { x }; count]
        };
        case.check(&[1, 7, 16], &mut all);
    }
    let case = Case::new(&layer(1030, 37, "u8", "i8"));
    case.check(&[1, 16], &mut |parameter, count| {
        vec![if parameter.kind == ParameterKind::Weight { -128.0 } else { 255.0 }; count]
    });
}

#[test]
fn sums_wrap() {
    let text = "model Wrap(x: i8[N, D = 96]) -> i32[N, H] {
    weight w: i8[D, H = 40] = 1
    ((x as i32) * 16777259) @ (w as i32) + 2147483647
}
";
    Case::new(text).check(&[1, 7], &mut drawn);
}

/// A mixture of experts whose weights are bytes with a scale for each column; each row of features is rounded to bytes by its own scale.
const MIXTURE: &str = "
fn quantized(x: f32[.., D]) -> (entries: i8[.., D], scale: f32[..]) {
    let scale = max(max d: D { abs(x[.., d]) }, 0.0078125) / 127.0
    (entries = min(max(round(x / scale), -127.0), 127.0) as i8, scale = scale)
}

layer linear[H](x: f32[.., D]) -> f32[.., H] {
    weight w: i8[D, H] = 1
    weight scale: f32[H] = 0.5
    let q = quantized(x)
    ((q.entries as i32) @ (w as i32)) as f32 * scale * q.scale
}

expert feed_forward[H](x: f32[.., D]) -> f32[.., D] {
    part up = linear[H]
    part down = linear[D]
    down(max(up(x), 0.0))
}

model Mixture(x: f32[N, D = 100]) -> f32[N, D] {
    weight score: f32[D, E = 4]
    part experts = [feed_forward[37]; E]
    let s = x @ score
    let chosen = largest_mask[1](s, over E)
    sum e: E { where(chosen[.., e], experts[e](x), 0.0) }
}
";

#[test]
fn experts_of_bytes_with_rows_rounded_while_running() {
    let case = Case::new(MIXTURE);
    case.check(&[1, 7, 16, 128], &mut drawn);
    let explanation = case.compiled.explanation();
    assert!(explanation.contains("rows: where"), "{explanation}");
}

#[test]
fn products_of_bytes_are_the_instructions_of_the_processor() {
    let Ok((backend @ Backend::Llvm(_), _)) = moe_driver::choose(None) else { return };
    for text in [layer(100, 64, "i8", "i8"), MIXTURE.to_owned()] {
        let case = Case::new(&text);
        let assembly = |cpu: &str| {
            let plan = case.plan(&backend.target(cpu).unwrap());
            let products = plan.kernels.into_iter().filter(|kernel| kernel.name.contains("product_"));
            backend.text(&products.collect::<Vec<_>>(), "asm", cpu).unwrap()
        };
        assert!(assembly("x86-64-v3").contains("vpmaddwd"));
        assert!(assembly("x86-64").contains("pmaddwd"));
        assert!(assembly("cascadelake").contains("vpdpbusd"));
        assert!(assembly("alderlake").contains("vpdpbusd"));
        assert!(!assembly("skylake-avx512").contains("vpdpbusd"));
    }
}
