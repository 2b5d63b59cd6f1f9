//! What a program is, in words: its edges, its kernels, the memory it needs.

use crate::error::{codes, Error};
use crate::forms;
use crate::memory::in_words;
use crate::program::{AxisDescription, Program, SizeExpression, TensorDescription};
use crate::resolve::{self, resolve};
use crate::tensor::byte_length;
use crate::verify::verify;

/// Several lines for people. The memory of a run is told where all free sizes are given.
///
/// # Errors
/// If the program cannot be used, a size is given that the program does not have, or sizes overflow.
pub fn info(program: &Program, sizes: &[(String, i64)]) -> Result<String, Error> {
    let memory = memory(program, sizes)?;
    let mut text = format!("model {}\n", program.model);
    section(&mut text, "backend", vec![(program.backend.clone(), String::new())]);
    if program.deterministic {
        section(
            &mut text,
            "results",
            vec![("a row has the same bits in any batch".to_owned(), String::new())],
        );
    }
    section(&mut text, "inputs", program.inputs.iter().map(|tensor| edge(program, tensor)).collect());
    section(&mut text, "outputs", program.outputs.iter().map(|tensor| edge(program, tensor)).collect());
    section(
        &mut text,
        "weights",
        program.weights.iter().map(|weight| edge(program, &weight.tensor)).collect(),
    );
    section(&mut text, "states", program.states.iter().map(|state| edge(program, &state.tensor)).collect());
    let observed =
        program.observations.iter().map(|observation| edge(program, &observation.tensor)).collect();
    section(&mut text, "observed", observed);
    let kernels =
        program.kernels.iter().map(|kernel| (kernel.name.clone(), kernel.origin.clone().unwrap_or_default()));
    section(&mut text, "kernels", kernels.collect());
    if program.forms.len() > 1 {
        let ranges = (1..).zip(forms::ranges(program));
        section(
            &mut text,
            "forms",
            ranges.map(|(form, range): (usize, _)| (form.to_string(), range)).collect(),
        );
    }
    section(&mut text, "memory", memory_rows(program, &memory));
    Ok(text)
}

fn section(text: &mut String, title: &str, rows: Vec<(String, String)>) {
    if rows.is_empty() {
        return;
    }
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    text.push_str(&format!("{title}\n"));
    for (name, what) in rows {
        text.push_str(format!("  {name:width$}  {what}").trim_end());
        text.push('\n');
    }
}

fn edge(program: &Program, tensor: &TensorDescription) -> (String, String) {
    (tensor.name.clone(), format!("{}{}", tensor.element, shape_in_words(program, &tensor.axes)))
}

/// The free sizes given; `None` where not all are.
fn bind(program: &Program, sizes: &[(String, i64)]) -> Result<Option<Vec<i64>>, Error> {
    for (name, _) in sizes {
        if !program.symbols.iter().any(|symbol| symbol.name == *name) {
            let known: Vec<&str> = program.symbols.iter().map(|symbol| symbol.name.as_str()).collect();
            let error = Error::new(codes::USAGE, format!("`{}` has no free size {name}", program.model));
            return Err(error.hint(if known.is_empty() {
                "it has none".to_owned()
            } else {
                known.join(", ")
            }));
        }
    }
    let given = |name: &str| sizes.iter().rev().find(|(given, _)| given == name).map(|(_, size)| *size);
    Ok(program.symbols.iter().map(|symbol| given(&symbol.name)).collect())
}

/// The memory that a program needs, in bytes. What depends on free sizes is known where all of them are given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Memory {
    /// The weights.
    pub weights: u64,
    /// What is made of the weights when they are loaded, and kept beside them.
    pub prepared: u64,
    /// What a run needs at the free sizes given.
    pub run: Option<RunMemory>,
}

/// The memory of one run, in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunMemory {
    /// The free sizes.
    pub sizes: Vec<(String, i64)>,
    /// Which of the program's forms is used, from 0.
    pub form: usize,
    /// Everything computed on the way.
    pub arena: u64,
    /// The inputs.
    pub inputs: u64,
    /// The outputs.
    pub outputs: u64,
    /// What is kept from step to step.
    pub states: u64,
}

/// The memory that a program needs.
///
/// # Errors
/// If the program cannot be used, a size is given that it does not have, or sizes overflow.
pub fn memory(program: &Program, sizes: &[(String, i64)]) -> Result<Memory, Error> {
    verify(program, program.kernels.len())?;
    let symbols = bind(program, sizes)?;
    let weights = total(program, &mut program.weights.iter().map(|weight| &weight.tensor), &[])?;
    let prepared = resolve::bytes(program, &[], &program.prepared_bytes, "prepared weights")? as u64;
    let run = symbols.map(|symbols| run_memory(program, &symbols)).transpose()?;
    Ok(Memory { weights, prepared, run })
}

fn run_memory(program: &Program, symbols: &[i64]) -> Result<RunMemory, Error> {
    let resolved = resolve(program, symbols)?;
    let names = program.symbols.iter().map(|symbol| symbol.name.clone());
    Ok(RunMemory {
        sizes: names.zip(symbols.iter().copied()).collect(),
        form: resolved.form,
        arena: resolved.arena_bytes as u64,
        inputs: total(program, &mut program.inputs.iter(), symbols)?,
        outputs: total(program, &mut program.outputs.iter(), symbols)?,
        states: total(program, &mut program.states.iter().map(|state| &state.tensor), symbols)?,
    })
}

fn total(
    program: &Program,
    tensors: &mut dyn Iterator<Item = &TensorDescription>,
    symbols: &[i64],
) -> Result<u64, Error> {
    let mut total = 0_u64;
    for tensor in tensors {
        let shape = resolve::shape(program, symbols, tensor)?;
        total = total.saturating_add(byte_length(tensor.element, &shape).unwrap_or(usize::MAX) as u64);
    }
    Ok(total)
}

fn memory_rows(program: &Program, memory: &Memory) -> Vec<(String, String)> {
    let row = |name: &str, bytes: u64| (name.to_owned(), in_words(bytes));
    let mut rows = vec![row("weights", memory.weights), row("prepared", memory.prepared)];
    let Some(run) = &memory.run else {
        let names: Vec<&str> = program.symbols.iter().map(|symbol| symbol.name.as_str()).collect();
        let how = names.join("=4096 --set ");
        rows.push(("a run".to_owned(), format!("depends on {}; give --set {how}=4096", names.join(", "))));
        return rows;
    };
    let at: Vec<String> = run.sizes.iter().map(|(name, size)| format!("{name} = {size}")).collect();
    if !at.is_empty() {
        rows.push(("with".to_owned(), at.join(", ")));
    }
    if program.forms.len() > 1 {
        rows.push(("form".to_owned(), (run.form + 1).to_string()));
    }
    rows.extend([row("arena", run.arena), row("inputs", run.inputs), row("outputs", run.outputs)]);
    if !program.states.is_empty() {
        rows.push(row("states", run.states));
    }
    rows
}

/// A shape as the source writes it: `[N, Class = 10]`.
fn shape_in_words(program: &Program, axes: &[AxisDescription]) -> String {
    let axis = |axis: &AxisDescription| match &axis.size {
        SizeExpression::Constant(size) if axis.name.is_empty() || axis.name == size.to_string() => {
            size.to_string()
        }
        SizeExpression::Constant(size) => format!("{} = {size}", axis.name),
        SizeExpression::Symbol(index) => match program.symbols.get(*index as usize) {
            Some(symbol) if axis.name.is_empty() || axis.name == symbol.name => symbol.name.clone(),
            Some(symbol) => format!("{} = {}", axis.name, symbol.name),
            None => axis.name.clone(),
        },
        _ => axis.name.clone(),
    };
    format!("[{}]", axes.iter().map(axis).collect::<Vec<_>>().join(", "))
}
