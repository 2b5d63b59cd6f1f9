//! Inputs from files, as `--input` names them.

use super::text::{tokens_of, Text};
use crate::element::Element;
use crate::error::{codes, Error};
use crate::npy;
use crate::program::{Program, TensorDescription};
use crate::tensor::Tensor;
use crate::weights::{closest, WeightFile};
use half::{bf16, f16};
use std::path::Path;

/// The name and the file of `[NAME=]FILE`.
pub fn split(given: &str) -> (Option<&str>, &str) {
    match given.split_once('=') {
        Some((name, file)) if is_name(name) => (Some(name), file),
        _ => (None, given),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_alphanumeric() || "_.".contains(character))
}

/// The tensor of a name among those of a program.
///
/// # Errors
/// If there is none of that name, or no name where there are several.
pub fn position(
    tensors: &[TensorDescription],
    kind: &str,
    name: Option<&str>,
    given: &str,
) -> Result<usize, Error> {
    let names = || tensors.iter().map(|tensor| tensor.name.as_str());
    let known = || match tensors.len() {
        0 => format!("the model has no {kind}"),
        _ => format!("its {kind}s are {}", crate::bind::names(tensors)),
    };
    match name {
        None if tensors.len() == 1 => Ok(0),
        None => {
            let error =
                Error::new(codes::NAMES, format!("which {kind} is `{given}`? say it as NAME={given}"));
            Err(error.hint(known()))
        }
        Some(name) => names().position(|known| known == name).ok_or_else(|| {
            let error = Error::new(codes::NAMES, format!("the model has no {kind} `{name}`"));
            match closest(name, names()) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(known()),
            }
        }),
    }
}

/// Whether a file holds several tensors by name.
pub fn is_safetensors(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == "safetensors")
}

/// How many tensors of a file are named in a message.
const MOST_NAMES: usize = 5;

/// Whether a file holds a text.
pub fn is_text(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == "txt")
}

/// What is said of inputs.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// `[NAME=]FILE`, or `NAME=NUMBER`.
    pub inputs: &'a [String],
    /// `[NAME=]TEXT`.
    pub texts: &'a [String],
    /// What makes tokens of texts.
    pub tokenizer: Option<&'a dyn Text>,
}

/// The inputs of a program, in its order.
///
/// # Errors
/// If one is missing, given twice or unknown, or its file cannot be read.
pub fn read_inputs(program: &Program, given: Given<'_>) -> Result<Vec<Tensor>, Error> {
    let mut found: Vec<Option<Source<'_>>> = vec![None; program.inputs.len()];
    let mut files = Vec::new();
    for text in given.texts {
        let (name, text) = split(text);
        let index = position(&program.inputs, "input", name, text)?;
        place(program, &mut found, index, Source::Text(text))?;
    }
    for given in given.inputs {
        let (name, file) = split(given);
        if name.is_none() && is_safetensors(file) {
            files.push(file);
            continue;
        }
        let index = position(&program.inputs, "input", name, file)?;
        if let Some(input) = program.inputs.get(index) {
            place(program, &mut found, index, source(file, input))?;
        }
    }
    fill(program, &files, &mut found)?;
    let missing: Vec<&str> = program
        .inputs
        .iter()
        .zip(&found)
        .filter(|(_, found)| found.is_none())
        .map(|(input, _)| input.name.as_str())
        .collect();
    if let Some(first) = missing.first() {
        let names = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let what = if missing.len() == 1 { "input" } else { "inputs" };
        let mut error = Error::new(codes::NAMES, format!("{what} {names} of `{}` not given", program.model));
        for file in files {
            let there = open(file)?;
            let there: Vec<String> =
                there.entries().keys().take(MOST_NAMES).map(|key| format!("`{key}`")).collect();
            error = error
                .note(format!("{file} holds no tensor of this name; it begins with {}", there.join(", ")));
        }
        return Err(error.hint(format!("give --input {first}={first}.npy")));
    }
    let read = |(source, input): (Source<'_>, &TensorDescription)| source.read(input, given.tokenizer);
    found.into_iter().flatten().zip(&program.inputs).map(read).collect()
}

fn place<'a>(
    program: &Program,
    found: &mut [Option<Source<'a>>],
    index: usize,
    source: Source<'a>,
) -> Result<(), Error> {
    match found.get_mut(index).and_then(|place| place.replace(source)) {
        Some(_) => {
            let name = program.inputs.get(index).map_or("", |input| input.name.as_str());
            Err(Error::new(codes::NAMES, format!("input `{name}` is given twice")))
        }
        None => Ok(()),
    }
}

/// Where an input comes from.
#[derive(Clone, Copy)]
enum Source<'a> {
    Npy(&'a str),
    Safetensors { file: &'a str, key: &'a str },
    Text(&'a str),
    TextFile(&'a str),
    Number(&'a str),
}

/// `FILE`, `FILE.safetensors`, `FILE.safetensors:KEY`, `FILE.txt`, or a number for an input without axes.
fn source<'a>(file: &'a str, input: &'a TensorDescription) -> Source<'a> {
    if input.axes.is_empty() && number(input.element, file).is_some() {
        return Source::Number(file);
    }
    match file.rsplit_once(".safetensors:") {
        Some((before, key)) => {
            let length = before.len() + ".safetensors".len();
            Source::Safetensors { file: file.get(..length).unwrap_or(file), key }
        }
        None if is_safetensors(file) => Source::Safetensors { file, key: &input.name },
        None if is_text(file) => Source::TextFile(file),
        None => Source::Npy(file),
    }
}

/// A number as written, as the bytes of one entry; nothing if it is no number of this type.
fn number(element: Element, text: &str) -> Option<Vec<u8>> {
    // Read as weights files read theirs, since the standard library's way is large and nothing else in a program needs it.
    let float = || serde_json::from_slice::<f64>(text.as_bytes()).ok();
    let integer = || text.parse::<i64>().ok();
    match element {
        Element::F64 => float().map(|value| value.to_le_bytes().to_vec()),
        Element::F32 => float().map(|value| (value as f32).to_le_bytes().to_vec()),
        Element::Bf16 => float().map(|value| bf16::from_f64(value).to_le_bytes().to_vec()),
        Element::F16 => float().map(|value| f16::from_f64(value).to_le_bytes().to_vec()),
        Element::I64 => integer().map(|value| value.to_le_bytes().to_vec()),
        Element::I32 => integer().and_then(|value| Some(i32::try_from(value).ok()?.to_le_bytes().to_vec())),
        Element::I8 => integer().and_then(|value| Some(i8::try_from(value).ok()?.to_le_bytes().to_vec())),
        Element::U64 => integer().and_then(|value| Some(u64::try_from(value).ok()?.to_le_bytes().to_vec())),
        Element::U32 => integer().and_then(|value| Some(u32::try_from(value).ok()?.to_le_bytes().to_vec())),
        Element::U8 => integer().and_then(|value| Some(vec![u8::try_from(value).ok()?])),
        Element::Bool => match text {
            "true" => Some(vec![1]),
            "false" => Some(vec![0]),
            _ => None,
        },
    }
}

/// Takes the inputs that are not given otherwise from files that hold several.
fn fill<'a>(program: &'a Program, files: &[&'a str], found: &mut [Option<Source<'a>>]) -> Result<(), Error> {
    for file in files {
        let tensors = open(file)?;
        for (input, place) in program.inputs.iter().zip(found.iter_mut()) {
            if place.is_none() && tensors.entries().contains_key(&input.name) {
                *place = Some(Source::Safetensors { file, key: &input.name });
            }
        }
    }
    Ok(())
}

fn open(file: &str) -> Result<WeightFile, Error> {
    WeightFile::open(Path::new(file)).map_err(|error| Error::new(codes::TENSOR_FILE, error.message()))
}

impl Source<'_> {
    fn read(self, input: &TensorDescription, tokenizer: Option<&dyn Text>) -> Result<Tensor, Error> {
        let needed = || {
            Error::new(codes::TEXT, format!("input `{}` is given as a text, without a tokenizer", input.name))
                .hint("give --tokenizer FILE")
        };
        let (file, key) = match self {
            Source::Npy(file) => return npy::read(Path::new(file)),
            Source::Text(text) => return tokens_of(text, input, tokenizer.ok_or_else(needed)?),
            Source::TextFile(file) => {
                let text = std::fs::read_to_string(file).map_err(|error| {
                    Error::new(codes::TENSOR_FILE, format!("cannot read {file}: {error}"))
                })?;
                return tokens_of(&text, input, tokenizer.ok_or_else(needed)?);
            }
            Source::Number(text) => {
                let bytes = number(input.element, text);
                return bytes
                    .and_then(|bytes| Tensor::new(input.element, Vec::new(), bytes))
                    .ok_or_else(|| Error::new(codes::INPUT, format!("`{text}` is no {}", input.element)));
            }
            Source::Safetensors { file, key } => (file, key),
        };
        let tensors = open(file)?;
        let cannot = |why: String| Error::new(codes::TENSOR_FILE, format!("cannot read {file}: {why}"));
        let Some(entry) = tensors.entries().get(key) else {
            let error = cannot(format!("it has no tensor `{key}`"));
            return Err(match closest(key, tensors.entries().keys().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint("`moe inspect` lists its tensors"),
            });
        };
        let tensor = tensors.tensor(key).ok_or_else(|| {
            cannot(format!("`{key}` is of type {}, which programs do not have", entry.element_name))
        })?;
        Tensor::new(tensor.element, tensor.shape.to_vec(), tensor.bytes.to_vec())
            .ok_or_else(|| cannot(format!("`{key}` has not as many bytes as its shape says")))
    }
}
