//! The interpreter: what a kernel means, lane by lane, with every entry checked.
//!
//! The lanes of all values lie in one table, each as its bits in 64: floats as their bits, signed integers extended by their
//! sign, `bool` as 0 or 1. Values are in single assignment form, so each has one place for the whole run.

mod memory;
pub(crate) mod number;

use crate::error::KernelError;
use crate::form::*;
use crate::print::head;
use moe_runtime::Element;
use number::{by_element, convert, scalar_bits, Number};
use std::cell::Cell;

/// Does items `begin..end` of a kernel. `buffers` are in the order of its parameters, each the little-endian bytes of its
/// entries; `sizes` likewise. Gives the kernel's status: 0, or 1 + the fault of the [`Statement::Fail`] that ended it.
///
/// # Errors
/// What [`crate::verify`] finds, a wrong number of buffers or sizes, and, from the run itself, an entry outside a buffer, an
/// integer division by zero or a shift by the width or more.
pub fn interpret(
    kernel: &Kernel,
    buffers: &mut [Vec<u8>],
    sizes: &[i64],
    begin: i64,
    end: i64,
) -> Result<i32, KernelError> {
    crate::verify(kernel)?;
    arguments(kernel, "buffers", kernel.buffers.len(), buffers.len())?;
    arguments(kernel, "sizes", kernel.sizes.len(), sizes.len())?;
    let mut total = 0;
    let mut places = Vec::with_capacity(kernel.values.len());
    for of in &kernel.values {
        places.push(total);
        total += of.lanes as usize;
    }
    let mut table = vec![0u64; total];
    let cells = Cell::from_mut(table.as_mut_slice()).as_slice_of_cells();
    let mut machine = Machine { kernel, places, cells, buffers, sizes, begin, end };
    match machine.body(&kernel.body) {
        Ok(()) => Ok(0),
        Err(Stop::Fault(fault)) => Ok(fault.wrapping_add(1) as i32),
        Err(Stop::Error(error)) => Err(*error),
    }
}

fn arguments(kernel: &Kernel, what: &'static str, expected: usize, given: usize) -> Result<(), KernelError> {
    if expected == given {
        return Ok(());
    }
    Err(KernelError::Arguments { kernel: kernel.name.clone(), what, expected, given })
}

/// Why a run ends early.
enum Stop {
    Fault(u32),
    Error(Box<KernelError>),
}

/// What goes wrong in one operation, before it is known which.
enum Wrong {
    Undefined(&'static str),
    Outside { buffer: u32, index: i64 },
}

type Lanes<'a> = &'a [Cell<u64>];

struct Machine<'a> {
    kernel: &'a Kernel,
    /// Where each value's lanes begin in `cells`.
    places: Vec<usize>,
    cells: Lanes<'a>,
    buffers: &'a mut [Vec<u8>],
    sizes: &'a [i64],
    begin: i64,
    end: i64,
}

impl<'a> Machine<'a> {
    fn of(&self, value: Value) -> ValueType {
        self.kernel.values.get(value.0 as usize).copied().unwrap_or(ValueType::INDEX)
    }

    fn lanes(&self, value: Value) -> Lanes<'a> {
        let place = self.places.get(value.0 as usize).copied().unwrap_or(0);
        self.cells.get(place..place + self.of(value).lanes as usize).unwrap_or(&[])
    }

    /// The bits of a scalar.
    fn scalar(&self, value: Value) -> u64 {
        self.lanes(value).first().map_or(0, Cell::get)
    }

    fn index(&self, value: Value) -> i64 {
        self.scalar(value) as i64
    }

    fn copy(&self, to: Value, from: Value) {
        for (to, from) in self.lanes(to).iter().zip(self.lanes(from)) {
            to.set(from.get());
        }
    }

    fn body(&mut self, statements: &[Statement]) -> Result<(), Stop> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Statement) -> Result<(), Stop> {
        let done = match statement {
            Statement::Define { value, operation } => self.define(*value, operation),
            Statement::Store { buffer, index, value, mask } => self.store(*buffer, *index, *value, *mask),
            Statement::Scatter { buffer, indices, value, mask } => {
                self.scatter(*buffer, *indices, *value, *mask)
            }
            Statement::Prefetch { .. } => Ok(()),
            Statement::Loop { .. } => return self.repetition(statement),
            Statement::If { condition, then, otherwise, results } => {
                let holds = self.scalar(*condition) != 0;
                self.body(if holds { then } else { otherwise })?;
                for chosen in results {
                    self.copy(chosen.result, if holds { chosen.then } else { chosen.otherwise });
                }
                Ok(())
            }
            Statement::Fail { fault } => return Err(Stop::Fault(*fault)),
        };
        done.map_err(|wrong| self.error(statement, wrong))
    }

    fn repetition(&mut self, statement: &Statement) -> Result<(), Stop> {
        let Statement::Loop { index, begin, end, step, carried, body } = statement else { return Ok(()) };
        let (mut at, end) = (self.index(*begin), self.index(*end));
        for carried in carried {
            self.copy(carried.inner, carried.initial);
        }
        let mut next = Vec::new();
        while at < end {
            self.lanes(*index).iter().for_each(|lane| lane.set(at as u64));
            self.body(body)?;
            // All change together: one may become what another was.
            next.clear();
            next.extend(carried.iter().flat_map(|carried| self.lanes(carried.next)).map(Cell::get));
            let inner = carried.iter().flat_map(|carried| self.lanes(carried.inner));
            inner.zip(&next).for_each(|(lane, bits)| lane.set(*bits));
            let Some(following) = at.checked_add(*step) else { break };
            at = following;
        }
        for carried in carried {
            self.copy(carried.result, carried.inner);
        }
        Ok(())
    }

    fn error(&self, statement: &Statement, wrong: Wrong) -> Stop {
        let (kernel, statement) = (self.kernel.name.clone(), head(self.kernel, statement));
        Stop::Error(Box::new(match wrong {
            Wrong::Undefined(message) => KernelError::Undefined { kernel, statement, message },
            Wrong::Outside { buffer, index } => {
                let parameter = self.kernel.buffers.get(buffer as usize);
                let bytes = parameter.map_or(1, |parameter| parameter.element.bytes());
                let length = self.buffers.get(buffer as usize).map_or(0, Vec::len) / bytes;
                let buffer = parameter.map_or_else(String::new, |parameter| parameter.name.clone());
                KernelError::OutOfBounds { kernel, statement, buffer, index, length }
            }
        }))
    }

    fn define(&mut self, value: Value, operation: &Operation) -> Result<(), Wrong> {
        let result = self.lanes(value);
        let of = self.of(value);
        match *operation {
            Operation::Constant(scalar) => fill(result, scalar_bits(scalar)),
            Operation::Size(size) => {
                fill(result, self.sizes.get(size as usize).copied().unwrap_or(0) as u64);
            }
            Operation::Begin => fill(result, self.begin as u64),
            Operation::End => fill(result, self.end as u64),
            Operation::Splat(a) => fill(result, self.scalar(a)),
            Operation::LaneNumbers => result.iter().zip(0..).for_each(|(lane, number)| lane.set(number)),
            Operation::Unary(unary, a) => by_element!(of.element, T => {
                map(result, self.lanes(a), |a| T::read(a).unary(unary).write());
            }),
            Operation::Binary(binary, a, b) => by_element!(of.element, T => {
                for ((result, a), b) in result.iter().zip(self.lanes(a)).zip(self.lanes(b)) {
                    let both = T::read(a.get()).binary(binary, T::read(b.get()));
                    result.set(both.map_err(Wrong::Undefined)?.write());
                }
            }),
            Operation::Compare(comparison, a, b) => by_element!(self.of(a).element, T => {
                for ((result, a), b) in result.iter().zip(self.lanes(a)).zip(self.lanes(b)) {
                    result.set(u64::from(T::read(a.get()).compare(comparison, T::read(b.get()))));
                }
            }),
            Operation::Select(condition, a, b) => self.select(result, condition, a, b),
            Operation::MultiplyAdd(a, b, c) => self.multiply_add(of.element, result, [a, b, c]),
            Operation::AddProducts(parts, a, b, c) => {
                let factors = self.lanes(a).iter().zip(self.lanes(b));
                for ((result, (a, b)), c) in result.iter().zip(factors).zip(self.lanes(c)) {
                    result.set(number::add_products(parts, a.get(), b.get(), c.get()));
                }
            }
            Operation::Convert(a) => {
                let from = self.of(a).element;
                map(result, self.lanes(a), |a| convert(a, from, of.element));
            }
            Operation::Reinterpret(a) => {
                let (from, lanes) = (self.of(a).element, self.lanes(a));
                let parts = (lanes.len() / result.len().max(1)).max(1);
                let bits = 8 * from.bytes() as u32;
                let join = |joined: u64, part: &Cell<u64>| {
                    joined.checked_shl(bits).unwrap_or(0) | number::truncate(part.get(), from)
                };
                for (result, parts) in result.iter().zip(lanes.chunks(parts)) {
                    result.set(number::extend(parts.iter().rev().fold(0, join), of.element));
                }
            }
            Operation::Load { buffer, index, mask } => self.load(result, buffer, index, mask)?,
            Operation::Gather { buffer, indices, mask } => self.gather(result, buffer, indices, mask)?,
            Operation::ReduceLanes(binary, a) => by_element!(of.element, T => {
                let mut left: Vec<T> = self.lanes(a).iter().map(|lane| T::read(lane.get())).collect();
                while left.len() > 1 {
                    let upper = left.split_off(left.len() / 2);
                    for (a, b) in left.iter_mut().zip(upper) {
                        *a = a.binary(binary, b).map_err(Wrong::Undefined)?;
                    }
                }
                left.into_iter().for_each(|last| fill(result, last.write()));
            }),
            Operation::Reverse(a) => {
                let lanes = self.lanes(a).iter().rev();
                result.iter().zip(lanes).for_each(|(result, lane)| result.set(lane.get()));
            }
            Operation::Extract(a, lane) => {
                fill(result, self.lanes(a).get(lane as usize).map_or(0, Cell::get));
            }
        }
        Ok(())
    }

    fn select(&self, result: Lanes<'_>, condition: Value, a: Value, b: Value) {
        let conditions = self.lanes(condition);
        let one = self.of(condition).lanes == 1;
        let conditions = conditions.iter().cycle().take(if one { result.len() } else { conditions.len() });
        let ways = self.lanes(a).iter().zip(self.lanes(b));
        for ((result, condition), (a, b)) in result.iter().zip(conditions).zip(ways) {
            result.set(if condition.get() != 0 { a.get() } else { b.get() });
        }
    }

    fn multiply_add(&self, element: Element, result: Lanes<'_>, [a, b, c]: [Value; 3]) {
        let operands = self.lanes(a).iter().zip(self.lanes(b)).zip(self.lanes(c));
        for (result, ((a, b), c)) in result.iter().zip(operands) {
            let (a, b, c) = (a.get(), b.get(), c.get());
            result.set(match element {
                Element::F32 => f32::read(a).mul_add(f32::read(b), f32::read(c)).write(),
                _ => f64::read(a).mul_add(f64::read(b), f64::read(c)).write(),
            });
        }
    }
}

fn fill(result: Lanes<'_>, bits: u64) {
    result.iter().for_each(|lane| lane.set(bits));
}

fn map(result: Lanes<'_>, a: Lanes<'_>, f: impl Fn(u64) -> u64) {
    result.iter().zip(a).for_each(|(result, a)| result.set(f(a.get())));
}
