//! Inputs from files, as `--input` names them.

use crate::error::{codes, Error};
use crate::npy;
use crate::program::{Program, TensorDescription};
use crate::tensor::Tensor;
use crate::weights::{closest, WeightFile};
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

/// The inputs of a program, in its order.
///
/// # Errors
/// If one is missing, given twice or unknown, or its file cannot be read.
pub fn read_inputs(program: &Program, given: &[String]) -> Result<Vec<Tensor>, Error> {
    let mut found: Vec<Option<Source<'_>>> = vec![None; program.inputs.len()];
    let mut files = Vec::new();
    for given in given {
        let (name, file) = split(given);
        if name.is_none() && is_safetensors(file) {
            files.push(file);
            continue;
        }
        let index = position(&program.inputs, "input", name, file)?;
        let input = program.inputs.get(index).map_or("", |input| input.name.as_str());
        if let Some(place) = found.get_mut(index) {
            if place.replace(source(file, input)).is_some() {
                return Err(Error::new(codes::NAMES, format!("input `{input}` is given twice")));
            }
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
    found.into_iter().flatten().map(Source::read).collect()
}

/// Where an input comes from.
#[derive(Clone, Copy)]
enum Source<'a> {
    Npy(&'a str),
    Safetensors { file: &'a str, key: &'a str },
}

/// `FILE`, `FILE.safetensors` or `FILE.safetensors:KEY`.
fn source<'a>(file: &'a str, input: &'a str) -> Source<'a> {
    match file.rsplit_once(".safetensors:") {
        Some((before, key)) => {
            let length = before.len() + ".safetensors".len();
            Source::Safetensors { file: file.get(..length).unwrap_or(file), key }
        }
        None if is_safetensors(file) => Source::Safetensors { file, key: input },
        None => Source::Npy(file),
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
    fn read(self) -> Result<Tensor, Error> {
        let (file, key) = match self {
            Source::Npy(file) => return npy::read(Path::new(file)),
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
