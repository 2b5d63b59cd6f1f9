//! Programs and kernels for the tests.

use moe_runtime::program::*;
use moe_runtime::{Element, Error, Kernels, Model, Tensor, WeightFile};

pub fn size(value: i64) -> SizeExpression {
    SizeExpression::Constant(value)
}

pub fn symbol(index: u32) -> SizeExpression {
    SizeExpression::Symbol(index)
}

pub fn times(left: SizeExpression, right: SizeExpression) -> SizeExpression {
    SizeExpression::Multiply(Box::new(left), Box::new(right))
}

pub fn tensor(name: &str, element: Element, axes: &[(&str, SizeExpression)]) -> TensorDescription {
    let axis =
        |(name, size): &(&str, SizeExpression)| AxisDescription { name: (*name).into(), size: size.clone() };
    TensorDescription { name: name.into(), element, axes: axes.iter().map(axis).collect() }
}

pub fn buffer(name: &str, element: Element, length: SizeExpression, place: Place) -> Buffer {
    Buffer { name: name.into(), element, length, place }
}

pub fn launch(kernel: u32, buffers: &[u32], sizes: &[SizeExpression], extent: SizeExpression) -> Launch {
    Launch {
        kernel,
        buffers: buffers.to_vec(),
        sizes: sizes.to_vec(),
        extent: extent.clone(),
        grain: size(1),
        flops: times(extent.clone(), size(2)),
        bytes: times(extent, size(1 << 12)),
    }
}

/// The slice of a kernel's buffer.
///
/// SAFETY: the tests' programs give buffers that are long enough.
unsafe fn slice<'a, T>(buffers: *const *mut u8, index: usize, length: usize) -> &'a mut [T] {
    if length == 0 {
        return &mut [];
    }
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts_mut((*buffers.add(index)).cast::<T>(), length) }
}

/// `y[n, d] = x[n, d] * w[d]`; buffers x, w, y; size D; items are rows. Fault 0 where x is negative.
pub unsafe extern "C" fn scale(buffers: *const *mut u8, sizes: *const i64, begin: i64, end: i64) -> i32 {
    // SAFETY: as the launch says.
    unsafe {
        let width = *sizes as usize;
        let (x, w, y) = (
            slice::<f32>(buffers, 0, end as usize * width),
            slice::<f32>(buffers, 1, width),
            slice::<f32>(buffers, 2, end as usize * width),
        );
        for row in begin as usize..end as usize {
            for (column, factor) in w.iter().enumerate() {
                let at = row * width + column;
                if x[at] < 0.0 {
                    return 1;
                }
                y.as_mut_ptr().add(at).write(x[at] * factor);
            }
        }
        0
    }
}

/// `y[i] += x[i]`; buffers x, y.
pub unsafe extern "C" fn add(buffers: *const *mut u8, _: *const i64, begin: i64, end: i64) -> i32 {
    // SAFETY: as the launch says.
    unsafe {
        let (x, y) = (slice::<f32>(buffers, 0, end as usize), slice::<f32>(buffers, 1, end as usize));
        for item in begin as usize..end as usize {
            y[item] += x[item];
        }
        0
    }
}

/// `y[i] = x[i]`; buffers x, y.
pub unsafe extern "C" fn copy(buffers: *const *mut u8, _: *const i64, begin: i64, end: i64) -> i32 {
    // SAFETY: as the launch says.
    unsafe {
        let (x, y) = (slice::<f32>(buffers, 0, end as usize), slice::<f32>(buffers, 1, end as usize));
        y[begin as usize..end as usize].copy_from_slice(&x[begin as usize..end as usize]);
        0
    }
}

/// `count[0] = x[0] as i64`; buffers x (f32), count (i64).
pub unsafe extern "C" fn count(buffers: *const *mut u8, _: *const i64, _: i64, _: i64) -> i32 {
    // SAFETY: as the launch says.
    unsafe {
        slice::<i64>(buffers, 1, 1)[0] = slice::<f32>(buffers, 0, 1)[0] as i64;
        0
    }
}

/// A status that no fault has.
pub unsafe extern "C" fn unknown_status(_: *const *mut u8, _: *const i64, _: i64, _: i64) -> i32 {
    77
}

const TABLE: [(&str, KernelFunction); 5] =
    [("scale", scale), ("add", add), ("copy", copy), ("count", count), ("unknown_status", unknown_status)];

pub const SCALE: u32 = 0;
pub const ADD: u32 = 1;
pub const COPY: u32 = 2;
pub const COUNT: u32 = 3;
pub const UNKNOWN_STATUS: u32 = 4;

/// A program that does nothing, with the kernels of this file.
pub fn empty() -> Program {
    let describe = |name: &str| KernelDescription { name: name.to_owned(), origin: Some("test.moe".into()) };
    Program {
        backend: "rust".into(),
        symbols: vec![Symbol { name: "N".into() }],
        kernels: TABLE.iter().map(|(name, _)| describe(name)).collect(),
        faults: vec![Fault { code: "E0901".into(), message: "an entry is negative".into() }],
        forms: vec![form(size(0), Vec::new())],
        ..Program::empty("Test")
    }
}

/// The only form of a step.
pub fn form(arena_bytes: SizeExpression, step: Vec<Step>) -> Form {
    Form { from: 0, arena_bytes, thread_bytes: size(0), step }
}

/// `y[N, D = 3] = x[N, D] * w[D]`, by way of the arena: `h = x * w`, then `y = h`.
pub fn scaling() -> Program {
    let rows = || times(symbol(0), size(3));
    Program {
        inputs: vec![tensor("x", Element::F32, &[("N", symbol(0)), ("D", size(3))])],
        outputs: vec![tensor("y", Element::F32, &[("N", symbol(0)), ("D", size(3))])],
        weights: vec![WeightDescription {
            tensor: tensor("w", Element::F32, &[("D", size(3))]),
            source: None,
            left_out: Vec::new(),
        }],
        buffers: vec![
            buffer("x", Element::F32, rows(), Place::Input(0)),
            buffer("w", Element::F32, size(3), Place::Weight(0)),
            buffer("h", Element::F32, rows(), Place::Arena(size(64))),
            buffer("y", Element::F32, rows(), Place::Output(0)),
        ],
        forms: vec![form(
            SizeExpression::Add(Box::new(size(64)), Box::new(times(rows(), size(4)))),
            vec![
                Step::Launch(launch(SCALE, &[0, 1, 2], &[size(3)], symbol(0))),
                Step::Launch(launch(COPY, &[2, 3], &[], rows())),
            ],
        )],
        observations: vec![Observation {
            tensor: tensor("layer.h", Element::F32, &[("N", symbol(0)), ("D", size(3))]),
            buffers: vec![2],
        }],
        ..empty()
    }
}

pub fn kernels() -> Kernels {
    // SAFETY: the tests' programs launch each kernel as its comment says.
    unsafe { Kernels::new(TABLE.iter().map(|(_, function)| *function).collect(), Box::new(())) }
}

/// Weights `w = [1, 10, 100]`.
pub fn scaling_weights() -> WeightFile {
    WeightFile::from_tensors("W", &[("w".into(), Tensor::from_f32(vec![3], &[1.0, 10.0, 100.0]).unwrap())])
        .unwrap()
}

pub fn model(program: Program, weights: Option<WeightFile>) -> Result<Model, Error> {
    Model::with_threads(program, kernels(), weights, Some(1))
}

pub fn scaling_model() -> Model {
    model(scaling(), Some(scaling_weights())).unwrap()
}

/// An input of [`scaling`] whose entries count from 1.
pub fn rows(count: usize) -> Tensor {
    let entries: Vec<f32> = (0..count * 3).map(|entry| entry as f32 + 1.0).collect();
    Tensor::from_f32(vec![count, 3], &entries).unwrap()
}

/// What [`scaling`] makes of [`rows`].
pub fn scaled(count: usize) -> Vec<f64> {
    let factors = [1.0, 10.0, 100.0];
    (0..count * 3).map(|entry| (entry as f64 + 1.0) * factors[entry % 3]).collect()
}

/// [`scaling`], whose rows `N` are cut into `B` stretches by the offsets `t[B + 1]`; the longest has `T`.
pub fn stretched() -> Program {
    let scaling = scaling();
    let ends = SizeExpression::Add(Box::new(size(1)), Box::new(symbol(1)));
    let offsets = tensor("t", Element::I64, &[("t.offsets", ends)]);
    Program {
        symbols: ["N", "B", "T"].map(|name| Symbol { name: name.into() }).to_vec(),
        inputs: scaling.inputs.iter().cloned().chain([offsets]).collect(),
        offsets: vec![Offsets { input: 1, rows: symbol(0), longest: 2 }],
        outputs: vec![scaling.outputs[0].clone(), tensor("z", Element::F32, &[("T", symbol(2))])],
        ..scaling
    }
}
