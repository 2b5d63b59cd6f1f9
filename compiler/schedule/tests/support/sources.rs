//! Models of the tree and of texts, from their source.

use super::random;
use moe_check::{load, SourceFile, Sources};
use moe_grammar::FileId;
use moe_graph::{AxisId, Element, Module, Parameter};
use moe_runtime::Tensor;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The first model of a file, rewritten.
pub fn first_model(path: &str) -> Module {
    model(&fs::read_to_string(root().join(path)).unwrap(), None, true)
}

/// A model of a text, or its first.
pub fn model(text: &str, name: Option<&str>, rewritten: bool) -> Module {
    let text = text.to_owned();
    let mut files = vec![SourceFile { path: "main.moe".to_owned(), module: vec!["main".to_owned()], text }];
    files.extend(moe_stdlib::FILES.iter().map(|(path, text)| SourceFile::of_library(path, text)));
    let program = load(Sources { files });
    assert_eq!(program.check_file(FileId(0)), []);
    let first = program.models(FileId(0)).remove(0).name;
    let elaborated = program.elaborate(FileId(0), name.unwrap_or(&first), &BTreeMap::new()).unwrap();
    if !rewritten {
        return elaborated.module;
    }
    moe_rewrite::rewrite(&elaborated.module, &moe_rewrite::Options::default()).unwrap().module
}

/// Tensors for a module at sizes; of integers, 70.
pub fn sized(module: &Module, sizes: &[(&str, i64)]) -> Vec<Tensor> {
    let entry = module.entry().unwrap();
    let find = |name: &str| sizes.iter().find(|(own, _)| *own == name).map(|(_, size)| *size);
    let tensor = |(place, parameter): (usize, &Parameter)| {
        if parameter.ty.element == Element::I64 {
            return Tensor::new(Element::I64, vec![], 70_i64.to_le_bytes().to_vec()).unwrap();
        }
        let size = |axis: &AxisId| entry.size(*axis).evaluate(&find).unwrap() as usize;
        random(parameter.ty.element, parameter.ty.axes.iter().map(size).collect(), place as u64 + 3)
    };
    entry.parameters.iter().enumerate().map(tensor).collect()
}

/// That values are near.
pub fn agree(found: &[Tensor], expected: &[Tensor]) {
    for (found, expected) in found.iter().zip(expected) {
        for (found, expected) in found.to_f64().iter().zip(expected.to_f64()) {
            let near = (found - expected).abs() <= 2e-5 * expected.abs().max(1.0);
            let near = near || *found == expected;
            assert!(near || (found.is_nan() && expected.is_nan()), "{found} is not {expected}");
        }
    }
}
