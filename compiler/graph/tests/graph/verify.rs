//! The verifier: it takes what the builder makes, and finds each kind of damage.

use crate::example;
use moe_graph::{
    verify, AxisId, Fact, Module, NodeId, Operation, Problem, Scalar, ScalarFunction, Size, Support,
};

fn problems(change: impl Fn(&mut Module)) -> Vec<Problem> {
    let mut module = example::module();
    change(&mut module);
    verify(&module).unwrap_err().into_iter().map(|error| error.problem).collect()
}

fn place(module: &Module, name: &str) -> usize {
    module.functions[2].nodes.iter().position(|node| node.operation.name() == name).unwrap()
}

#[test]
fn what_the_builder_makes_is_fine() {
    assert_eq!(verify(&example::module()), Ok(()));
}

#[test]
fn damage_is_found() {
    let late = |module: &mut Module| {
        let place = place(module, "merge");
        module.functions[2].nodes[place].operands = vec![NodeId(place as u32)];
    };
    assert!(matches!(problems(late)[0], Problem::OperandOrder(_)));
    let no_axis = |module: &mut Module| {
        let place = place(module, "arg_max");
        module.functions[2].nodes[place].operation = Operation::ArgMax { axis: AxisId(99) };
    };
    assert_eq!(problems(no_axis)[0], Problem::NoAxis(AxisId(99)));
    let wrong_type = |module: &mut Module| {
        let place = place(module, "merge");
        module.functions[2].nodes[place].ty.axes.clear();
    };
    assert_eq!(problems(wrong_type)[0], Problem::WrongType);
    let unsorted = |module: &mut Module| {
        let place = place(module, "sum");
        if let Operation::Reduce { axes, .. } = &mut module.functions[2].nodes[place].operation {
            axes.reverse();
        }
    };
    assert!(problems(unsorted).contains(&Problem::NotSorted));
    let no_output = |module: &mut Module| module.functions[2].outputs[0].node = NodeId(999);
    assert_eq!(problems(no_output), [Problem::NoOutput("y 0".to_owned())]);
    let fewer_axes = |module: &mut Module| module.functions[2].outputs[0].axes.truncate(1);
    assert_eq!(problems(fewer_axes), [Problem::OutputAxes("y 0".to_owned())]);
    let no_state = |module: &mut Module| module.functions[2].parameters[2].name = "other".to_owned();
    assert_eq!(problems(no_state), [Problem::NoState("count".to_owned())]);
    assert_eq!(problems(|module| module.entry = 7), [Problem::NoEntry]);
    let table = |module: &mut Module| module.functions[2].tables[0].truncate(3);
    assert_eq!(problems(table), [Problem::Table(0)]);
}

#[test]
fn calls_must_fit() {
    let change = |name: &'static str, change: fn(&mut Operation, &mut Vec<NodeId>)| {
        move |module: &mut Module| {
            let place = place(module, name);
            let node = &mut module.functions[2].nodes[place];
            change(&mut node.operation, &mut node.operands);
        }
    };
    let operands = change("call", |_, operands| operands.truncate(1));
    assert_eq!(problems(operands)[0], Problem::Call("another number of operands than parameters"));
    let result = change("call", |operation, _| {
        if let Operation::Call { result, .. } = operation {
            *result = 1;
        }
    });
    assert_eq!(problems(result)[0], Problem::Call("no such result"));
    let axes = change("repeat", |operation, _| {
        if let Operation::Repeat { axes, .. } = operation {
            axes.clear();
        }
    });
    assert_eq!(problems(axes)[0], Problem::Call("an axis of a parameter is not given"));
    let carried = change("fold", |operation, _| {
        if let Operation::Fold { carried, .. } = operation {
            *carried = 2;
        }
    });
    assert_eq!(problems(carried)[0], Problem::Call("too many values are carried"));
    let itself = |module: &mut Module| {
        let place = place(module, "call");
        if let Operation::Call { function, .. } = &mut module.functions[2].nodes[place].operation {
            function.0 = 2;
        }
    };
    assert_eq!(problems(itself)[0], Problem::CallOrder(2));
}

#[test]
fn facts_must_follow() {
    let sum = |module: &Module| place(module, "sum");
    let invented = move |module: &mut Module| {
        let place = sum(module);
        let fact = Fact { background: Scalar::f32(1.0), support: Support::empty() };
        module.functions[2].nodes[place].fact = Some(fact);
    };
    assert_eq!(problems(invented), [Problem::Fact]);
    let mask = |module: &Module| {
        let is_select = |node: &moe_graph::Node| {
            matches!(node.operation, Operation::Map { function: ScalarFunction::Select, .. })
        };
        module.functions[2].nodes.iter().position(is_select).unwrap()
    };
    let tighter = move |module: &mut Module| {
        let place = mask(module);
        let fact = module.functions[2].nodes[place].fact.as_mut().unwrap();
        fact.support.degrees.values_mut().for_each(|bound| *bound = Size::constant(1));
    };
    assert_eq!(problems(tighter), [Problem::Fact]);
    let mut weaker = example::module();
    let place = place(&weaker, "unpack");
    let fact = weaker.functions[2].nodes[place].fact.as_mut().unwrap();
    fact.support.degrees.values_mut().for_each(|bound| *bound = Size::constant(3));
    assert_eq!(verify(&weaker), Ok(()));
}
