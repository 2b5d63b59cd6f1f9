//! Snapshots of every stage for a handful of small models: the source, then what each stage makes of it.

use moe_driver::{compile, Selection, Session};
use moe_kernel::{Plan, Target};
use std::path::Path;

/// A machine that does not depend on the one that the tests run on.
const TARGET: Target = Target::new(16, 16, true);

fn snapshot(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/models").join(name).with_extension("moe");
    let source = std::fs::read_to_string(&path).unwrap();
    let Ok(session) = Session::open(&path) else { panic!("{name} cannot be read") };
    let selection = Selection::default();
    let Ok(compiled) = compile(&session, &selection) else { panic!("{name} does not compile") };
    let Ok(plan) = compiled.plan(&session, &selection, &TARGET, &[]) else {
        panic!("{name} cannot be scheduled")
    };
    let stage = |stage: &str, text: String| {
        let text: String = text.lines().map(|line| without_library_files(line) + "\n").collect();
        let text = text.trim_end();
        insta::assert_snapshot!(format!("{name}_{stage}"), format!("{source}\n{}\n\n{text}", "-".repeat(40)));
    };
    stage("graph", moe_graph::print_module(&compiled.elaborated.module));
    stage("rewritten", moe_graph::print_module(&compiled.rewritten));
    stage("explained", compiled.explanation());
    stage("kernels", plan.kernels.iter().map(|kernel| moe_kernel::print(kernel) + "\n").collect());
    stage("program", program(&plan));
}

/// A line with `library` for the number of a library's file, which changes as the library grows.
fn without_library_files(line: &str) -> String {
    match line.split_once(" @ ") {
        Some((before, after))
            if !after.starts_with("0:") && after.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            let place = after.split_once(':').map_or(after, |(_, place)| place);
            format!("{before} @ library:{place}")
        }
        _ => line.to_owned(),
    }
}

/// The launches in order, with what they read and write.
fn program(plan: &Plan) -> String {
    let program = &plan.program;
    let mut text = String::new();
    for buffer in &program.buffers {
        text += &format!("buffer {}: {} at {:?}\n", buffer.name, buffer.element, buffer.place);
    }
    for step in program.forms.iter().flat_map(|form| &form.step) {
        text += &format!("{step:?}\n");
    }
    text
}

#[test]
fn a_mixture() {
    snapshot("mixture");
}

#[test]
fn a_normalization() {
    snapshot("normalized");
}

#[test]
fn a_lookup() {
    snapshot("lookup");
}
