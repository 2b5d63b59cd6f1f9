//! The command line of built programs, as a person uses it.

use crate::fakes::*;
use moe_runtime::command::{info, run_command, LoadedProgram, RunOptions};
use moe_runtime::files::PendingFile;
use moe_runtime::program::*;
use moe_runtime::{codes, npy, Element, Error, Tensor, WeightFile};
use std::path::{Path, PathBuf};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn npy(&self, name: &str, tensor: &Tensor) -> String {
        let mut file = PendingFile::create(Path::new(&self.path(name))).unwrap();
        file.write(&npy::header(tensor.element(), tensor.shape())).unwrap();
        file.write(tensor.bytes()).unwrap();
        file.commit().unwrap();
        self.path(name)
    }

    fn safetensors(&self, name: &str, tensors: &[(&str, &Tensor)]) -> String {
        let named: Vec<(String, &Tensor)> =
            tensors.iter().map(|(name, tensor)| ((*name).into(), *tensor)).collect();
        std::fs::write(self.path(name), moe_runtime::weights::to_bytes(&named).unwrap()).unwrap();
        self.path(name)
    }

    fn listing(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

fn run_of(program: Program, weights: Option<WeightFile>, arguments: &[String]) -> Result<String, Error> {
    let (_, options) = RunOptions::parse(arguments)?;
    let mut out = Vec::new();
    run_command(LoadedProgram { program, kernels: kernels(), weights, text: None }, &options, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn run(arguments: &[&str]) -> Result<String, Error> {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    run_of(scaling(), Some(scaling_weights()), &arguments)
}

#[test]
fn outputs_are_printed_or_written() {
    let folder = Folder::new();
    let x = folder.npy("x.npy", &rows(2));
    let printed = "y: f32[2, 3]\n  1 20 300\n  4 50 600\n";
    assert_eq!(run(&["--input", &format!("x={x}")]).unwrap(), printed);
    assert_eq!(run(&["--input", &x]).unwrap(), printed);
    let (y, z) = (folder.path("y.npy"), folder.path("z.safetensors"));
    assert_eq!(run(&["--input", &x, "--output", &y]).unwrap(), "");
    assert_eq!(npy::read(Path::new(&y)).unwrap().to_f64(), scaled(2));
    assert_eq!(run(&["--input", &x, "--output", &format!("y={z}")]).unwrap(), "");
    assert_eq!(WeightFile::open(&PathBuf::from(&z)).unwrap().tensor("y").unwrap().shape, [2, 3]);
    assert_eq!(folder.listing(), ["x.npy", "y.npy", "z.safetensors"]);
}

#[test]
fn inputs_come_from_safetensors_too() {
    let folder = Folder::new();
    let all = folder.safetensors("all.safetensors", &[("x", &rows(1)), ("other", &rows(2))]);
    assert_eq!(run(&["--input", &all]).unwrap(), "y: f32[1, 3]\n  1 20 300\n");
    assert_eq!(run(&["--input", &format!("x={all}")]).unwrap(), "y: f32[1, 3]\n  1 20 300\n");
    assert!(run(&["--input", &format!("x={all}:other")]).unwrap().starts_with("y: f32[2, 3]\n"));
    let error = run(&["--input", &format!("x={all}:othre")]).unwrap_err();
    assert!(error.message().ends_with("it has no tensor `othre`"));
    assert_eq!(error.hint_text(), Some("did you mean `other`?"));
}

#[test]
fn reports_are_printed_when_asked() {
    let folder = Folder::new();
    let x = folder.npy("x.npy", &rows(1));
    let text =
        run(&["--input", &x, "--count", "--dump", "layer.*", "--repeat", "3", "--threads", "2"]).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..4], ["y: f32[1, 3]", "  1 20 300", "layer.h: f32[1, 3]", "  1 20 300"]);
    assert_eq!(lines[4].split_whitespace().collect::<Vec<_>>(), ["kernel", "calls", "operations", "bytes"]);
    let (sum, time) = (lines[lines.len() - 2], lines[lines.len() - 1]);
    let sum: Vec<&str> = sum.split_whitespace().collect();
    assert_eq!((sum[0], sum[2], sum[3]), ("all", "8", "16384"), "{text}");
    assert!(time.starts_with("time: shortest ") && time.ends_with(" of 3"), "{text}");
    let error = run(&["--input", &x, "--dump", "layer.g"]).unwrap_err();
    assert_eq!(
        (error.message(), error.hint_text()),
        ("no observed value is named `layer.g`", Some("did you mean `layer.h`?"))
    );
}

#[test]
fn a_profile_has_each_launch_and_a_line_for_each_kernel() {
    let folder = Folder::new();
    let (x, trace) = (folder.npy("x.npy", &rows(1)), folder.path("trace.json"));
    let text = run(&["--input", &x, "--profile", &trace, "--repeat", "2"]).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let head = lines.iter().position(|line| line.starts_with("kernel")).unwrap();
    assert_eq!(words(lines[head]), ["kernel", "calls", "time", "share", "GFLOP/s", "GB/s"], "{text}");
    let trace: serde_json::Value = serde_json::from_slice(&std::fs::read(trace).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let launches: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
    let all = lines.iter().find(|line| line.starts_with("all ")).unwrap();
    assert_eq!(words(all)[1], launches.len().to_string(), "{text}");
    let operations: u64 = launches.iter().map(|launch| launch["args"]["operations"].as_u64().unwrap()).sum();
    assert_eq!(operations, 8, "one run alone");
    let ends =
        launches.iter().map(|launch| (launch["ts"].as_f64().unwrap(), launch["dur"].as_f64().unwrap()));
    let mut before = 0.0;
    for (begin, length) in ends {
        assert!(begin >= before - 1e-6 && length >= 0.0);
        before = begin + length;
    }
    assert!(run(&["--input", &x, "--profile", "no/such/folder.json"]).is_err());
}

#[test]
fn a_profile_says_how_near_the_peak_each_kernel_came() {
    let folder = Folder::new();
    let (x, trace) = (folder.npy("x.npy", &rows(1)), folder.path("trace.json"));
    let arguments = ["--input", &x, "--profile", &trace].map(str::to_owned);
    let with = |peak| {
        let text = run_of(Program { peak, ..scaling() }, Some(scaling_weights()), &arguments).unwrap();
        let of = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        (of("kernel"), of("all"))
    };
    let (head, all) = with(Some(Peak { operations: 1, bytes: u64::MAX }));
    assert!(head.ends_with("of peak"), "{head}");
    let share: f64 = all.split_whitespace().last().unwrap().trim_end_matches('%').parse().unwrap();
    assert!(share > 1e5, "eight operations at one a second take eight seconds, and did not: {all}");
    assert!(with(None).0.ends_with("GB/s"));
}

#[test]
fn names_that_are_wrong_are_said_before_anything_is_done() {
    let folder = Folder::new();
    let x = folder.npy("x.npy", &rows(1));
    let message = |arguments: &[&str]| {
        let error = run(arguments).unwrap_err();
        assert_eq!(error.code(), codes::NAMES);
        format!("{error}; {}", error.hint_text().unwrap_or(""))
    };
    assert_eq!(message(&[]), "input `x` of `Test` not given; give --input x=x.npy");
    assert_eq!(message(&["--input", "z=Z"]), "the model has no input `z`; did you mean `x`?");
    assert_eq!(message(&["--input", &x, "--input", &x]), "input `x` is given twice; ");
    assert_eq!(
        message(&["--input", &x, "--output", "logits=Y"]),
        "the model has no output `logits`; its outputs are `y`"
    );
    let y = folder.path("y.npy");
    assert_eq!(
        message(&["--input", &x, "--output", &y, "--output", &y]),
        "output `y` is to go to two files; "
    );
    assert_eq!(folder.listing(), ["x.npy"]);
}

/// Two inputs and two outputs: `a + b` is not computed, each is copied.
fn two() -> Program {
    let vector = |name: &str| tensor(name, Element::F32, &[("N", symbol(0))]);
    let at = |name: &str, place| buffer(name, Element::F32, symbol(0), place);
    Program {
        inputs: vec![vector("a"), vector("b")],
        outputs: vec![vector("c"), vector("d")],
        buffers: vec![
            at("a", Place::Input(0)),
            at("b", Place::Input(1)),
            at("c", Place::Output(0)),
            at("d", Place::Output(1)),
        ],
        forms: vec![form(
            size(0),
            vec![
                Step::Launch(launch(COPY, &[0, 2], &[], symbol(0))),
                Step::Launch(launch(COPY, &[1, 3], &[], symbol(0))),
            ],
        )],
        ..empty()
    }
}

#[test]
fn several_inputs_and_outputs_have_names() {
    let folder = Folder::new();
    let vector = |entries: &[f32]| Tensor::from_f32(vec![entries.len()], entries).unwrap();
    let both = folder.safetensors("both.safetensors", &[("a", &vector(&[1.0])), ("b", &vector(&[2.0]))]);
    let run = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        run_of(two(), None, &arguments)
    };
    assert_eq!(run(&["--input", &both]).unwrap(), "c: f32[1]\n  1\nd: f32[1]\n  2\n");
    let b = folder.npy("b.npy", &vector(&[3.0]));
    let out = folder.path("out.safetensors");
    assert_eq!(run(&["--input", &both, "--input", &format!("b={b}"), "--output", &out]).unwrap(), "");
    let written = WeightFile::open(Path::new(&out)).unwrap();
    assert_eq!(written.tensor("c").unwrap().bytes, 1_f32.to_le_bytes());
    assert_eq!(written.tensor("d").unwrap().bytes, 3_f32.to_le_bytes());
    let message = |arguments: &[&str]| run(arguments).unwrap_err().message().to_owned();
    assert_eq!(message(&["--input", "X.npy"]), "which input is `X.npy`? say it as NAME=X.npy");
    assert_eq!(message(&["--input", &format!("b={b}")]), "input `a` of `Test` not given");
    let same = folder.path("same.npy");
    let arguments = ["--input", &both, "--output", &format!("c={same}"), "--output", &format!("d={same}")];
    assert_eq!(message(&arguments), format!("two outputs are to go to {same}"));
    let longer = folder.npy("longer.npy", &vector(&[3.0, 4.0]));
    assert_eq!(
        message(&["--input", &both, "--input", &format!("b={longer}")]),
        "axis 0 (N) of input `b` has size 2; expected 1, as axis 0 of `a`"
    );
}

#[test]
fn nothing_is_left_where_something_goes_wrong() {
    let folder = Folder::new();
    let x = folder.npy("x.npy", &Tensor::from_f32(vec![1, 3], &[1.0, -1.0, 1.0]).unwrap());
    let y = folder.path("y.npy");
    assert_eq!(run(&["--input", &x, "--output", &y]).unwrap_err().code(), "E0901");
    let nowhere = folder.path("none/y.npy");
    assert_eq!(run(&["--input", "missing.npy", "--output", &nowhere]).unwrap_err().code(), codes::OUTPUT);
    assert_eq!(run(&["--input", "missing.npy", "--output", &y]).unwrap_err().code(), codes::TENSOR_FILE);
    assert_eq!(
        run(&["--input", &x, "--output", &y, "--weights", "none"]).unwrap_err().code(),
        codes::WEIGHTS_FILE
    );
    let infinite = folder.npy("i.npy", &Tensor::from_f32(vec![1, 3], &[1.0, f32::INFINITY, 1.0]).unwrap());
    let error = run(&["--input", &infinite, "--output", &y, "--check-finite"]).unwrap_err();
    assert_eq!((error.code(), error.message()), (codes::NOT_FINITE, "`layer.h` has inf at [0, 1]"));
    assert_eq!(folder.listing(), ["i.npy", "x.npy"]);
}

#[test]
fn a_program_tells_what_it_is() {
    let text = info(&scaling(), &[]).unwrap();
    let expected = "\
model Test
backend
  rust
inputs
  x  f32[N, D = 3]
outputs
  y  f32[N, D = 3]
weights
  w  f32[D = 3]
observed
  layer.h  f32[N, D = 3]
kernels
  scale           test.moe
  add             test.moe
  copy            test.moe
  count           test.moe
  unknown_status  test.moe
memory
  weights   12 bytes
  prepared  0 bytes
  a run     depends on N; give --set N=4096
";
    assert_eq!(text, expected);
    let text = info(&scaling(), &[("N".into(), 1024)]).unwrap();
    assert!(
        text.ends_with(
            "  with      N = 1024\n  arena     12.1 KiB\n  inputs    12.0 KiB\n  outputs   12.0 KiB\n"
        ),
        "{text}"
    );
    assert_eq!(info(&scaling(), &[("M".into(), 1)]).unwrap_err().message(), "`Test` has no free size M");
    assert_eq!(info(&scaling(), &[("N".into(), i64::MAX)]).unwrap_err().code(), codes::SIZES);
}
