//! Statements: stores, loops, choices, and stopping.
//!
//! What may stop the kernel early is written as blocks and branches, everything else as structured loops and choices. A
//! statement around one that may stop may itself stop, so blocks never stand inside structured ones.

use super::{types, Printer};
use crate::error::LlvmError;
use moe_kernel::{Carried, Chosen, Statement, Value};

/// A `Statement::Loop`, taken apart.
struct LoopParts<'s> {
    index: Value,
    begin: Value,
    end: Value,
    step: i64,
    carried: &'s [Carried],
    body: &'s [Statement],
}

/// A `Statement::If`, taken apart.
struct IfParts<'s> {
    condition: Value,
    then: &'s [Statement],
    otherwise: &'s [Statement],
    results: &'s [Chosen],
}

/// Whether a statement may end the kernel.
fn may_stop(statement: &Statement) -> bool {
    match statement {
        Statement::Fail { .. } => true,
        Statement::Loop { body, .. } => body.iter().any(may_stop),
        Statement::If { then, otherwise, .. } => then.iter().chain(otherwise).any(may_stop),
        Statement::Define { .. }
        | Statement::Store { .. }
        | Statement::Scatter { .. }
        | Statement::Prefetch { .. } => false,
    }
}

impl Printer<'_> {
    pub(super) fn statements(&mut self, statements: &[Statement]) -> Result<(), LlvmError> {
        for statement in statements {
            // What stands behind an end of the kernel is never done.
            if self.ended {
                break;
            }
            self.statement(statement)?;
        }
        Ok(())
    }

    fn statement(&mut self, statement: &Statement) -> Result<(), LlvmError> {
        match statement {
            Statement::Define { value, operation } => {
                self.begin(format!("%v{}", value.0));
                let name = self.operation(*value, operation)?;
                self.bind(*value, name)
            }
            Statement::Store { buffer, index, value, mask } => {
                self.begin_statement("store");
                self.store(*buffer, *index, *value, *mask)
            }
            Statement::Scatter { buffer, indices, value, mask } => {
                self.begin_statement("scatter");
                self.scatter(*buffer, *indices, *value, *mask)
            }
            Statement::Prefetch { buffer, index } => {
                self.begin_statement("prefetch");
                self.prefetch(*buffer, *index)
            }
            Statement::Loop { index, begin, end, step, carried, body } => {
                let (index, begin, end, step) = (*index, *begin, *end, *step);
                let parts = LoopParts { index, begin, end, step, carried, body };
                if may_stop(statement) {
                    self.loop_of_blocks(&parts)
                } else {
                    self.structured_loop(&parts)
                }
            }
            Statement::If { condition, then, otherwise, results } => {
                let parts = IfParts { condition: *condition, then, otherwise, results };
                if may_stop(statement) {
                    self.choice_of_blocks(&parts)
                } else {
                    self.structured_choice(&parts)
                }
            }
            Statement::Fail { fault } => self.fail(*fault),
        }
    }

    /// Begins a statement that defines no value of the kernel; its steps are numbered through the kernel.
    fn begin_statement(&mut self, what: &str) {
        self.blocks += 1;
        self.begin(format!("%{what}{}", self.blocks));
    }

    fn fail(&mut self, fault: u32) -> Result<(), LlvmError> {
        self.begin_statement("fail");
        let status = self.step(format!("arith.constant {} : i32", i64::from(fault) + 1));
        self.line(&format!("return {status} : i32"));
        self.ended = true;
        Ok(())
    }

    fn structured_loop(&mut self, parts: &LoopParts<'_>) -> Result<(), LlvmError> {
        self.begin_statement("loop");
        let step = self.step(format!("arith.constant {} : i64", parts.step));
        let result = self.prefix.clone();
        let (begin, end) = (self.name(parts.begin)?, self.name(parts.end)?);
        let index = self.fresh(parts.index)?;
        let mut head = format!("scf.for {index} = {begin} to {end} step {step}");
        if !parts.carried.is_empty() {
            let mut initial = Vec::new();
            for carried in parts.carried {
                let from = self.name(carried.initial)?;
                initial.push(format!("{} = {from}", self.fresh(carried.inner)?));
            }
            let types = self.types(parts.carried.iter().map(|carried| carried.inner))?;
            head = format!(
                "{result}:{} = {head} iter_args({}) -> ({types})",
                parts.carried.len(),
                initial.join(", ")
            );
        }
        self.line(&format!("{head} : i64 {{"));
        self.nested(parts.body, parts.carried.iter().map(|carried| carried.next))?;
        self.line("}");
        let results = parts.carried.iter().map(|carried| carried.result);
        self.bind_results(&result, results)
    }

    fn structured_choice(&mut self, parts: &IfParts<'_>) -> Result<(), LlvmError> {
        self.begin_statement("choice");
        let result = self.prefix.clone();
        let condition = self.name(parts.condition)?;
        if parts.results.is_empty() {
            self.line(&format!("scf.if {condition} {{"));
        } else {
            let types = self.types(parts.results.iter().map(|chosen| chosen.result))?;
            self.line(&format!("{result}:{} = scf.if {condition} -> ({types}) {{", parts.results.len()));
        }
        self.nested(parts.then, parts.results.iter().map(|chosen| chosen.then))?;
        if !(parts.otherwise.is_empty() && parts.results.is_empty()) {
            self.line("} else {");
            self.nested(parts.otherwise, parts.results.iter().map(|chosen| chosen.otherwise))?;
        }
        self.line("}");
        let results = parts.results.iter().map(|chosen| chosen.result);
        self.bind_results(&result, results)
    }

    /// The body of a structured statement, with the values it gives.
    fn nested(&mut self, body: &[Statement], gives: impl Iterator<Item = Value>) -> Result<(), LlvmError> {
        self.depth += 1;
        self.statements(body)?;
        let gives: Vec<Value> = gives.collect();
        if !gives.is_empty() {
            let names = self.names_of(gives.iter().copied())?;
            let types = self.types(gives.into_iter())?;
            self.line(&format!("scf.yield {names} : {types}"));
        }
        self.depth -= 1;
        Ok(())
    }

    fn bind_results(&mut self, prefix: &str, results: impl Iterator<Item = Value>) -> Result<(), LlvmError> {
        results.enumerate().try_for_each(|(index, value)| self.bind(value, format!("{prefix}#{index}")))
    }

    fn loop_of_blocks(&mut self, parts: &LoopParts<'_>) -> Result<(), LlvmError> {
        self.begin_statement("loop");
        let step = self.step(format!("arith.constant {} : i64", parts.step));
        let (head, body, exit) = (self.block_name("head"), self.block_name("body"), self.block_name("exit"));
        let initial = self.with_types(
            std::iter::once(parts.begin).chain(parts.carried.iter().map(|carried| carried.initial)),
        )?;
        self.line(&format!("cf.br {head}({initial})"));
        let inner = std::iter::once(parts.index).chain(parts.carried.iter().map(|carried| carried.inner));
        let arguments = self.arguments(inner)?;
        self.open_block(&head, &arguments);
        let (index, end) = (self.name(parts.index)?, self.name(parts.end)?);
        let more = self.step(format!("arith.cmpi slt, {index}, {end} : i64"));
        self.line(&format!("cf.cond_br {more}, {body}, {exit}"));
        self.open_block(&body, "");
        self.statements(parts.body)?;
        if !self.ended {
            self.begin_statement("next");
            let next_index = self.step(format!("arith.addi {index}, {step} : i64"));
            let mut names = vec![next_index];
            for carried in parts.carried {
                names.push(self.name(carried.next)?);
            }
            let values = std::iter::once(parts.index).chain(parts.carried.iter().map(|carried| carried.next));
            let types = self.types(values)?;
            self.line(&format!("cf.br {head}({} : {types})", names.join(", ")));
        }
        self.open_block(&exit, "");
        for carried in parts.carried {
            let inner = self.name(carried.inner)?;
            self.bind(carried.result, inner)?;
        }
        Ok(())
    }

    fn choice_of_blocks(&mut self, parts: &IfParts<'_>) -> Result<(), LlvmError> {
        self.begin_statement("choice");
        let (then, otherwise) = (self.block_name("then"), self.block_name("otherwise"));
        let join = self.block_name("join");
        let condition = self.name(parts.condition)?;
        self.line(&format!("cf.cond_br {condition}, {then}, {otherwise}"));
        self.open_block(&then, "");
        self.statements(parts.then)?;
        self.jump(&join, parts.results.iter().map(|chosen| chosen.then))?;
        self.open_block(&otherwise, "");
        self.statements(parts.otherwise)?;
        self.jump(&join, parts.results.iter().map(|chosen| chosen.otherwise))?;
        let arguments = self.arguments(parts.results.iter().map(|chosen| chosen.result))?;
        self.open_block(&join, &arguments);
        Ok(())
    }

    /// Goes on at a block, unless the kernel has ended.
    fn jump(&mut self, block: &str, values: impl Iterator<Item = Value>) -> Result<(), LlvmError> {
        if self.ended {
            return Ok(());
        }
        let values = self.with_types(values)?;
        let list = if values.is_empty() { String::new() } else { format!("({values})") };
        self.line(&format!("cf.br {block}{list}"));
        Ok(())
    }

    /// A block's name, new in this function.
    fn block_name(&mut self, what: &str) -> String {
        self.blocks += 1;
        format!("^{what}{}", self.blocks)
    }

    fn open_block(&mut self, block: &str, arguments: &str) {
        let list = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
        self.depth -= 1;
        self.line(&format!("{block}{list}:"));
        self.depth += 1;
        self.ended = false;
    }

    /// Gives a value its own name.
    fn fresh(&mut self, value: Value) -> Result<String, LlvmError> {
        let name = format!("%v{}", value.0);
        self.bind(value, name.clone())?;
        Ok(name)
    }

    /// New names for values, as a block's arguments: `%v1: i64, %v2: f32`.
    fn arguments(&mut self, values: impl Iterator<Item = Value>) -> Result<String, LlvmError> {
        let mut list = Vec::new();
        for value in values {
            let type_text = self.type_text(value)?;
            list.push(format!("{}: {type_text}", self.fresh(value)?));
        }
        Ok(list.join(", "))
    }

    /// `%v1, %v2 : i64, f32`, or nothing.
    fn with_types(&self, values: impl Iterator<Item = Value>) -> Result<String, LlvmError> {
        let values: Vec<Value> = values.collect();
        if values.is_empty() {
            return Ok(String::new());
        }
        let names = self.names_of(values.iter().copied())?;
        Ok(format!("{names} : {}", self.types(values.into_iter())?))
    }

    fn names_of(&self, values: impl Iterator<Item = Value>) -> Result<String, LlvmError> {
        Ok(values.map(|value| self.name(value)).collect::<Result<Vec<_>, _>>()?.join(", "))
    }

    fn types(&self, values: impl Iterator<Item = Value>) -> Result<String, LlvmError> {
        let types = values.map(|value| Ok(types::value(self.type_of(value)?)));
        Ok(types.collect::<Result<Vec<_>, LlvmError>>()?.join(", "))
    }
}
