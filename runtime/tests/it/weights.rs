//! Weight files that fit, and all that can be wrong with them.

use crate::fakes::*;
use moe_runtime::program::*;
use moe_runtime::{codes, Context, Element, Error, Tensor, WeightFile};
use std::path::Path;

fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn message(bytes: Vec<u8>) -> String {
    let error = WeightFile::from_bytes("W", bytes).err().expect("the file is damaged");
    assert_eq!(error.code(), codes::WEIGHTS_FILE);
    error.message().to_owned()
}

const TWO: &str = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#;

#[test]
fn whole_files_are_read() {
    let file = WeightFile::from_bytes("W", file(TWO, 12)).unwrap();
    assert_eq!(file.entries().keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(file.tensor("a").unwrap().shape, [2]);
    assert!(file.tensor("c").is_none());
}

#[test]
fn damaged_files_are_refused() {
    assert_eq!(message(vec![1, 2]), "cannot read W: it has only 2 bytes");
    let mut lying = file(TWO, 12);
    lying[..8].copy_from_slice(&(1_u64 << 60).to_le_bytes());
    let expected =
        "its header claims 1.0 EiB and 120 bytes follow; it is cut short or no `.safetensors` file";
    assert_eq!(message(lying), format!("cannot read W: {expected}"));
    assert_eq!(
        message(file(TWO, 11)),
        "cannot read W: its header describes 12 bytes of tensors and 11 follow; it is cut short"
    );
    assert_eq!(
        message(file(TWO, 13)),
        "cannot read W: its header describes 12 bytes of tensors and 13 follow; something follows the last tensor"
    );
    assert!(message(file("[1]", 0)).starts_with("cannot read W: its header is no JSON: "));
    assert!(message(file("{", 0)).starts_with("cannot read W: its header is no JSON: "));
    assert_eq!(
        message(file(&TWO.replace("\"b\"", "\"a\""), 12)),
        "cannot read W: its header names `a` twice"
    );
    for wrong in [
        TWO.replace("[8,12]", "[4,8]"),
        TWO.replace("[8,12]", "[12,16]"),
        TWO.replace("[2]", "[3]"),
        TWO.replace("[2]", "[9223372036854775807,9223372036854775807]"),
        TWO.replace("[0,8]", "[8,0]"),
        TWO.replace("F32", "F99"),
    ] {
        assert!(message(file(&wrong, 12)).starts_with("cannot read W: its header is wrong: "), "{wrong}");
    }
}

#[test]
fn files_that_are_not_there_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| WeightFile::open(path).err().unwrap().to_string();
    let missing = folder.path().join("none.safetensors");
    assert!(message(&missing).ends_with("none.safetensors: No such file or directory (os error 2)"));
    assert!(message(folder.path()).ends_with("it is a folder"));
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    assert!(message(&empty).ends_with("it has only 0 bytes"));
}

fn weights(tensors: &[(&str, Tensor)]) -> WeightFile {
    let named: Vec<(String, Tensor)> =
        tensors.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect();
    WeightFile::from_tensors("W", &named).unwrap()
}

fn misfit(program: Program, file: WeightFile) -> Error {
    let error = model(program, Some(file)).err().expect("the weights do not fit");
    assert_eq!(error.code(), codes::WEIGHTS_MISFIT);
    error
}

#[test]
fn all_mistakes_are_said_at_once() {
    let mut program = scaling();
    let weight = |name: &str| WeightDescription {
        tensor: tensor(name, Element::F32, &[("D", size(3))]),
        source: None,
        left_out: Vec::new(),
    };
    program.weights.extend([weight("gate.weight"), weight("head.bias"), weight("tail")]);
    let zeros = |element, size| Tensor::zeros(element, vec![size]).unwrap();
    let error = misfit(
        program,
        weights(&[
            ("w", zeros(Element::F32, 4)),
            ("gate.weigth", zeros(Element::F32, 3)),
            ("head.bias", zeros(Element::F16, 3)),
        ]),
    );
    assert_eq!(error.message(), "W does not fit the model `Test`");
    assert_eq!(
        error.notes(),
        [
            "`w` has shape [4]; expected [3]",
            "`gate.weight` is missing (it has `gate.weigth`)",
            "`head.bias` has element type f16; expected f32",
            "`tail` is missing",
            "`gate.weigth` is no weight of the model",
        ]
    );
}

#[test]
fn weights_with_something_where_the_program_leaves_it_out_are_refused() {
    let mut program = scaling();
    let zero = LeftOut { axis: 0, places: vec![1], value: LeftOutValue::Zero };
    program.weights[0].left_out.push(zero);
    let of = |entries: [f32; 3]| weights(&[("w", Tensor::from_f32(vec![3], &entries).unwrap())]);
    for entries in [[1.0, 0.0, 2.0], [0.0, -0.0, 0.0]] {
        assert!(model(program.clone(), Some(of(entries))).is_ok());
    }
    for entries in [[1.0, 0.5, 2.0], [1.0, f32::NAN, 2.0], [1.0, f32::NEG_INFINITY, 2.0]] {
        let error = model(program.clone(), Some(of(entries))).err().expect("there is something");
        assert_eq!((error.code(), error.message()), ("E0818", "W has something in `w` at place 1 of D"));
    }
}

/// Of two rows of three entries: places of either axis, that of the last one in each row.
#[test]
fn places_that_are_left_out_are_looked_at_along_their_axis() {
    let check = |axis: u32, places: &[u64], entries: [f32; 6]| {
        let mut program = empty();
        program.symbols.clear();
        let left_out = LeftOut { axis, places: places.to_vec(), value: LeftOutValue::Zero };
        program.weights.push(WeightDescription {
            tensor: tensor("w", Element::F32, &[("R", size(2)), ("D", size(3))]),
            source: None,
            left_out: vec![left_out],
        });
        let of = weights(&[("w", Tensor::from_f32(vec![2, 3], &entries).unwrap())]);
        model(program, Some(of)).err().map(|error| error.message().to_owned())
    };
    let entries = [1.0, 0.0, 0.0, 2.0, 0.0, 3.0];
    assert_eq!(check(1, &[1], entries), None);
    assert_eq!(check(0, &[1], [1.0, 2.0, 3.0, 0.0, 0.0, 0.0]), None);
    let wrong = |place, axis| Some(format!("W has something in `w` at place {place} of {axis}"));
    assert_eq!(check(1, &[1, 2], entries), wrong(2, "D"));
    assert_eq!(check(0, &[0], entries), wrong(0, "R"));
    assert_eq!(check(1, &[3], entries), wrong(3, "D"));
}

#[test]
fn places_are_found_along_each_axis() {
    let entries = [0.0, f32::NEG_INFINITY, 0.0, 0.0, f32::NEG_INFINITY, 3.0];
    let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    let needed = |value| moe_runtime::weights::needed(&bytes, Element::F32, &[2, 3], value);
    assert_eq!(needed(LeftOutValue::Zero), [vec![true, true], vec![false, true, true]]);
    assert_eq!(needed(LeftOutValue::NegativeInfinity), [vec![true, true], vec![true, false, true]]);
}

#[test]
fn many_mistakes_are_counted() {
    let mut program = scaling();
    let weight = |index: usize| WeightDescription {
        tensor: tensor(&format!("layer.{index}"), Element::F32, &[("D", size(3))]),
        source: None,
        left_out: Vec::new(),
    };
    program.weights.extend((0..30).map(weight));
    let error = misfit(program, scaling_weights());
    assert_eq!(error.notes().len(), 21);
    assert_eq!(error.notes()[20], "and 10 more");
}

#[test]
fn weights_must_be_given() {
    let error = model(scaling(), None).err().unwrap();
    assert_eq!(
        (error.code(), error.message()),
        (codes::WEIGHTS_NEEDED, "`Test` has a weight and no file of weights was given")
    );
}

/// [`scaling`] with its weight from elsewhere.
fn mapped(source: WeightSource) -> Program {
    let mut program = scaling();
    program.weights[0].source = Some(source);
    program
}

fn source(keys: &[&str], shape: &[u64]) -> WeightSource {
    WeightSource {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        stacked: Vec::new(),
        shape: shape.to_vec(),
        element: None,
        steps: Vec::new(),
    }
}

fn output(program: Program, file: WeightFile) -> Vec<f64> {
    let model = model(program, Some(file)).unwrap();
    let ones = Tensor::from_f32(vec![1, 3], &[1.0; 3]).unwrap();
    Context::new(&model, Some(1)).unwrap().run(&[ones]).unwrap()[0].to_f64()
}

#[test]
fn mappings_rename_split_and_turn() {
    let matrix = Tensor::from_f32(vec![3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let file =
        || weights(&[("theirs", matrix.clone()), ("unused", Tensor::zeros(Element::F32, vec![1]).unwrap())]);
    let from = |steps: Vec<SourceStep>| WeightSource { steps, ..source(&["theirs"], &[3, 2]) };
    let column = SourceStep::Piece { axis: 0, index: 1, count: 2 };
    // The weight is [1, 3] where a piece is taken along the first axis of the transposed matrix.
    let mut program = mapped(from(vec![SourceStep::Transpose, column]));
    program.weights[0].tensor = tensor("w", Element::F32, &[("One", size(1)), ("D", size(3))]);
    assert_eq!(output(program.clone(), file()), [2.0, 4.0, 6.0]);
    let every_other = SourceStep::Stride { axis: 0, offset: 0, stride: 2 };
    program.weights[0].source = Some(from(vec![SourceStep::Transpose, every_other]));
    assert_eq!(output(program, file()), [1.0, 3.0, 5.0]);
}

#[test]
fn mappings_stack_and_convert() {
    let whole = |value: i64| Tensor::from_i64(vec![], &[value]).unwrap();
    let file = weights(&[("w.0", whole(4)), ("w.1", whole(5)), ("w.2", whole(6))]);
    let keys = ["w.2", "w.1", "w.0"];
    let from = WeightSource { stacked: vec![3], element: Some(Element::I64), ..source(&keys, &[]) };
    assert_eq!(output(mapped(from), file), [6.0, 5.0, 4.0]);
}

#[test]
fn weights_in_place_are_not_copied() {
    let file = weights(&[("theirs", Tensor::from_f32(vec![2, 3], &[0.0, 0.0, 0.0, 7.0, 8.0, 9.0]).unwrap())]);
    let piece = SourceStep::Piece { axis: 0, index: 1, count: 2 };
    let mut program = mapped(WeightSource { steps: vec![piece], ..source(&["theirs"], &[2, 3]) });
    program.weights[0].tensor = tensor("w", Element::F32, &[("One", size(1)), ("D", size(3))]);
    let model = model(program.clone(), Some(file)).unwrap();
    assert_eq!(model.owned_weight_bytes(), 0);
    let ones = Tensor::from_f32(vec![1, 3], &[1.0; 3]).unwrap();
    assert_eq!(Context::new(&model, Some(1)).unwrap().run(&[ones]).unwrap()[0].to_f64(), [7.0, 8.0, 9.0]);
}

#[test]
fn mappings_that_do_not_fit_are_errors() {
    let file = || weights(&[("theirs", Tensor::zeros(Element::F32, vec![4]).unwrap())]);
    let note = |source| misfit(mapped(source), file()).notes().join("; ");
    assert_eq!(note(source(&["theirs"], &[4])), "`w` has shape [3] and its `weights` block makes [4]");
    assert_eq!(note(source(&["their"], &[3])), "`their` is missing (it has `theirs`)");
    assert_eq!(note(source(&["theirs"], &[3])), "`theirs` has shape [4]; expected [3]");
    let split = SourceStep::Piece { axis: 0, index: 0, count: 3 };
    let wrong = WeightSource { steps: vec![split], ..source(&["theirs"], &[4]) };
    assert_eq!(note(wrong), "`w`: axis 0 of size 4 has no piece 0 of 3 equal ones");
    let stacked = WeightSource { stacked: vec![2], ..source(&["theirs"], &[4]) };
    assert!(note(stacked).starts_with("`w` is stacked to [2] from 1 tensors"));
}

#[test]
fn tensors_are_written_and_read_back() {
    let tensors: Vec<(String, Tensor)> = Element::ALL
        .into_iter()
        .map(|element| (format!("t.{element}"), Tensor::zeros(element, vec![2, 0, 3]).unwrap()))
        .chain([("scalar".to_owned(), Tensor::from_f64(vec![], &[0.5]).unwrap())])
        .collect();
    let file = WeightFile::from_tensors("W", &tensors).unwrap();
    for (name, tensor) in &tensors {
        assert_eq!(file.tensor(name).unwrap(), tensor.into(), "{name}");
    }
    let twice = [tensors[0].clone(), tensors[0].clone()];
    assert!(WeightFile::from_tensors("W", &twice).is_err());
}
