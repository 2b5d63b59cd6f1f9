//! The `.npy` format of NumPy, versions 1 to 3: one tensor, row-major. Its description is NEP 1
//! (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>).
//!
//! NumPy has no bf16; as the package `ml_dtypes` does, it is kept as `V2`, two bytes of no type.

mod header;

use crate::element::Element;
use crate::error::{codes, Error};
use crate::memory::ensure_available;
use crate::tensor::{byte_length, Tensor};
use header::{Header, Value};
use std::fs::File;
use std::io::Read;
use std::path::Path;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Where the entries begin is a multiple of this.
const ALIGNMENT: usize = 64;

/// Reads a file.
///
/// # Errors
/// If it cannot be read, or is not what [`parse`] reads.
pub fn read(path: &Path) -> Result<Tensor, Error> {
    let name = path.display().to_string();
    parse(&name, read_whole(path)?)
}

/// All bytes of a file.
///
/// # Errors
/// If it cannot be read, or is larger than memory.
pub fn read_whole(path: &Path) -> Result<Vec<u8>, Error> {
    let name = path.display().to_string();
    let cannot = |error: std::io::Error| unreadable(&name, &error.to_string());
    let mut file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.is_dir() {
        return Err(unreadable(&name, "it is a folder"));
    }
    let length =
        usize::try_from(metadata.len()).map_err(|_| unreadable(&name, "it is larger than memory"))?;
    ensure_available(length, &format!("reading {name}"))?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| unreadable(&name, "it is larger than memory"))?;
    file.read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

/// The tensor in the bytes of a file; `name` stands for it in messages.
///
/// # Errors
/// If they are cut short or too many, column-major, of an element type that programs do not have, or no `.npy` at all.
pub fn parse(name: &str, mut bytes: Vec<u8>) -> Result<Tensor, Error> {
    let (layout, start) = layout(&bytes).map_err(|why| unreadable(name, &why))?;
    bytes.drain(..start);
    if layout.swapped {
        let size = layout.element.bytes();
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    if layout.element == Element::Bool && bytes.iter().any(|entry| *entry > 1) {
        return Err(unreadable(name, "a truth value in it is neither 0 nor 1"));
    }
    Tensor::new(layout.element, layout.shape, bytes).ok_or_else(|| unreadable(name, "its shape overflows"))
}

/// What a header says.
struct Layout {
    element: Element,
    swapped: bool,
    shape: Vec<usize>,
}

fn unreadable(name: &str, why: &str) -> Error {
    Error::new(codes::TENSOR_FILE, format!("cannot read {name}: {why}"))
}

/// What the header says, and where the entries begin.
fn layout(bytes: &[u8]) -> Result<(Layout, usize), String> {
    let (header, start) = find_header(bytes)?;
    let text = std::str::from_utf8(header).map_err(|_| "its header is no text".to_owned())?;
    let layout = interpret(&Header::parse(text)?)?;
    let there = bytes.len() - start;
    let claimed = byte_length(layout.element, &layout.shape)
        .ok_or_else(|| format!("its header claims the shape {:?}, which is beyond 64 bits", layout.shape))?;
    if claimed != there {
        let why = if claimed > there { "it is cut short" } else { "something follows the entries" };
        return Err(format!(
            "its header claims {}{:?}, {claimed} bytes, and {there} follow; {why}",
            layout.element, layout.shape
        ));
    }
    Ok((layout, start))
}

/// The text of the header, and where it ends.
fn find_header(bytes: &[u8]) -> Result<(&[u8], usize), String> {
    let short = || "its header is cut short".to_owned();
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| "it is no `.npy` file".to_owned())?;
    let ([major, _minor], rest) = rest.split_first_chunk().ok_or_else(short)?;
    let (length, width) = match major {
        1 => (u16::from_le_bytes(*rest.first_chunk().ok_or_else(short)?).into(), 2),
        2 | 3 => (u32::from_le_bytes(*rest.first_chunk().ok_or_else(short)?), 4),
        other => return Err(format!("it is of version {other} of the format; 1 to 3 are known")),
    };
    let begin = MAGIC.len() + 2 + width;
    let end = usize::try_from(length).ok().and_then(|length| begin.checked_add(length)).ok_or_else(short)?;
    Ok((bytes.get(begin..end).ok_or_else(short)?, end))
}

fn interpret(header: &Header) -> Result<Layout, String> {
    let (element, swapped) = match &header.descr {
        Value::Text(descr) => element(descr)?,
        Value::List(_) => return Err("its entries are structures; only plain numbers are read".to_owned()),
        _ => return Err("its header has no element type".to_owned()),
    };
    let Value::Tuple(sizes) = &header.shape else { return Err("its header has no shape".to_owned()) };
    let size = |value: &Value| match value {
        Value::Number(size) => {
            usize::try_from(*size).map_err(|_| "a size in its header is beyond 64 bits".to_owned())
        }
        _ => Err("its header has a shape that is no list of sizes".to_owned()),
    };
    let shape: Vec<usize> = sizes.iter().map(size).collect::<Result<_, _>>()?;
    match header.fortran_order {
        Value::Truth(true) if shape.len() > 1 => {
            Err("its entries are in column-major order; write it with numpy.ascontiguousarray".to_owned())
        }
        Value::Truth(_) => Ok(Layout { element, swapped, shape }),
        _ => Err("its header does not say the order of its entries".to_owned()),
    }
}

/// An element type as NumPy writes it, and whether its bytes are in big-endian order.
fn element(descr: &str) -> Result<(Element, bool), String> {
    let (order, kind) = match descr.split_at_checked(1) {
        Some((order @ ("<" | ">" | "=" | "|"), kind)) => (order, kind),
        _ => ("=", descr),
    };
    let element = match kind {
        "f8" => Element::F64,
        "f4" => Element::F32,
        "f2" => Element::F16,
        "V2" => Element::Bf16,
        "i8" => Element::I64,
        "i4" => Element::I32,
        "i1" => Element::I8,
        "u8" => Element::U64,
        "u4" => Element::U32,
        "u1" => Element::U8,
        "b1" => Element::Bool,
        _ if kind.starts_with('O') => {
            return Err("its entries are Python objects, which are not read".to_owned())
        }
        _ => return Err(format!("its entries are of type `{descr}`, which programs do not have")),
    };
    Ok((element, order == ">" && element.bytes() > 1))
}

fn descr(element: Element) -> &'static str {
    match element {
        Element::F64 => "<f8",
        Element::F32 => "<f4",
        Element::F16 => "<f2",
        Element::Bf16 => "<V2",
        Element::I64 => "<i8",
        Element::I32 => "<i4",
        Element::I8 => "|i1",
        Element::U64 => "<u8",
        Element::U32 => "<u4",
        Element::U8 => "|u1",
        Element::Bool => "|b1",
    }
}

/// What a file has before the entries of a tensor.
pub fn header(element: Element, shape: &[usize]) -> Vec<u8> {
    let sizes: String = match shape {
        [one] => format!("{one},"),
        _ => shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
    };
    let text = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({sizes}), }}", descr(element));
    let fits_version_1 = MAGIC.len() + 4 + text.len() + ALIGNMENT < usize::from(u16::MAX);
    let before = MAGIC.len() + if fits_version_1 { 4 } else { 6 };
    let length = (before + text.len() + 1).next_multiple_of(ALIGNMENT) - before;
    let mut bytes = MAGIC.to_vec();
    if fits_version_1 {
        bytes.extend([1, 0]);
        bytes.extend((length as u16).to_le_bytes());
    } else {
        bytes.extend([2, 0]);
        bytes.extend((length as u32).to_le_bytes());
    }
    bytes.extend(text.as_bytes());
    bytes.resize(before + length - 1, b' ');
    bytes.push(b'\n');
    bytes
}
