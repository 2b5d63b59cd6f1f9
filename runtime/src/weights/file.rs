//! A file of named tensors, `.safetensors`, mapped into memory: only what is read is loaded.
//! <https://huggingface.co/docs/safetensors> describes the format.
#![allow(unsafe_code)]

use crate::element::Element;
use crate::error::{codes, Error};
use crate::memory::in_words;
use crate::tensor::{Tensor, TensorRef};
use memmap2::Mmap;
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::Dtype;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

/// The bytes at the start of a file that say how long the header is.
const LENGTH_BYTES: usize = 8;

/// Named tensors in one stretch of memory.
pub struct WeightFile {
    name: String,
    storage: Storage,
    entries: BTreeMap<String, Entry>,
}

enum Storage {
    Mapped(Mmap),
    Embedded(&'static [u8]),
    Owned(Vec<u8>),
}

/// Where a file keeps a tensor, and what it says of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The element type; `None` if it is one that programs do not have.
    pub element: Option<Element>,
    /// The element type as the file names it.
    pub element_name: String,
    /// The sizes of the axes.
    pub shape: Vec<usize>,
    /// Where it lies, counted from the start of the file.
    pub range: Range<usize>,
}

impl WeightFile {
    /// Maps a file. It must not change while it is used.
    ///
    /// # Errors
    /// If it is not there, or is not a whole `.safetensors` file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let cannot = |error: std::io::Error| unreadable(&name, &error.to_string());
        let file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_dir() {
            return Err(unreadable(&name, "it is a folder"));
        }
        if metadata.len() < LENGTH_BYTES as u64 {
            return Err(unreadable(&name, &format!("it has only {} bytes", metadata.len())));
        }
        // SAFETY: the map is only read. That nobody shortens the file meanwhile is asked of the caller.
        let map = unsafe { Mmap::map(&file) }.map_err(cannot)?;
        WeightFile::new(name, Storage::Mapped(map))
    }

    /// The weights that a program carries in itself.
    ///
    /// # Errors
    /// If they are not a whole `.safetensors` file.
    pub fn embedded(bytes: &'static [u8]) -> Result<Self, Error> {
        WeightFile::new("the weights inside the program".to_owned(), Storage::Embedded(bytes))
    }

    /// A file in memory; `name` stands for it in messages.
    ///
    /// # Errors
    /// If it is not a whole `.safetensors` file.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, Error> {
        WeightFile::new(name.to_owned(), Storage::Owned(bytes))
    }

    /// Tensors as a file in memory.
    ///
    /// # Errors
    /// If two have one name.
    pub fn from_tensors(name: &str, tensors: &[(String, Tensor)]) -> Result<Self, Error> {
        let views: Vec<(String, &Tensor)> =
            tensors.iter().map(|(name, tensor)| (name.clone(), tensor)).collect();
        WeightFile::from_bytes(name, to_bytes(&views)?)
    }

    fn new(name: String, storage: Storage) -> Result<Self, Error> {
        let entries = read_header(storage.bytes()).map_err(|why| unreadable(&name, &why))?;
        Ok(WeightFile { name, storage, entries })
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All tensors, by name.
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// Bytes of the file.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.storage.bytes().get(range).unwrap_or_default()
    }

    /// Says that bytes will hardly be read again: a mapped file's need no memory any more, and come back from the file if they are read.
    pub(crate) fn release(&self, range: &Range<usize>) {
        #[cfg(unix)]
        if let Storage::Mapped(map) = &self.storage {
            // SAFETY: the map is shared with the file and never written, so what is read after this is the same. It is only a wish.
            let _ = unsafe {
                map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len())
            };
        }
    }

    /// A tensor; `None` if there is none of that name, or of an element type that programs do not have.
    pub fn tensor(&self, name: &str) -> Option<TensorRef<'_>> {
        let entry = self.entries.get(name)?;
        Some(TensorRef {
            element: entry.element?,
            shape: &entry.shape,
            bytes: self.bytes(entry.range.clone()),
        })
    }
}

impl Storage {
    fn bytes(&self) -> &[u8] {
        match self {
            Storage::Mapped(map) => map,
            Storage::Embedded(bytes) => bytes,
            Storage::Owned(bytes) => bytes,
        }
    }
}

/// Tensors as the bytes of a `.safetensors` file.
///
/// # Errors
/// If two have one name.
pub fn to_bytes(tensors: &[(String, &Tensor)]) -> Result<Vec<u8>, Error> {
    let mut seen = BTreeSet::new();
    if let Some((twice, _)) = tensors.iter().find(|(name, _)| !seen.insert(name)) {
        return Err(Error::new(codes::OUTPUT, format!("two tensors of one file are named `{twice}`")));
    }
    let views: Vec<(&str, View<'_>)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), View(tensor))).collect();
    safetensors::serialize(views, None)
        .map_err(|error| Error::new(codes::OUTPUT, format!("the tensors cannot be written: {error}")))
}

struct View<'a>(&'a Tensor);

impl safetensors::View for View<'_> {
    fn dtype(&self) -> Dtype {
        dtype(self.0.element())
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        self.0.bytes().into()
    }

    fn data_len(&self) -> usize {
        self.0.bytes().len()
    }
}

fn unreadable(name: &str, why: &str) -> Error {
    Error::new(codes::WEIGHTS_FILE, format!("cannot read {name}: {why}"))
}

/// The tensors that a file's header names.
fn read_header(bytes: &[u8]) -> Result<BTreeMap<String, Entry>, String> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(format!("it has only {} bytes", bytes.len()));
    };
    if bytes.starts_with(b"\x93NUMPY") {
        return Err("it is a `.npy` file, and weights are a `.safetensors` file".to_owned());
    }
    let length = u64::from_le_bytes(*length);
    let header = usize::try_from(length).ok().and_then(|length| rest.get(..length)).ok_or_else(|| {
        let (claimed, there) = (in_words(length), in_words(rest.len() as u64));
        format!("its header claims {claimed} and {there} follow; it is cut short or no `.safetensors` file")
    })?;
    if let Some(twice) = repeated_name(header)? {
        return Err(format!("its header names `{twice}` twice"));
    }
    let metadata: Metadata =
        serde_json::from_slice(header).map_err(|error| format!("its header is wrong: {error}"))?;
    let data = rest.len() - header.len();
    if metadata.data_len() != data {
        let (claimed, there) = (metadata.data_len(), data);
        let why = if claimed > there { "it is cut short" } else { "something follows the last tensor" };
        return Err(format!("its header describes {claimed} bytes of tensors and {there} follow; {why}"));
    }
    let start = LENGTH_BYTES + header.len();
    Ok(metadata.tensors().into_iter().map(|(name, info)| (name, entry(info, start))).collect())
}

fn entry(info: &TensorInfo, start: usize) -> Entry {
    Entry {
        element: element(info.dtype),
        element_name: element(info.dtype)
            .map_or_else(|| info.dtype.to_string(), |element| element.to_string()),
        shape: info.shape.clone(),
        range: start + info.data_offsets.0..start + info.data_offsets.1,
    }
}

/// The first name that the header has twice. A map would keep just one of the two.
fn repeated_name(header: &[u8]) -> Result<Option<String>, String> {
    let names: Names =
        serde_json::from_slice(header).map_err(|error| format!("its header is no JSON: {error}"))?;
    Ok(names.repeated)
}

struct Names {
    repeated: Option<String>,
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
        let mut seen = BTreeSet::new();
        let mut repeated = None;
        while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
            if repeated.is_none() && seen.contains(&name) {
                repeated = Some(name);
            } else {
                seen.insert(name);
            }
        }
        Ok(Names { repeated })
    }
}

fn element(dtype: Dtype) -> Option<Element> {
    Element::ALL.into_iter().find(|element| self::dtype(*element) == dtype)
}

fn dtype(element: Element) -> Dtype {
    match element {
        Element::F64 => Dtype::F64,
        Element::F32 => Dtype::F32,
        Element::Bf16 => Dtype::BF16,
        Element::F16 => Dtype::F16,
        Element::I64 => Dtype::I64,
        Element::I32 => Dtype::I32,
        Element::I8 => Dtype::I8,
        Element::U64 => Dtype::U64,
        Element::U32 => Dtype::U32,
        Element::U8 => Dtype::U8,
        Element::Bool => Dtype::BOOL,
    }
}
