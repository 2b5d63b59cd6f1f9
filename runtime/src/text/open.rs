//! Which file is which.

use super::{broken, json, scored, sentencepiece, Tokenizer};
use crate::error::{codes, Error};
use std::path::{Path, PathBuf};

/// Files that a folder may have, the first of which is taken.
const NAMES: [&str; 5] = ["tokenizer.json", "tokenizer.model", "tokenizer.bin", "vocab.json", "encoder.json"];

/// Names of the lists of merges beside a vocabulary.
const MERGES: [&str; 2] = ["merges.txt", "vocab.bpe"];

impl Tokenizer {
    /// Reads a tokenizer: a file, or a folder that has one under one of the usual names. What it is is found out by its content.
    ///
    /// # Errors
    /// If there is none, it is damaged, or needs something that is not known here.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let path = if path.is_dir() { inside(path)? } else { path.to_path_buf() };
        read(&path).map_err(|error| error.note(format!("in {}", path.display())))
    }
}

fn inside(folder: &Path) -> Result<PathBuf, Error> {
    NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        Error::new(codes::TOKENIZER, format!("there is no tokenizer in {}", folder.display()))
            .hint(format!("it would be one of {}", NAMES.join(", ")))
    })
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(broken)
}

fn read(path: &Path) -> Result<Tokenizer, Error> {
    let bytes = bytes_of(path)?;
    match bytes.as_slice() {
        [] => Err(broken("it is empty")),
        // The length of the longest token, below 256; a message of sentencepiece does not begin so.
        [_, 0, 0, 0, ..] => scored::read(&bytes),
        [first, ..] if first.is_ascii_whitespace() && *first != b'\n' || *first == b'{' => {
            of_json(path, &bytes)
        }
        _ => sentencepiece::read(&bytes),
    }
}

fn of_json(path: &Path, bytes: &[u8]) -> Result<Tokenizer, Error> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(broken)?;
    if value.get("model").is_some_and(serde_json::Value::is_object) {
        return json::read(&value);
    }
    let beside = MERGES.iter().map(|name| path.with_file_name(name)).find(|path| path.is_file());
    let merges = beside.ok_or_else(|| {
        broken("it is a vocabulary alone")
            .hint(format!("its merges would be beside it: {}", MERGES.join(" or ")))
    })?;
    let text = String::from_utf8(bytes_of(&merges)?).map_err(broken)?;
    json::read_vocabulary(&value, &text)
}
