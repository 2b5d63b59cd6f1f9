//! What is cheap to do to a kernel before its code is written: equal operations are done once, and what does not change in a
//! loop is done before it.
//!
//! Cranelift's own optimizer is left out. It keeps no order among operations without effects: it moved every load of an unrolled
//! loop before its arithmetic, so that the accumulators of a register tile did not stay in registers. The order of a
//! schedule is part of the schedule.

use moe_kernel::{BinaryOperation, Kernel, Operation, Statement, Value, ValueType};
use std::collections::HashMap;

/// The kernel with its repeated and unchanging operations moved. It has been verified.
pub(crate) fn prepare(kernel: &Kernel) -> Kernel {
    let mut prepared = kernel.clone();
    let body = std::mem::take(&mut prepared.body);
    let count = kernel.values.len();
    let mut preparation = Preparation {
        kernel,
        replaced: (0..count as u32).map(Value).collect(),
        levels: vec![0; count],
        nonzero: vec![false; count],
        open: Vec::new(),
    };
    prepared.body = preparation.scope(false, &[], body);
    prepared
}

/// A body that is being gone through.
struct Level {
    /// Whether it is a loop's, which operations may leave.
    repeated: bool,
    statements: Vec<Statement>,
    /// What its operations made.
    made: HashMap<(Operation, ValueType), Value>,
}

struct Preparation<'a> {
    kernel: &'a Kernel,
    /// What stands for each value.
    replaced: Vec<Value>,
    /// Which of the open bodies each value is made in.
    levels: Vec<usize>,
    /// Which values are constants other than zero.
    nonzero: Vec<bool>,
    open: Vec<Level>,
}

impl Preparation<'_> {
    /// Goes through a body that makes the values `entering`.
    fn scope(&mut self, repeated: bool, entering: &[Value], body: Vec<Statement>) -> Vec<Statement> {
        self.open.push(Level { repeated, statements: Vec::new(), made: HashMap::new() });
        entering.iter().for_each(|value| self.stands(*value, self.open.len() - 1));
        body.into_iter().for_each(|statement| self.statement(statement));
        self.open.pop().map(|level| level.statements).unwrap_or_default()
    }

    fn stands(&mut self, value: Value, level: usize) {
        if let Some(slot) = self.levels.get_mut(value.0 as usize) {
            *slot = level;
        }
    }

    fn replace(&self, value: &mut Value) {
        if let Some(replaced) = self.replaced.get(value.0 as usize) {
            *value = *replaced;
        }
    }

    fn replace_all<'v>(&self, values: impl IntoIterator<Item = &'v mut Value>) {
        values.into_iter().for_each(|value| self.replace(value));
    }

    fn push(&mut self, statement: Statement) {
        if let Some(level) = self.open.last_mut() {
            level.statements.push(statement);
        }
    }

    fn statement(&mut self, mut statement: Statement) {
        match &mut statement {
            Statement::Define { value, operation } => {
                let mut operation = operation.clone();
                operation.for_each_operand_mut(|operand| self.replace(operand));
                return self.define(*value, operation);
            }
            Statement::Store { index, value, mask, .. } => {
                self.replace_all([index, value].into_iter().chain(mask));
            }
            Statement::Scatter { indices, value, mask, .. } => {
                self.replace_all([indices, value].into_iter().chain(mask));
            }
            Statement::Prefetch { .. } => return,
            Statement::Loop { index, begin, end, carried, body, .. } => {
                self.replace_all([begin, end]);
                carried.iter_mut().for_each(|carried| self.replace(&mut carried.initial));
                let entering: Vec<Value> =
                    std::iter::once(*index).chain(carried.iter().map(|carried| carried.inner)).collect();
                *body = self.scope(true, &entering, std::mem::take(body));
                for carried in carried.iter_mut() {
                    self.replace(&mut carried.next);
                    self.stands(carried.result, self.open.len() - 1);
                }
            }
            Statement::If { condition, then, otherwise, results } => {
                self.replace(condition);
                *then = self.scope(false, &[], std::mem::take(then));
                results.iter_mut().for_each(|chosen| self.replace(&mut chosen.then));
                *otherwise = self.scope(false, &[], std::mem::take(otherwise));
                for chosen in results.iter_mut() {
                    self.replace(&mut chosen.otherwise);
                    self.stands(chosen.result, self.open.len() - 1);
                }
            }
            Statement::Fail { .. } => {}
        }
        self.push(statement);
    }

    fn define(&mut self, value: Value, operation: Operation) {
        let of = self.kernel.values.get(value.0 as usize).copied().unwrap_or(ValueType::INDEX);
        let here = self.open.len() - 1;
        if self.changes(&operation) {
            self.stands(value, here);
            return self.push(Statement::Define { value, operation });
        }
        let key = (operation, of);
        if let Some(equal) = self.open.iter().find_map(|level| level.made.get(&key)) {
            let equal = *equal;
            if let Some(slot) = self.replaced.get_mut(value.0 as usize) {
                *slot = equal;
            }
            return;
        }
        let level = if self.may_move(&key.0) { self.outermost(&key.0) } else { here };
        self.stands(value, level);
        if let (Operation::Constant(number), Some(slot)) = (&key.0, self.nonzero.get_mut(value.0 as usize)) {
            *slot = !number.is_zero();
        }
        if let Some(level) = self.open.get_mut(level) {
            level.statements.push(Statement::Define { value, operation: key.0.clone() });
            level.made.insert(key, value);
        }
    }

    /// Whether doing it again may give something else: a read of memory that is written.
    fn changes(&self, operation: &Operation) -> bool {
        match operation {
            Operation::Load { buffer, .. } | Operation::Gather { buffer, .. } => {
                self.kernel.buffers.get(*buffer as usize).is_none_or(|parameter| parameter.written)
            }
            _ => false,
        }
    }

    /// Whether it may be done where it would not have been: it reads no memory and divides by nothing that may be 0.
    fn may_move(&self, operation: &Operation) -> bool {
        match operation {
            Operation::Load { .. } | Operation::Gather { .. } => false,
            Operation::Binary(BinaryOperation::Divide | BinaryOperation::Remainder, _, divisor) => {
                let float =
                    self.kernel.values.get(divisor.0 as usize).is_some_and(|of| of.element.is_float());
                float || self.nonzero.get(divisor.0 as usize).copied().unwrap_or(false)
            }
            _ => true,
        }
    }

    /// The outermost body an operation can stand in, leaving loops only.
    fn outermost(&self, operation: &Operation) -> usize {
        let mut operands = 0;
        operation.for_each_operand(|operand| {
            operands = operands.max(self.levels.get(operand.0 as usize).copied().unwrap_or(0));
        });
        let mut level = self.open.len() - 1;
        while level > operands && self.open.get(level).is_some_and(|level| level.repeated) {
            level -= 1;
        }
        level
    }
}

#[cfg(test)]
mod tests {
    use super::prepare;
    use moe_kernel::{print, Builder};
    use moe_runtime::Element;

    #[test]
    fn what_does_not_change_leaves_loops_but_not_choices() {
        let mut b = Builder::new("moves");
        let x = b.buffer("x", Element::F32);
        let y = b.written("y", Element::F32);
        let (d, n) = (b.size("d"), b.size("n"));
        let (begin, end) = (b.begin(), b.end());
        b.for_each(begin, end, 1, |b, i| {
            b.for_each(begin, end, 4, |b, j| {
                let row = b.multiply(i, d);
                let again = b.multiply(i, d);
                let other = b.divide(d, n);
                let at = b.add(row, j);
                let mask = b.tail_mask(i, end, 4);
                let first = b.load_masked(x, at, 4, Some(mask));
                let at = b.add(again, j);
                let second = b.load_masked(x, at, 4, Some(mask));
                let sum = b.add(first, second);
                let old = b.load(y, at, 4);
                b.store(y, other, old);
                let sum = b.add(old, sum);
                b.store(y, at, sum);
                let late = b.less(n, d);
                b.when(late, |b| {
                    let square = b.multiply(n, n);
                    b.store(y, square, sum);
                });
            });
        });
        let kernel = b.finish().unwrap();
        let prepared = prepare(&kernel);
        moe_kernel::verify(&prepared).unwrap();
        insta::assert_snapshot!(format!("{}\n{}", print(&kernel), print(&prepared)));
    }
}
