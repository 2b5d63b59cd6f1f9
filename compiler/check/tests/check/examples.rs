//! The examples give the numbers that their files expect.

use crate::support::{npy, program, root, run, shown};
use moe_check::{Elaborated, Setting};
use moe_grammar::FileId;
use moe_graph::{Element, ParameterKind};
use moe_runtime::program::{SourceStep, WeightSource};
use moe_runtime::Tensor;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn elaborate(path: &Path) -> Elaborated {
    let program = program(&fs::read_to_string(path).unwrap());
    let mistakes = program.check_file(FileId(0));
    assert!(mistakes.is_empty(), "{}", shown(&program, &mistakes));
    let model = program.models(FileId(0)).remove(0).name;
    let elaborated = program.elaborate(FileId(0), &model, &BTreeMap::<String, Setting>::new());
    let elaborated = elaborated.map_err(|mistakes| shown(&program, &mistakes)).unwrap();
    moe_graph::verify(&elaborated.module).unwrap();
    elaborated
}

fn file_tensor(file: &safetensors::SafeTensors, key: &str) -> (Vec<usize>, Vec<f32>) {
    let view = file.tensor(key).unwrap();
    let entries = view.data().chunks(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    (view.shape().to_vec(), entries)
}

/// Steps of a source, on tensors of one, two or three axes whose last two matter.
fn applied(step: &SourceStep, (shape, entries): (Vec<usize>, Vec<f32>)) -> (Vec<usize>, Vec<f32>) {
    match step {
        SourceStep::Transpose => {
            let (rows, columns) = (shape[shape.len() - 2], shape[shape.len() - 1]);
            let mut result = Vec::new();
            for matrix in entries.chunks(rows * columns) {
                for column in 0..columns {
                    result.extend((0..rows).map(|row| matrix[row * columns + column]));
                }
            }
            let mut shape = shape;
            let last = shape.len() - 1;
            shape.swap(last - 1, last);
            (shape, result)
        }
        SourceStep::Piece { axis, index, count } => {
            let axis = *axis as usize;
            let length = shape[axis] / *count as usize;
            let inner: usize = shape[axis + 1..].iter().product();
            let mut result = Vec::new();
            for block in entries.chunks(shape[axis] * inner) {
                result.extend_from_slice(
                    &block[*index as usize * length * inner..(*index as usize + 1) * length * inner],
                );
            }
            let mut shape = shape;
            shape[axis] = length;
            (shape, result)
        }
        other => panic!("{other:?}"),
    }
}

fn weight(file: &safetensors::SafeTensors, name: &str, source: Option<&WeightSource>) -> Tensor {
    let Some(source) = source else {
        let (shape, entries) = file_tensor(file, name);
        return Tensor::from_f32(shape, &entries).unwrap();
    };
    let mut shape: Vec<usize> = source.stacked.iter().map(|size| *size as usize).collect();
    let mut all = Vec::new();
    for (place, key) in source.keys.iter().enumerate() {
        let found = file_tensor(file, key);
        assert_eq!(found.0, source.shape.iter().map(|size| *size as usize).collect::<Vec<_>>());
        let (own, entries) = source.steps.iter().fold(found, |tensor, step| applied(step, tensor));
        if place == 0 {
            shape.extend(own);
        }
        all.extend(entries);
    }
    Tensor::from_f32(shape, &all).unwrap()
}

fn results(folder: &str, name: &str, input: Tensor) -> Vec<Tensor> {
    let folder = root().join("examples").join(folder);
    let elaborated = elaborate(&folder.join(name));
    let bytes = fs::read(folder.join("weights.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mapping = elaborated.mappings.values().next().unwrap();
    let entry = elaborated.module.entry().unwrap();
    let inputs: Vec<Tensor> = entry
        .parameters
        .iter()
        .map(|parameter| match parameter.kind {
            ParameterKind::Input => input.clone(),
            _ => weight(&file, &parameter.name, mapping.weights.get(&parameter.name)),
        })
        .collect();
    run(&elaborated.module, &inputs)
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() <= tolerance * expected.abs().max(1.0),
            "{found} and not {expected}"
        );
    }
}

#[test]
fn the_fashion_model_gives_the_expected_scores() {
    let folder = root().join("examples/fashion");
    let pictures = npy(&folder.join("pictures.npy"));
    let few = Tensor::new(Element::U8, vec![8, 784], pictures.bytes()[..8 * 784].to_vec()).unwrap();
    let outputs = results("fashion", "fashion.moe", few);
    assert_eq!(outputs[0].shape(), [8, 10]);
    assert_eq!(outputs[1].shape(), [8, 8]);
    assert_close(&outputs[0].to_f64(), &npy(&folder.join("expected_logits.npy")).to_f64()[..80], 1e-4);
    assert_close(&outputs[1].to_f64(), &npy(&folder.join("expected_gate.npy")).to_f64()[..64], 1e-5);
}

#[test]
fn the_mixtral_block_gives_the_expected_output() {
    let folder = root().join("examples/mixtral");
    let outputs = results("mixtral", "mixtral.moe", npy(&folder.join("input.npy")));
    assert_close(&outputs[0].to_f64(), &npy(&folder.join("expected.npy")).to_f64(), 1e-5);
}

#[test]
fn the_score_model_elaborates() {
    let elaborated = elaborate(&root().join("examples/fashion/score.moe"));
    let names: Vec<&str> =
        elaborated.module.entry().unwrap().outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, ["accuracy", "used"]);
}
