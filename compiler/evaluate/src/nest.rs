//! Loops over axes that evaluate a program column by column, and bring columns together along reduced axes.
//!
//! What is reduced is never held as a whole: the innermost loop is either the last axis of the result, with one accumulator for
//! each entry, or the last reduced axis, with one accumulator. Both bring entries together in ascending order of the
//! reduced coordinates.

use crate::array::{count, Walk};
use crate::column;
use crate::data::Data;
use crate::error::EvaluateError;
use crate::expression::{Leaf, Program, StepKind};
use moe_graph::{AxisId, ReduceKind};
use moe_runtime::Element;

/// The longest column.
const LONGEST_COLUMN: usize = 1024;

/// From this length on the result's last axis is the innermost loop.
const SHORTEST_ROW: usize = 8;

/// An axis and how long it is.
pub(crate) type Extent = (AxisId, usize);

/// The values of `program` at all places along `out`, row-major.
pub(crate) fn evaluate(program: &Program, element: Element, out: &[Extent]) -> Result<Data, EvaluateError> {
    let mut data = Data::with_room(element, count(out.iter().map(|(_, length)| *length))?)?;
    let mut machine = Machine::new(program);
    let (inner, outer) = split(out);
    let strides = machine.strides(inner.0);
    let mut walk = machine.walk(outer);
    while walk.here() {
        machine.columns_along(walk.offsets(), &strides, inner.1, &mut |column| {
            data.append(column, 0, 1, column.len());
        });
        walk.advance();
    }
    Ok(data)
}

/// The values of `program` brought together along `reduced`, at all places along `out`, row-major.
pub(crate) fn reduce(
    program: &Program,
    kind: ReduceKind,
    element: Element,
    out: &[Extent],
    reduced: &[Extent],
) -> Result<Data, EvaluateError> {
    let by_rows = out.last().is_some_and(|(_, length)| *length >= SHORTEST_ROW) || reduced.is_empty();
    let mut data = Data::with_room(element, count(out.iter().map(|(_, length)| *length))?)?;
    let mut machine = Machine::new(program);
    if by_rows {
        reduce_rows(&mut machine, kind, element, out, reduced, &mut data);
    } else {
        reduce_entries(&mut machine, kind, element, out, reduced, &mut data);
    }
    column::finish(element, &mut data);
    Ok(data)
}

fn reduce_rows(
    machine: &mut Machine,
    kind: ReduceKind,
    element: Element,
    out: &[Extent],
    reduced: &[Extent],
    data: &mut Data,
) {
    let (inner, outer) = split(out);
    let strides = machine.strides(inner.0);
    let (mut walk, mut rounds) = (machine.walk(outer), machine.walk(reduced));
    let identity = kind.identity(element);
    let mut row = Data::new(element);
    while walk.here() {
        for start in (0..inner.1).step_by(LONGEST_COLUMN) {
            let length = LONGEST_COLUMN.min(inner.1 - start);
            row.reset(element);
            row.fill(identity, length);
            rounds.restart();
            while rounds.here() {
                let column = machine.column(&[walk.offsets(), rounds.offsets()], &strides, start, length);
                column::fold(kind, element, &mut row, column);
                rounds.advance();
            }
            data.append(&row, 0, 1, length);
        }
        walk.advance();
    }
}

fn reduce_entries(
    machine: &mut Machine,
    kind: ReduceKind,
    element: Element,
    out: &[Extent],
    reduced: &[Extent],
    data: &mut Data,
) {
    let (inner, outer) = split(reduced);
    let strides = machine.strides(inner.0);
    let (mut walk, mut rounds) = (machine.walk(out), machine.walk(outer));
    let identity = kind.identity(element);
    let mut entry = Data::new(element);
    while walk.here() {
        entry.reset(element);
        entry.fill(identity, 1);
        rounds.restart();
        while rounds.here() {
            for start in (0..inner.1).step_by(LONGEST_COLUMN) {
                let length = LONGEST_COLUMN.min(inner.1 - start);
                let column = machine.column(&[walk.offsets(), rounds.offsets()], &strides, start, length);
                column::fold_all(kind, element, &mut entry, column);
            }
            rounds.advance();
        }
        data.append(&entry, 0, 1, 1);
        walk.advance();
    }
}

/// The last axis, and the others; without axes one of length 1 that no array has.
fn split(extents: &[Extent]) -> (Extent, &[Extent]) {
    match extents.split_last() {
        Some((last, others)) => (*last, others),
        None => ((AxisId(u32::MAX), 1), &[]),
    }
}

/// A program with a column for each of its steps.
struct Machine<'a> {
    program: &'a Program,
    columns: Vec<Data>,
    empty: Data,
}

impl<'a> Machine<'a> {
    fn new(program: &'a Program) -> Self {
        let columns = program.steps.iter().map(|step| Data::new(step.element)).collect();
        Machine { program, columns, empty: Data::default() }
    }

    /// The stride of each leaf along an axis.
    fn strides(&self, axis: AxisId) -> Vec<usize> {
        let stride = |leaf: &Leaf| match leaf {
            Leaf::Array(array) => array.stride(axis),
            Leaf::Coordinate(own) => usize::from(*own == axis),
        };
        self.program.leaves.iter().map(stride).collect()
    }

    fn walk(&self, extents: &[Extent]) -> Walk {
        let strides = extents.iter().map(|(axis, _)| self.strides(*axis)).collect();
        let lengths = extents.iter().map(|(_, length)| *length).collect();
        Walk::with_strides(lengths, strides, self.program.leaves.len())
    }

    fn columns_along(
        &mut self,
        offsets: &[usize],
        strides: &[usize],
        length: usize,
        take: &mut dyn FnMut(&Data),
    ) {
        for start in (0..length).step_by(LONGEST_COLUMN) {
            take(self.column(&[offsets], strides, start, LONGEST_COLUMN.min(length - start)));
        }
    }

    /// The last step's column at entries `start..start + length` of the innermost loop; each leaf begins at the sum of its `offsets`.
    fn column(&mut self, offsets: &[&[usize]], strides: &[usize], start: usize, length: usize) -> &Data {
        for place in 0..self.program.steps.len() {
            let mut column = self.columns.get_mut(place).map(std::mem::take).unwrap_or_default();
            self.step(place, &mut column, offsets, strides, start, length);
            if let Some(home) = self.columns.get_mut(place) {
                *home = column;
            }
        }
        self.columns.last().unwrap_or(&self.empty)
    }

    fn step(
        &self,
        place: usize,
        column: &mut Data,
        offsets: &[&[usize]],
        strides: &[usize],
        start: usize,
        length: usize,
    ) {
        let Some(step) = self.program.steps.get(place) else { return };
        column.reset(step.element);
        match &step.kind {
            StepKind::Read(leaf) => {
                let stride = strides.get(*leaf).copied().unwrap_or(0);
                let base: usize = offsets.iter().filter_map(|offsets| offsets.get(*leaf)).sum();
                self.read(*leaf, base + start * stride, stride, length, column);
            }
            StepKind::Constant(value) => column.fill(*value, length),
            StepKind::Map { function, absorb, from, operands } => {
                let operands: Vec<&Data> = operands
                    .iter()
                    .map(|operand| self.columns.get(*operand).unwrap_or(&self.empty))
                    .collect();
                column::map(*function, *absorb, *from, &operands, column);
            }
            StepKind::Cast { from, operand } => {
                column::cast(*from, step.element, self.columns.get(*operand).unwrap_or(&self.empty), column);
            }
            StepKind::Margin(margin) => {
                margin.run(&|step| self.columns.get(step).unwrap_or(&self.empty), length, column);
            }
        }
    }

    fn read(&self, leaf: usize, offset: usize, stride: usize, length: usize, column: &mut Data) {
        match (self.program.leaves.get(leaf), column) {
            (Some(Leaf::Array(array)), column) => column.append(&array.data, offset, stride, length),
            (Some(Leaf::Coordinate(_)), Data::Integer(column)) => {
                column.extend((0..length).map(|place| (offset + place * stride) as i64));
            }
            _ => {}
        }
    }
}
