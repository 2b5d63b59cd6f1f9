//! LLVM's part: optimization, assembly and objects.

use crate::cpu::{Capabilities, Cpu};
use crate::error::LlvmError;
use crate::{merge, mlir, print};
use inkwell::context::Context;
use inkwell::module::Module;
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::{FileType, TargetMachine};
use moe_kernel::{Kernel, Statement};

/// What text to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Text {
    /// LLVM's text form.
    Llvm,
    /// Assembly.
    Assembly,
}

/// The threads that compile side by side.
const THREADS: usize = 2;
/// About how much a module is worth its own costs, in statements.
const STATEMENTS_A_PART: usize = 60;

/// All kernels as one text.
pub(crate) fn text(kernels: &[Kernel], cpu: &Cpu, text: Text) -> Result<String, LlvmError> {
    let capabilities = cpu.capabilities()?;
    let machine = cpu.machine()?;
    let context = Context::create();
    let module = optimized(kernels, &capabilities, &machine, &context)?;
    match text {
        Text::Llvm => Ok(module.print_to_string().to_string()),
        Text::Assembly => {
            let bytes = emit(&module, &machine, FileType::Assembly)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
    }
}

/// All kernels as one object. The parts they are compiled in depend on the kernels alone.
pub(crate) fn object(kernels: &[Kernel], cpu: &Cpu) -> Result<Vec<u8>, LlvmError> {
    let capabilities = cpu.capabilities()?;
    let parts = parts(kernels);
    let compile = |part: &[Kernel]| part_object(part, cpu, &capabilities);
    let objects =
        if let [only] = parts.as_slice() { vec![compile(only)?] } else { side_by_side(&parts, &compile)? };
    merge::objects(objects)
}

/// Compiles parts on a few threads; the results are in the order of the parts.
fn side_by_side(
    parts: &[&[Kernel]],
    compile: &(impl Fn(&[Kernel]) -> Result<Vec<u8>, LlvmError> + Sync),
) -> Result<Vec<Vec<u8>>, LlvmError> {
    let work = |first: usize| {
        let mine = parts.iter().enumerate().skip(first).step_by(THREADS);
        mine.map(|(index, part)| compile(part).map(|object| (index, object))).collect::<Result<Vec<_>, _>>()
    };
    let work = &work;
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|first| scope.spawn(move || work(first))).collect();
        let stopped = || LlvmError::Refused { stage: "compiling", what: "a thread stopped".to_owned() };
        threads.into_iter().map(|thread| thread.join().map_err(|_| stopped())?).collect::<Result<Vec<_>, _>>()
    })?;
    let mut objects: Vec<(usize, Vec<u8>)> = results.into_iter().flatten().collect();
    objects.sort_by_key(|(index, _)| *index);
    Ok(objects.into_iter().map(|(_, object)| object).collect())
}

/// Consecutive kernels of about equal weight, as many parts as pay.
fn parts(kernels: &[Kernel]) -> Vec<&[Kernel]> {
    let total: usize = kernels.iter().map(weight).sum();
    let count = (total / STATEMENTS_A_PART).clamp(1, THREADS);
    let mut parts = Vec::new();
    let (mut rest, mut left) = (kernels, total);
    for parts_left in (2..=count).rev() {
        let share = left / parts_left;
        let mut taken = 0;
        let length = rest.iter().take_while(|kernel| {
            let fits = taken + weight(kernel) / 2 < share;
            taken += weight(kernel);
            fits
        });
        let (part, after) = rest.split_at(length.count());
        left -= part.iter().map(weight).sum::<usize>();
        rest = after;
        if !part.is_empty() {
            parts.push(part);
        }
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(rest);
    }
    parts
}

/// How much there is to compile in a kernel.
fn weight(kernel: &Kernel) -> usize {
    fn statements(body: &[Statement]) -> usize {
        body.iter().map(|statement| 1 + inside(statement)).sum()
    }
    fn inside(statement: &Statement) -> usize {
        match statement {
            Statement::Loop { body, .. } => statements(body),
            Statement::If { then, otherwise, .. } => statements(then) + statements(otherwise),
            _ => 0,
        }
    }
    10 + statements(&kernel.body)
}

fn part_object(kernels: &[Kernel], cpu: &Cpu, capabilities: &Capabilities) -> Result<Vec<u8>, LlvmError> {
    let machine = cpu.machine()?;
    let context = Context::create();
    let module = optimized(kernels, capabilities, &machine, &context)?;
    emit(&module, &machine, FileType::Object)
}

/// Kernels as an optimized module.
fn optimized<'c>(
    kernels: &[Kernel],
    capabilities: &Capabilities,
    machine: &TargetMachine,
    context: &'c Context,
) -> Result<Module<'c>, LlvmError> {
    let text = print::module(kernels, capabilities)?;
    let module = mlir::translate(&text, context)?;
    module.set_triple(&machine.get_triple());
    module.set_data_layout(&machine.get_target_data().get_data_layout());
    // Kernels are vectors and unrolled already; what is not written in them is not done.
    let options = PassBuilderOptions::create();
    options.set_loop_vectorization(false);
    options.set_loop_slp_vectorization(false);
    options.set_loop_interleaving(false);
    options.set_loop_unrolling(false);
    module
        .run_passes("default<O3>", machine, options)
        .map_err(|error| LlvmError::Refused { stage: "optimizing", what: error.to_string() })?;
    Ok(module)
}

fn emit(module: &Module<'_>, machine: &TargetMachine, kind: FileType) -> Result<Vec<u8>, LlvmError> {
    machine
        .write_to_memory_buffer(module, kind)
        .map(|buffer| buffer.as_slice().to_vec())
        .map_err(|error| LlvmError::Refused { stage: "writing code", what: error.to_string() })
}
