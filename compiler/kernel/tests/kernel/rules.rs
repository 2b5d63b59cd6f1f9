//! Kernels that break a rule, and what the verifier says.

use moe_graph::Scalar;
use moe_kernel::{
    verify, BinaryOperation, BufferParameter, Carried, Chosen, Comparison, Kernel, Operation, Statement,
    UnaryOperation, Value, ValueType,
};
use moe_runtime::Element;

const I64: ValueType = ValueType::INDEX;
const F32: ValueType = ValueType::scalar(Element::F32);
const F32X4: ValueType = ValueType::vector(Element::F32, 4);
const BOOL: ValueType = ValueType::CONDITION;

fn kernel(values: &[ValueType], body: Vec<Statement>) -> Kernel {
    let buffer = |name: &str, element, written| BufferParameter { name: name.into(), element, written };
    Kernel {
        name: "k".into(),
        span: None,
        buffers: vec![buffer("x", Element::F32, false), buffer("y", Element::F32, true)],
        sizes: vec!["n".into()],
        values: values.to_vec(),
        body,
    }
}

fn define(value: u32, operation: Operation) -> Statement {
    Statement::Define { value: Value(value), operation }
}

fn message(values: &[ValueType], body: Vec<Statement>) -> String {
    verify(&kernel(values, body)).unwrap_err().to_string()
}

#[track_caller]
fn refused(values: &[ValueType], body: Vec<Statement>, expected: &str) {
    let message = message(values, body);
    assert!(message.contains(expected), "{message}");
}

#[test]
fn definitions() {
    refused(
        &[I64],
        vec![define(0, Operation::Begin), define(0, Operation::End)],
        "v0 is defined twice, in `v0: i64 = end`",
    );
    let add = Operation::Binary(BinaryOperation::Add, Value(0), Value(0));
    refused(&[I64], vec![define(0, add)], "v0 is used before it is defined");
    refused(&[], vec![define(3, Operation::Begin)], "there is no value v3");
    refused(&[ValueType::vector(Element::F32, 3)], vec![], "3 lanes are no power of two");
    refused(&[ValueType::vector(Element::F32, 0)], vec![], "0 lanes are no power of two");
    let mut named = kernel(&[], vec![]);
    named.name = "a-b".into();
    assert!(verify(&named).unwrap_err().to_string().contains("identifier"));
}

#[test]
fn scopes() {
    let body = vec![define(2, Operation::Begin)];
    let repetition =
        Statement::Loop { index: Value(1), begin: Value(0), end: Value(0), step: 1, carried: vec![], body };
    for inner in [1, 2] {
        let after = define(3, Operation::Unary(UnaryOperation::Negate, Value(inner)));
        let body = vec![define(0, Operation::Begin), repetition.clone(), after];
        refused(&[I64; 4], body, &format!("v{inner} cannot be seen here: its body has ended"));
    }
    let choice = Statement::If {
        condition: Value(0),
        then: vec![define(1, Operation::Begin)],
        otherwise: vec![],
        results: vec![Chosen { then: Value(1), otherwise: Value(1), result: Value(2) }],
    };
    let condition = define(0, Operation::Constant(Scalar::boolean(true)));
    refused(&[BOOL, I64, I64], vec![condition, choice], "v1 cannot be seen here");
}

#[test]
fn carried_values() {
    let repetition = |next, step| Statement::Loop {
        index: Value(1),
        begin: Value(0),
        end: Value(0),
        step,
        carried: vec![Carried { initial: Value(0), inner: Value(2), next: Value(next), result: Value(3) }],
        body: vec![],
    };
    let begin = define(0, Operation::Begin);
    verify(&kernel(&[I64; 4], vec![begin.clone(), repetition(2, 1)])).unwrap();
    refused(&[I64; 4], vec![begin.clone(), repetition(3, 1)], "v3 is used before it is defined");
    refused(&[I64; 4], vec![begin.clone(), repetition(2, 0)], "the step 0 is not positive");
    refused(&[I64, I64, F32, I64], vec![begin, repetition(2, 1)], "v2 is f32, not i64");
}

#[test]
fn operations() {
    let number = |value| define(value, Operation::Constant(Scalar::f32(1.0)));
    let begin = |value| define(value, Operation::Begin);
    refused(&[I64], vec![number(0)], "the number's type is f32, not i64");
    refused(&[I64], vec![define(0, Operation::Size(1))], "there is no size 1");
    refused(&[F32], vec![begin(0)], "the result is i64, not f32");
    let square_root = Operation::Unary(UnaryOperation::SquareRoot, Value(0));
    refused(&[I64, I64], vec![begin(0), define(1, square_root)], "square_root is not defined on i64");
    let remainder = Operation::Binary(BinaryOperation::Remainder, Value(0), Value(0));
    refused(&[F32, F32], vec![number(0), define(1, remainder)], "remainder is not defined on f32");
    let less = Operation::Compare(Comparison::Less, Value(0), Value(0));
    refused(&[F32, F32], vec![number(0), define(1, less)], "the result is bool, not f32");
    let half = define(0, Operation::Constant(Scalar::float(Element::F16, 1.0).unwrap()));
    let f16 = ValueType::scalar(Element::F16);
    let add = Operation::Binary(BinaryOperation::Add, Value(0), Value(0));
    refused(&[f16, f16], vec![half, define(1, add)], "add is not defined on f16");
    let select = Operation::Select(Value(0), Value(0), Value(0));
    refused(&[F32X4, F32X4], vec![number(0), define(1, select)], "v0 is f32x4, not boolx4");
    let reinterpret = Operation::Reinterpret(Value(0));
    refused(&[F32, I64], vec![number(0), define(1, reinterpret)], "f32 is not reinterpreted as i64");
    let reduce = Operation::ReduceLanes(BinaryOperation::Subtract, Value(0));
    refused(&[F32X4, F32], vec![number(0), define(1, reduce)], "lanes are not reduced by subtract");
    let extract = Operation::Extract(Value(0), 4);
    refused(&[F32X4, F32], vec![number(0), define(1, extract)], "v0 has no lane 4");
    let convert = Operation::Convert(Value(0));
    refused(&[F32X4, I64], vec![number(0), define(1, convert)], "v0 is f32x4, not f32");
}

#[test]
fn memory() {
    let load = |buffer, mask| Operation::Load { buffer, index: Value(0), mask };
    let begin = define(0, Operation::Begin);
    refused(&[I64, F32], vec![begin.clone(), define(1, load(2, None))], "there is no buffer 2");
    refused(&[I64, I64], vec![begin.clone(), define(1, load(0, None))], "the buffer's type is f32, not i64");
    let mask = define(1, Operation::Constant(Scalar::boolean(true)));
    let body = vec![begin.clone(), mask, define(2, load(0, Some(Value(1))))];
    refused(&[I64, BOOL, F32X4], body, "v1 is bool, not boolx4");
    let store = |buffer, value| Statement::Store { buffer, index: Value(0), value: Value(value), mask: None };
    let number = define(1, Operation::Constant(Scalar::f32(1.0)));
    refused(&[I64, F32], vec![begin.clone(), number.clone(), store(0, 1)], "buffer `x` is not written");
    refused(&[I64, F32], vec![begin.clone(), number.clone(), store(1, 0)], "the buffer's type is f32");
    let scatter = Statement::Scatter { buffer: 1, indices: Value(0), value: Value(1), mask: None };
    let body = vec![begin.clone(), number.clone(), scatter];
    refused(&[I64, F32X4], body, "v0 is i64, not i64x4, in `scatter y[v0] = v1`");
    let prefetch = |buffer, index| Statement::Prefetch { buffer, index: Value(index) };
    refused(&[I64, F32], vec![begin.clone(), prefetch(2, 0)], "there is no buffer 2");
    refused(&[I64, F32], vec![begin, number, prefetch(0, 1)], "v1 is f32, not i64");
}
