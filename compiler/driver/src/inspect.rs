//! `moe inspect`: the tensors of a file of weights, a `.npy` file, a built program or a source.

use crate::link::{PROGRAM_SECTION, WEIGHTS_SECTION};
use crate::run::diagnostic;
use crate::session::{Failure, Selection, Session};
use crate::statistics::{statistics, Statistics};
use moe_diagnostics::Diagnostic;
use moe_graph::{AxisId, Element, Function, OutputKind, ParameterKind};
use moe_runtime::memory::in_words;
use moe_runtime::program::Program;
use moe_runtime::{npy, WeightFile};
use object::{Object, ObjectSection};
use serde_json::{json, Value};
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What was found in a file.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// `weights`, `tensor`, `program` or `source`.
    kind: &'static str,
    /// Lines before the tensors, for people.
    head: String,
    /// The tensors.
    tensors: Vec<Row>,
}

/// One tensor.
#[derive(Clone, Debug)]
struct Row {
    /// `input`, `weight`, `state` or `output` of a model; empty in a file of tensors.
    role: String,
    name: String,
    element: String,
    /// Numbers in a file; in a source they may be free sizes.
    shape: Vec<String>,
    /// `None` where the shape has free sizes.
    bytes: Option<u64>,
    statistics: Option<Statistics>,
}

/// Looks into `path`, and at no more than `limit` entries of each tensor; at none where it is 0.
///
/// # Errors
/// If the file cannot be read, or is none of these; the mistakes of a source.
pub fn inspect(path: &Path, selection: &Selection, limit: usize) -> Result<Inspected, Failure> {
    if path.extension().is_some_and(|extension| extension == "moe") {
        return source(path, selection);
    }
    let mut start = [0; 6];
    let read =
        File::open(path).and_then(|mut file| if path.is_dir() { Ok(0) } else { file.read(&mut start) });
    let read = read.map_err(|error| unreadable(path, &error))?;
    let start = start.get(..read).unwrap_or_default();
    if start.starts_with(b"\x7fELF") {
        return program(path, limit);
    }
    let numpy =
        start.starts_with(b"\x93NUMPY") || path.extension().is_some_and(|extension| extension == "npy");
    if numpy {
        return tensor(path, limit);
    }
    let file = WeightFile::open(path).map_err(|error| Failure::plain(diagnostic(&error)))?;
    Ok(Inspected { kind: "weights", head: String::new(), tensors: rows(&file, limit) })
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::plain(
        Diagnostic::plain_error("E0010", format!("cannot read {}: {why}", path.display()))
            .hint("give a .safetensors or .npy file, a program or library built by moe, or a .moe file"),
    )
}

fn rows(file: &WeightFile, limit: usize) -> Vec<Row> {
    let row = |(name, entry): (&String, &moe_runtime::weights::Entry)| Row {
        role: String::new(),
        name: name.clone(),
        element: entry.element_name.clone(),
        shape: entry.shape.iter().map(usize::to_string).collect(),
        bytes: Some(entry.range.len() as u64),
        statistics: entry
            .element
            .filter(|_| limit > 0)
            .map(|element| statistics(element, file.bytes(entry.range.clone()), limit)),
    };
    file.entries().iter().map(row).collect()
}

fn tensor(path: &Path, limit: usize) -> Result<Inspected, Failure> {
    let tensor = npy::read(path).map_err(|error| Failure::plain(diagnostic(&error)))?;
    let row = Row {
        role: String::new(),
        name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        element: tensor.element().to_string(),
        shape: tensor.shape().iter().map(usize::to_string).collect(),
        bytes: Some(tensor.bytes().len() as u64),
        statistics: (limit > 0).then(|| statistics(tensor.element(), tensor.bytes(), limit)),
    };
    Ok(Inspected { kind: "tensor", head: String::new(), tensors: vec![row] })
}

/// A program or a library that was built, which is not run.
fn program(path: &Path, limit: usize) -> Result<Inspected, Failure> {
    let cannot = |why: &dyn std::fmt::Display| unreadable(path, why);
    let bytes = npy::read_whole(path).map_err(|error| Failure::plain(diagnostic(&error)))?;
    let file = object::File::parse(&*bytes).map_err(|error| cannot(&error))?;
    let section = |name: &str| file.section_by_name(name).and_then(|section| section.data().ok());
    let form = section(PROGRAM_SECTION).ok_or_else(|| cannot(&"it was not built by moe"))?;
    // What the linker adds for alignment follows the form and is not part of it.
    let (program, _) = postcard::take_from_bytes::<Program>(form).map_err(|error| cannot(&error))?;
    let head =
        moe_runtime::command::info(&program, &[]).map_err(|error| Failure::plain(diagnostic(&error)))?;
    let tensors = match section(WEIGHTS_SECTION) {
        Some(weights) => {
            let file = WeightFile::from_bytes("the weights inside", weights.to_vec())
                .map_err(|error| Failure::plain(diagnostic(&error)))?;
            rows(&file, limit)
        }
        None => Vec::new(),
    };
    let head = head + if tensors.is_empty() { "no weights inside\n" } else { "weights inside\n" };
    Ok(Inspected { kind: "program", head, tensors })
}

/// The edges of the chosen model of a source.
fn source(path: &Path, selection: &Selection) -> Result<Inspected, Failure> {
    let session = Session::open(path)?;
    let elaborated = session.elaborate(selection)?;
    let Some(entry) = elaborated.module.entry() else {
        return Err(unreadable(path, &"the model is empty"));
    };
    let parameters = entry.parameters.iter().map(|parameter| {
        let role = match parameter.kind {
            ParameterKind::Input => "input",
            ParameterKind::Weight => "weight",
            ParameterKind::State => "state",
        };
        edge(entry, role, &parameter.name, parameter.ty.element, &parameter.ty.axes)
    });
    let outputs = entry.outputs.iter().filter_map(|output| {
        let role = match output.kind {
            OutputKind::Result => "output",
            OutputKind::Next | OutputKind::Initial => return None,
            OutputKind::Observed => "observed",
        };
        Some(edge(entry, role, &output.name, entry.node(output.node)?.ty.element, &output.axes))
    });
    let tensors = parameters.chain(outputs).collect();
    Ok(Inspected { kind: "source", head: format!("model {}\n", elaborated.name), tensors })
}

fn edge(function: &Function, role: &str, name: &str, element: Element, axes: &[AxisId]) -> Row {
    let sizes: Vec<_> = axes.iter().map(|axis| function.size(*axis)).collect();
    let entries = sizes
        .iter()
        .try_fold(1_u64, |product, size| product.checked_mul(u64::try_from(size.as_constant()?).ok()?));
    Row {
        role: role.to_owned(),
        name: name.to_owned(),
        element: element.to_string(),
        shape: sizes.iter().map(ToString::to_string).collect(),
        bytes: entries.and_then(|entries| entries.checked_mul(element.bytes() as u64)),
        statistics: None,
    }
}

impl Inspected {
    /// For people: a table, and the sum.
    pub fn text(&self) -> String {
        let mut text = self.head.clone();
        if self.kind == "program" && self.tensors.is_empty() {
            return text;
        }
        let rows: Vec<Vec<String>> = self.tensors.iter().map(cells).collect();
        let titles =
            ["", "tensor", "type", "shape", "size", "min", "max", "mean", "deviation", "zeros", "not finite"];
        let with_statistics = self.tensors.iter().any(|row| row.statistics.is_some());
        table(&mut text, &titles, &rows, with_statistics);
        let total: u64 = self.tensors.iter().filter_map(|row| row.bytes).sum();
        let what = if self.tensors.len() == 1 { "tensor" } else { "tensors" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {what}, {}", self.tensors.len(), in_words(total));
        let sampled = self.tensors.iter().filter_map(|row| row.statistics.as_ref());
        if let Some(most) =
            sampled.filter(|found| found.counted < found.entries).map(|found| found.counted).max()
        {
            let _ =
                writeln!(text, "of larger tensors, {most} entries evenly spread were looked at (--limit)");
        }
        text
    }

    /// For programs: one JSON object. Statistics are those of finite entries.
    pub fn json(&self) -> String {
        let tensors: Vec<Value> = self.tensors.iter().map(tensor_json).collect();
        let total: u64 = self.tensors.iter().filter_map(|row| row.bytes).sum();
        format!("{:#}\n", json!({ "kind": self.kind, "bytes": total, "tensors": tensors }))
    }
}

fn cells(row: &Row) -> Vec<String> {
    let mut cells = vec![
        row.role.clone(),
        row.name.clone(),
        row.element.clone(),
        format!("[{}]", row.shape.join(", ")),
        row.bytes.map(in_words).unwrap_or_default(),
    ];
    if let Some(found) = &row.statistics {
        cells.extend([found.minimum, found.maximum, found.mean, found.deviation].map(short));
        cells.push(found.zeros.to_string());
        cells.push((found.nan + found.infinite).to_string());
    }
    cells
}

/// A number in a few characters, with four digits that say something.
fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e5).contains(&size) {
        format!("{value:.3e}")
    } else {
        format!("{value:.4}")
    }
}

/// Columns as wide as their widest cell; names to the left, numbers to the right.
fn table(text: &mut String, titles: &[&str], rows: &[Vec<String>], with_titles: bool) {
    let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    let all = || with_titles.then_some(&titles).into_iter().chain(rows);
    let widths: Vec<usize> = (0..titles.len())
        .map(|column| {
            all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for row in all() {
        let mut line = String::new();
        for (column, (cell, width)) in
            row.iter().zip(&widths).enumerate().filter(|(_, (_, width))| **width > 0)
        {
            let gap = if line.is_empty() { "" } else { "  " };
            line += &if column < 4 { format!("{gap}{cell:width$}") } else { format!("{gap}{cell:>width$}") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn tensor_json(row: &Row) -> Value {
    let shape: Vec<Value> = row
        .shape
        .iter()
        .map(|size| size.parse::<u64>().map_or_else(|_| json!(size), |size| json!(size)))
        .collect();
    let mut value = json!({ "name": row.name, "element": row.element, "shape": shape, "bytes": row.bytes });
    if let Some(map) = value.as_object_mut() {
        if !row.role.is_empty() {
            map.insert("role".to_owned(), json!(row.role));
        }
        if let Some(found) = &row.statistics {
            map.insert("statistics".to_owned(), statistics_json(found));
        }
    }
    value
}

fn statistics_json(found: &Statistics) -> Value {
    json!({
        "entries": found.entries,
        "counted": found.counted,
        "minimum": found.minimum,
        "maximum": found.maximum,
        "mean": found.mean,
        "deviation": found.deviation,
        "zeros": found.zeros,
        "nan": found.nan,
        "infinite": found.infinite,
    })
}
