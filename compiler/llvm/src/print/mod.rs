//! Kernels as MLIR text: `func`, `scf`, `arith`, `math`, `vector` and `memref`, with `cf` where a kernel may stop early.
//!
//! A kernel is two functions. The outer one has the C signature of [`moe_runtime::program::KernelFunction`] and loads
//! the buffers' addresses. The inner one has each buffer as an argument of its own that overlaps no other, which is how
//! LLVM comes to know it.

mod arithmetic;
mod convert;
mod emulate;
mod memory;
mod operations;
mod statements;
mod types;

use crate::cpu::Capabilities;
use crate::error::LlvmError;
use moe_kernel::{Kernel, KernelError, Value, ValueType};
use moe_runtime::Element;
use std::fmt::Write;

/// Attributes of both functions: no call of a library function may be made up, and vectors are as wide as written.
const ATTRIBUTES: &str = r#""nounwind", "no-builtins", ["prefer-vector-width", "512"]"#;

/// Kernels as one module of MLIR text for a processor with these capabilities.
///
/// # Errors
/// [`LlvmError::Malformed`] if a kernel breaks a rule of the form, and [`LlvmError::Unsupported`] if the processor cannot
/// do an operation.
pub fn module(kernels: &[Kernel], capabilities: &Capabilities) -> Result<String, LlvmError> {
    let mut text = format!("{}\nmodule {{\n", memory::DESCRIPTOR);
    for kernel in kernels {
        moe_kernel::verify(kernel)?;
        outer(&mut text, kernel);
        text.push_str(&Printer::new(kernel, capabilities).inner()?);
    }
    text.push_str("}\n");
    Ok(text)
}

/// The function that is called from outside.
fn outer(text: &mut String, kernel: &Kernel) {
    let name = &kernel.name;
    let _ = writeln!(
        text,
        "  func.func @{name}(%buffers: !llvm.ptr, %sizes: !llvm.ptr, %begin: i64, %end: i64) -> i32 \
         attributes {{passthrough = [{ATTRIBUTES}]}} {{"
    );
    for index in 0..kernel.buffers.len() {
        let _ = writeln!(
            text,
            "    %slot{index} = llvm.getelementptr %buffers[{index}] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr\n    \
             %buffer{index} = llvm.load %slot{index} : !llvm.ptr -> !llvm.ptr"
        );
    }
    let arguments: String = (0..kernel.buffers.len()).map(|index| format!("%buffer{index}, ")).collect();
    let argument_types = "!llvm.ptr, ".repeat(kernel.buffers.len());
    let _ = writeln!(
        text,
        "    %status = func.call @{name}.body({arguments}%sizes, %begin, %end) : \
         ({argument_types}!llvm.ptr, i64, i64) -> i32\n    return %status : i32\n  }}"
    );
}

/// Writes the inner function of one kernel.
struct Printer<'a> {
    kernel: &'a Kernel,
    capabilities: &'a Capabilities,
    text: String,
    /// What each value is called in the text; `None` until it is defined.
    names: Vec<Option<String>>,
    depth: usize,
    /// The name that steps towards the value being defined begin with, and how many there are.
    prefix: String,
    steps: usize,
    blocks: usize,
    /// Whether the block being written has returned.
    ended: bool,
}

impl<'a> Printer<'a> {
    fn new(kernel: &'a Kernel, capabilities: &'a Capabilities) -> Self {
        Printer {
            kernel,
            capabilities,
            text: String::new(),
            names: vec![None; kernel.values.len()],
            depth: 2,
            prefix: "%entry".to_owned(),
            steps: 0,
            blocks: 0,
            ended: false,
        }
    }

    /// The whole inner function.
    fn inner(mut self) -> Result<String, LlvmError> {
        let arguments: String = (0..self.kernel.buffers.len())
            .map(|index| format!("%pointer{index}: !llvm.ptr {{llvm.noalias}}, "))
            .collect();
        let _ = writeln!(
            self.text,
            "  func.func private @{}.body({arguments}%sizes: !llvm.ptr {{llvm.noalias}}, %begin: i64, %end: i64) -> i32 \
             attributes {{llvm.linkage = #llvm.linkage<internal>, passthrough = [\"noinline\", {ATTRIBUTES}]}} {{",
            self.kernel.name
        );
        self.entry();
        self.statements(&self.kernel.body)?;
        if !self.ended {
            self.line("%done = arith.constant 0 : i32");
            self.line("return %done : i32");
        }
        self.text.push_str("  }\n");
        Ok(self.text)
    }

    /// Buffers as memrefs and the sizes, all at the start.
    fn entry(&mut self) {
        if !self.kernel.buffers.is_empty() {
            self.line("%zero = llvm.mlir.constant(0 : i64) : i64");
            self.line("%one = llvm.mlir.constant(1 : i64) : i64");
        }
        for (index, parameter) in self.kernel.buffers.iter().enumerate() {
            self.descriptor(index, parameter.element);
        }
        for index in 0..self.kernel.sizes.len() {
            self.line(&format!(
                "%place{index} = llvm.getelementptr %sizes[{index}] : (!llvm.ptr) -> !llvm.ptr, i64"
            ));
            self.line(&format!("%size{index} = llvm.load %place{index} : !llvm.ptr -> i64"));
        }
    }

    /// Adds an indented line.
    fn line(&mut self, line: &str) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A step towards the value that is being defined; returns its name.
    fn step(&mut self, right: String) -> String {
        self.steps += 1;
        let name = format!("{}_{}", self.prefix, self.steps);
        self.line(&format!("{name} = {right}"));
        name
    }

    /// The last step: the value itself.
    fn last(&mut self, right: String) -> String {
        let name = self.prefix.clone();
        self.line(&format!("{name} = {right}"));
        name
    }

    /// Begins the steps of a value or statement.
    fn begin(&mut self, prefix: String) {
        self.prefix = prefix;
        self.steps = 0;
    }

    fn malformed(&self, what: String) -> LlvmError {
        let kernel = self.kernel.name.clone();
        LlvmError::Malformed(KernelError::Invalid { kernel, statement: String::new(), message: what })
    }

    fn unsupported(&self, what: &'static str) -> LlvmError {
        LlvmError::Unsupported { kernel: self.kernel.name.clone(), what, cpu: self.capabilities.cpu.clone() }
    }

    /// The type of a value.
    fn type_of(&self, value: Value) -> Result<ValueType, LlvmError> {
        let found = self.kernel.values.get(value.0 as usize).copied();
        found.ok_or_else(|| self.malformed(format!("there is no value v{}", value.0)))
    }

    /// The type of a value, as text.
    fn type_text(&self, value: Value) -> Result<String, LlvmError> {
        Ok(types::value(self.type_of(value)?))
    }

    /// What a value is called.
    fn name(&self, value: Value) -> Result<String, LlvmError> {
        let found = self.names.get(value.0 as usize).cloned().flatten();
        found.ok_or_else(|| self.malformed(format!("v{} is used before it is defined", value.0)))
    }

    /// Says what a value is called from now on.
    fn bind(&mut self, value: Value, name: String) -> Result<(), LlvmError> {
        match self.names.get_mut(value.0 as usize) {
            Some(slot) => {
                *slot = Some(name);
                Ok(())
            }
            None => Err(self.malformed(format!("there is no value v{}", value.0))),
        }
    }

    /// The element type of a buffer.
    fn buffer_element(&self, buffer: u32) -> Result<Element, LlvmError> {
        let found = self.kernel.buffers.get(buffer as usize).map(|parameter| parameter.element);
        found.ok_or_else(|| self.malformed(format!("there is no buffer {buffer}")))
    }

    /// A constant of `lanes` lanes of `lane` type; `literal` as MLIR writes it.
    fn constant(&mut self, literal: &str, lane: &str, lanes: u32) -> String {
        let right = constant_text(literal, lane, lanes);
        self.step(right)
    }
}

/// The right-hand side of a constant.
fn constant_text(literal: &str, lane: &str, lanes: u32) -> String {
    let whole = types::of(lane, lanes);
    if lanes == 1 && lane == "i1" {
        format!("arith.constant {literal}")
    } else if lanes == 1 {
        format!("arith.constant {literal} : {whole}")
    } else {
        format!("arith.constant dense<{literal}> : {whole}")
    }
}
