//! What the fuzzers begin from. Everything is gathered from the tree or made here; nothing of it is kept in the tree.

use crate::sources;
use moe_graph::print_module;
use moe_runtime::{Element, Tensor};
use std::fs;

/// How many random graphs are begun from.
const GRAPHS: u64 = 400;

/// Writes the seeds of a target into the folder that `MOE_SEEDS` names, if it names one.
pub fn write_seeds(target: &str) {
    let Some(folder) = std::env::var_os("MOE_SEEDS") else { return };
    for (place, seed) in seeds(target).into_iter().enumerate() {
        let path = std::path::Path::new(&folder).join(format!("seed{place:04}"));
        if let Err(error) = fs::write(&path, seed) {
            eprintln!("error: {}: {error}", path.display());
            std::process::exit(1);
        }
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "mapping" => blocks(&texts()).into_iter().map(String::into_bytes).collect(),
        "graph" | "evaluate" => (0..GRAPHS).map(graph).collect(),
        "npy" => tensors().iter().map(npy).collect(),
        "safetensors" => files(),
        _ => texts().iter().flat_map(|text| items(text)).map(String::into_bytes).collect(),
    }
}

/// From here on a text is cut into its items: what is found in a long one is found in a short one too, and sooner.
const LONG: usize = 1024;

/// A text, or where it is long each of its items with the imports of all.
fn items(text: &str) -> Vec<String> {
    if text.len() < LONG {
        return vec![text.to_owned()];
    }
    let imports: String =
        text.lines().filter(|line| line.starts_with("use ")).flat_map(|line| [line, "\n"]).collect();
    let own = text.lines().filter(|line| !line.starts_with("use ") && !line.starts_with("moe "));
    let own = own.collect::<Vec<_>>().join("\n");
    own.split_inclusive("\n}\n").map(|item| format!("moe 1\n{imports}{item}")).collect()
}

fn graph(seed: u64) -> Vec<u8> {
    let options = moe_generate::Options {
        steps: 1 + seed as usize % 12,
        packing: seed.is_multiple_of(3),
        calls: seed.is_multiple_of(4),
        ..Default::default()
    };
    print_module(&moe_generate::module(seed, &options).0).into_bytes()
}

/// Every `.moe` text of the tree, and every block of them in its pages.
fn texts() -> Vec<String> {
    let root = sources::root();
    let mut paths = Vec::new();
    for folder in ["stdlib", "examples", "grammar", "compiler"] {
        sources::files_below(&root.join(folder), &[".moe", ".md"], &mut paths);
    }
    let mut texts = Vec::new();
    for path in paths {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if path.extension().is_some_and(|extension| extension == "moe") {
            texts.push(text);
        } else {
            texts.extend(text.split("```moe").skip(1).filter_map(|part| {
                let (_, code) = part.split_once('\n')?;
                Some(code.split_once("```")?.0.to_owned())
            }));
        }
    }
    texts
}

/// The insides of `weights` blocks.
fn blocks(texts: &[String]) -> Vec<String> {
    let mut blocks: Vec<String> = texts
        .iter()
        .flat_map(|text| text.split("\nweights ").skip(1))
        .filter_map(|part| Some(part.split_once('{')?.1.split_once("\n}")?.0.to_owned()))
        .collect();
    let own = [
        "experts.{gate, up}: \"e.gate_up\" split rows transpose",
        "experts.down.weight: \"e.{i}.down\" stack i transpose\nexperts.down.bias: \"b\" as bf16",
        "pair.{i}.{gate, up}: \"p.{i}.{}\" transpose\npair.{i}.down.*: \"p.{i}.down.*\"",
        "scale: \"scale\"\nexperts.{gate, up}: \"gu\" split interleaved",
    ];
    blocks.extend(own.map(str::to_owned));
    blocks
}

fn tensors() -> Vec<Tensor> {
    let elements = [
        Element::F32,
        Element::F64,
        Element::F16,
        Element::I64,
        Element::I32,
        Element::I8,
        Element::U8,
        Element::U32,
        Element::U64,
        Element::Bool,
    ];
    let shapes: [&[usize]; 5] = [&[], &[0], &[3], &[2, 3], &[1, 2, 2]];
    elements
        .iter()
        .flat_map(|element| {
            shapes.iter().filter_map(|shape| {
                let bytes = shape.iter().product::<usize>() * element.bytes();
                Tensor::new(*element, shape.to_vec(), vec![1; bytes])
            })
        })
        .collect()
}

fn npy(tensor: &Tensor) -> Vec<u8> {
    let mut bytes = moe_runtime::npy::header(tensor.element(), tensor.shape());
    bytes.extend_from_slice(tensor.bytes());
    bytes
}

fn files() -> Vec<Vec<u8>> {
    let tensors = tensors();
    tensors
        .chunks(4)
        .filter_map(|some| {
            let named: Vec<(String, &Tensor)> =
                some.iter().enumerate().map(|(place, tensor)| (format!("layer.{place}.w"), tensor)).collect();
            moe_runtime::weights::to_bytes(&named).ok()
        })
        .collect()
}
