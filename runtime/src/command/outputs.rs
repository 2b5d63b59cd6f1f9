//! Outputs to files, as `--output` names them. That they can be written is found out before anything is computed.

use super::inputs::{is_safetensors, is_text, position, split};
use super::text::{is_list_of_tokens, no_list, tokens_in, Text};
use crate::error::{codes, Error};
use crate::files::PendingFile;
use crate::npy;
use crate::program::Program;
use crate::tensor::Tensor;
use crate::weights::to_bytes;
use std::path::Path;

/// Files that outputs go to.
#[derive(Debug)]
pub struct Outputs {
    files: Vec<OutputFile>,
    /// Whether each output goes to a file.
    taken: Vec<bool>,
}

#[derive(Debug)]
struct OutputFile {
    path: String,
    several: bool,
    outputs: Vec<usize>,
    pending: PendingFile,
}

impl Outputs {
    /// Begins the files.
    ///
    /// # Errors
    /// If an output is unknown or goes to two files, two go to one `.npy` file, or a file cannot be written.
    pub fn create(program: &Program, given: &[String]) -> Result<Self, Error> {
        let mut outputs = Outputs { files: Vec::new(), taken: vec![false; program.outputs.len()] };
        let mut rest = None;
        for given in given {
            let (name, file) = split(given);
            if name.is_none() && is_safetensors(file) {
                if rest.replace(file).is_some() {
                    return Err(Error::new(codes::NAMES, "two files are to take all other outputs"));
                }
                continue;
            }
            let index = position(&program.outputs, "output", name, file)?;
            outputs.add(program, index, file)?;
        }
        if let Some(file) = rest {
            let left: Vec<usize> = outputs
                .taken
                .iter()
                .enumerate()
                .filter(|(_, taken)| !**taken)
                .map(|(index, _)| index)
                .collect();
            for index in left {
                outputs.add(program, index, file)?;
            }
        }
        Ok(outputs)
    }

    fn add(&mut self, program: &Program, index: usize, path: &str) -> Result<(), Error> {
        let name = program.outputs.get(index).map_or("", |output| output.name.as_str());
        if is_text(path) && !program.outputs.get(index).is_some_and(is_list_of_tokens) {
            return Err(no_list("output", name));
        }
        match self.taken.get_mut(index) {
            Some(taken) if !*taken => *taken = true,
            _ => return Err(Error::new(codes::NAMES, format!("output `{name}` is to go to two files"))),
        }
        if let Some(same) = self.files.iter_mut().find(|file| file.path == path) {
            if !same.several {
                let error = Error::new(codes::NAMES, format!("two outputs are to go to {path}"));
                return Err(error.hint("a .safetensors file can take several"));
            }
            same.outputs.push(index);
            return Ok(());
        }
        let pending = PendingFile::create(Path::new(path))?;
        let several = is_safetensors(path);
        self.files.push(OutputFile { path: path.to_owned(), several, outputs: vec![index], pending });
        Ok(())
    }

    /// Whether an output goes to a file.
    pub fn takes(&self, index: usize) -> bool {
        self.taken.get(index).copied().unwrap_or(false)
    }

    /// Writes all files, and then puts them in their places.
    ///
    /// # Errors
    /// If one cannot be written: then none is put in its place.
    pub fn write(
        mut self,
        program: &Program,
        tensors: &[Tensor],
        tokenizer: Option<&dyn Text>,
    ) -> Result<(), Error> {
        for file in &mut self.files {
            let of = |index: &usize| Some((program.outputs.get(*index)?.name.clone(), tensors.get(*index)?));
            let named: Vec<(String, &Tensor)> = file.outputs.iter().filter_map(of).collect();
            if file.several {
                file.pending.write(&to_bytes(&named)?)?;
                continue;
            }
            for (name, tensor) in named {
                if is_text(&file.path) {
                    file.pending.write(text_of(&name, tensor, tokenizer)?.as_bytes())?;
                    continue;
                }
                file.pending.write(&npy::header(tensor.element(), tensor.shape()))?;
                file.pending.write(tensor.bytes())?;
            }
        }
        self.files.into_iter().try_for_each(|file| file.pending.commit())
    }
}

/// The text of an output that goes to a file.
fn text_of(name: &str, tensor: &Tensor, tokenizer: Option<&dyn Text>) -> Result<String, Error> {
    let tokens = tokens_in(tensor).ok_or_else(|| no_list("output", name))?;
    let needed = || {
        Error::new(codes::TEXT, format!("output `{name}` is to be a text, without a tokenizer"))
            .hint("give --tokenizer FILE")
    };
    tokenizer.ok_or_else(needed)?.decode(&tokens)
}
