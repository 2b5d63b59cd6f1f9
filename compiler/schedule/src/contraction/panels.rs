//! Operands of products in panels: brought into the order in which register tiles read them. Weights are, once (here); others while running,
//! where there are rows enough (`lay.rs`).
//!
//! A panel is some columns by all reduced axes; panels follow one another along the column, and so do they for each point of the
//! operand's other axes. The columns of the last panel are filled with zeros, so that whole vectors may be read everywhere.

use super::classify::Contraction;
use super::parts::{add_to_start, entries, Reading};
use crate::assembly::{Assembly, Draft, Home};
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::point::{Coordinate, Point};
use crate::pointwise::written;
use crate::scene::{Scene, Storage};
use crate::sizes::rounded_up;
use crate::writer::INDEX;
use moe_graph::{AxisId, Element, NodeId, Operation, Scalar, Size};
use moe_kernel::{BinaryOperation, Comparison, LaneParts, Statement, Target, Value, ValueType};
use moe_runtime::program::{Place, SizeExpression};

/// A value in panels, as a function reads it. Axes are those of the value.
#[derive(Clone, Debug)]
pub(crate) struct Panels {
    pub storage: Storage,
    pub outer: Vec<AxisId>,
    pub column: AxisId,
    pub reduced: Vec<AxisId>,
    /// How many panels there are for each point of the outer axes.
    pub count: Size,
    /// The columns of a panel.
    pub width: i64,
    /// Whether a panel begins with a row of what sums over it begin at.
    pub begins: bool,
}

/// What panels are made from: two that are equal are one buffer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Panelled {
    /// The buffer of the weight.
    weight: u32,
    /// How many times what the axes below span the weight holds.
    rounds: i64,
    outer: Vec<Strided>,
    reduced: Vec<Strided>,
    column: Strided,
    lanes: u32,
    count: i64,
    /// How entries of several places along the last reduced axis are one, of 32 bits.
    parts: Option<LaneParts>,
}

/// An axis as it lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Strided {
    size: i64,
    stride: i64,
}

/// A weight that a value is read from, and the weight's axes that the value's axes are.
struct Source {
    weight: NodeId,
    column: AxisId,
    reduced: Vec<AxisId>,
}

/// Follows a value to where it lies, through what reads each entry from one place.
fn source(scene: &Scene, contraction: &Contraction) -> Option<Source> {
    let (mut id, mut column) = (contraction.right, contraction.column);
    let mut reduced: Vec<Option<AxisId>> = contraction.reduced.iter().copied().map(Some).collect();
    while !scene.storages.contains_key(&id) {
        let node = scene.function.node(id)?;
        // An axis that the value lacks does not come back.
        reduced.iter_mut().for_each(|axis| *axis = axis.filter(|axis| node.ty.has(*axis)));
        let operand = match &node.operation {
            Operation::Rename { from, to } => {
                let axes = reduced.iter_mut().flatten().chain([&mut column]);
                axes.filter(|axis| **axis == *to).for_each(|axis| *axis = *from);
                0
            }
            Operation::Cast(_) => 0,
            Operation::Pack { .. } => 1,
            _ => return None,
        };
        id = *node.operands.get(operand)?;
    }
    let ty = &scene.function.node(id)?.ty;
    let reduced: Vec<AxisId> = reduced.into_iter().flatten().filter(|axis| ty.has(*axis)).collect();
    (ty.has(column) && !reduced.is_empty()).then_some(Source { weight: id, column, reduced })
}

/// A weight that can be read from panels.
pub(crate) struct RightSide<'s> {
    storage: &'s Storage,
    source: Source,
    outer: Vec<AxisId>,
    key: Panelled,
}

/// A contraction's right side, if it is a weight that panels can hold.
pub(crate) fn panelled<'s>(
    scene: &'s Scene,
    assembly: &Assembly,
    contraction: &Contraction,
    lanes: u32,
) -> Option<RightSide<'s>> {
    let source = source(scene, contraction)?;
    let storage = scene.storages.get(&source.weight)?;
    let (weight, rounds) = weight_of(assembly, storage.buffer)?;
    let axes = strided(scene, &storage.layout)?;
    let of = |axis: &AxisId| axes.iter().find(|(own, _)| own == axis).map(|(_, strided)| *strided);
    let is_outer = |axis: &AxisId| *axis != source.column && !source.reduced.contains(axis);
    let outer: Vec<AxisId> = storage.layout.iter().copied().filter(is_outer).collect();
    let column = of(&source.column)?;
    let count = rounded_up(column.size, i64::from(lanes));
    let key = Panelled {
        weight,
        rounds,
        outer: outer.iter().filter_map(of).collect(),
        reduced: source.reduced.iter().filter_map(of).collect(),
        column,
        lanes,
        count,
        parts: None,
    };
    Some(RightSide { storage, source, outer, key })
}

impl RightSide<'_> {
    /// The panels, made where they are not there yet, by the weight.
    pub fn panels(
        self,
        scene: &Scene,
        assembly: &mut Assembly,
        target: &Target,
        parts: Option<LaneParts>,
    ) -> Result<(NodeId, Panels), ScheduleError> {
        let RightSide { storage, source: Source { weight, column, reduced }, outer, key } = self;
        let key = Panelled { parts, ..key };
        let element = key.element(storage.element);
        let (length, lanes, count, begins) = (key.length(), key.lanes, key.count, key.begins());
        let whole = match assembly.packed.get(&key) {
            Some(whole) => *whole,
            None => prepare(scene, assembly, target, storage, key)?,
        };
        let buffer = part(assembly, storage, whole, length, element);
        let name = format!("{} in panels", storage.name);
        let storage = Storage { buffer, name, element, layout: Vec::new() };
        let (count, width) = (Size::constant(count), i64::from(lanes));
        Ok((weight, Panels { storage, outer, column, reduced, count, width, begins }))
    }
}

/// The weight, or what was made of weights once, that a buffer is or is a part of, and how many such parts it has.
pub(crate) fn weight_of(assembly: &Assembly, buffer: u32) -> Option<(u32, i64)> {
    let length = assembly.buffers.get(buffer as usize)?.length.as_constant().filter(|length| *length > 0)?;
    let mut whole = buffer;
    loop {
        match &assembly.buffers.get(whole as usize)?.home {
            Home::Fixed(Place::Weight(_)) | Home::Prepared => break,
            Home::Round { buffer, stride, .. } => {
                // Parts must be whole pieces of the size of the innermost.
                let bytes =
                    length.checked_mul(assembly.buffers.get(whole as usize)?.element.bytes() as i64)?;
                if stride.as_constant()?.checked_rem(bytes)? != 0 {
                    return None;
                }
                whole = *buffer;
            }
            _ => return None,
        }
    }
    let all = assembly.buffers.get(whole as usize)?.length.as_constant()?;
    (all % length == 0).then_some((whole, all / length))
}

fn strided(scene: &Scene, layout: &[AxisId]) -> Option<Vec<(AxisId, Strided)>> {
    let mut stride = 1_i64;
    let mut axes = Vec::new();
    for axis in layout.iter().rev() {
        let size = scene.size(*axis).as_constant().filter(|size| *size > 0)?;
        axes.push((*axis, Strided { size, stride }));
        stride = stride.checked_mul(size)?;
    }
    Some(axes)
}

impl Panelled {
    fn outer_points(&self) -> i64 {
        self.outer.iter().map(|axis| axis.size).product()
    }

    /// The element type of the panels of a weight of some element type.
    fn element(&self, weight: Element) -> Element {
        if self.parts.is_some() {
            Element::U32
        } else {
            weight
        }
    }

    /// The reduced axes as panels have them.
    fn steps(&self) -> Vec<Strided> {
        let mut steps = self.reduced.clone();
        if let (Some(last), Some(entries)) = (steps.last_mut(), self.parts.map(entries)) {
            *last = Strided { size: rounded_up(last.size, entries), stride: last.stride * entries };
        }
        steps
    }

    /// Whether a panel begins with a row of what sums over it begin at.
    fn begins(&self) -> bool {
        self.parts == Some(LaneParts::ByteQuads)
    }

    fn reduced_points(&self) -> i64 {
        self.steps().iter().map(|axis| axis.size).product()
    }

    /// The entries of one round.
    fn length(&self) -> i64 {
        let rows = self.reduced_points() + i64::from(self.begins());
        self.outer_points() * self.count * rows * i64::from(self.lanes)
    }
}

/// The buffer of the panels as a function reads it: all, or the part of the round.
fn part(assembly: &mut Assembly, storage: &Storage, whole: u32, length: i64, element: Element) -> u32 {
    let Some(draft) = assembly.buffers.get(storage.buffer as usize).cloned() else { return whole };
    let Home::Round { buffer, depth, stride } = &draft.home else { return whole };
    let outer = Storage { buffer: *buffer, ..storage.clone() };
    let outer_length = stride.as_constant().unwrap_or(0) / draft.element.bytes() as i64;
    let parts = draft.length.as_constant().filter(|own| *own > 0).map_or(0, |own| outer_length / own);
    let buffer = part(assembly, &outer, whole, length * parts, element);
    let stride = Size::constant(length * parts * element.bytes() as i64);
    let (depth, length) = (*depth, Size::constant(length));
    let home = Home::Round { buffer, depth, stride };
    assembly.buffer(Draft { name: draft.name, element, length, home, kept: false })
}

/// How many panels are filled side by side.
const SIDE_BY_SIDE: i64 = 8;

/// Makes the buffer, and the launch that fills it.
fn prepare(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    storage: &Storage,
    key: Panelled,
) -> Result<u32, ScheduleError> {
    let element = key.element(storage.element);
    let length = Size::constant(key.length().saturating_mul(key.rounds));
    let name = format!("{} in panels", storage.name);
    let buffer = assembly.buffer(Draft { name, element, length, home: Home::Prepared, kept: false });
    let mut emitter = Emitter::new(scene, &mut assembly.faults, target, key.lanes);
    let extent = Filling::new(&mut emitter, &key, storage.element, [buffer, key.weight]).items();
    let work = Size::constant(key.reduced_points().saturating_mul(SIDE_BY_SIDE));
    let extent = Size::constant(extent);
    let kernel = written(emitter, "panels", extent, work, SizeExpression::Constant(0));
    assembly.prepare(kernel);
    assembly.packed.insert(key, buffer);
    Ok(buffer)
}

/// The kernel that fills panels. All numbers are sizes of the launch, so that weights of all shapes share it.
struct Filling<'e, 'a> {
    e: &'e mut Emitter<'a>,
    key: &'e Panelled,
    /// The element type of the weight.
    element: Element,
    /// Where the last reduced axis ends, if not all of the last entry of several is there.
    end: Option<Value>,
    output: u32,
    input: u32,
}

/// An axis as the launch's sizes say it.
#[derive(Clone, Copy)]
struct Known {
    size: Value,
    stride: Value,
}

impl<'e, 'a> Filling<'e, 'a> {
    fn new(e: &'e mut Emitter<'a>, key: &'e Panelled, element: Element, [output, input]: [u32; 2]) -> Self {
        let output = e.buffer(output, "panels", key.element(element), true);
        let input = e.buffer(input, "weight", element, false);
        Filling { e, key, element, end: None, output, input }
    }

    fn size(&mut self, number: i64) -> Value {
        self.e.w.sizes.push(Size::constant(number));
        let place = self.e.w.sizes.len() as u32 - 1;
        self.e.w.define(moe_kernel::Operation::Size(place), INDEX)
    }

    fn known(&mut self, axis: Strided) -> Known {
        Known { size: self.size(axis.size), stride: self.size(axis.stride) }
    }

    /// An item is some panels of one round at one point of the outer axes.
    fn items(mut self) -> i64 {
        let mut outer = vec![Strided { size: self.key.rounds, stride: self.key.outer_points() }];
        if let Some(first) = outer.first_mut() {
            let span = |axis: &Strided| axis.size;
            first.stride = self.key.outer.iter().chain(&self.key.reduced).map(span).product::<i64>()
                * self.key.column.size;
        }
        outer.extend(&self.key.outer);
        let groups = rounded_up(self.key.count, SIDE_BY_SIDE);
        let extent = outer.iter().map(|axis| axis.size).product::<i64>() * groups;
        let outer: Vec<Known> = outer.iter().map(|axis| self.known(*axis)).collect();
        let reduced: Vec<Known> = self.key.steps().iter().map(|axis| self.known(*axis)).collect();
        let last = self.key.reduced.last().map(|axis| axis.size);
        let cut = last.zip(self.key.parts).filter(|(size, parts)| size % entries(*parts) != 0);
        self.end = cut.map(|(size, _)| self.size(size));
        let (groups, count) = (self.size(groups), self.size(self.key.count));
        let column = Known {
            size: self.size(self.key.column.size),
            // Entries side by side are read together, so that is known beforehand.
            stride: if self.key.column.stride == 1 {
                self.e.w.index(1)
            } else {
                self.size(self.key.column.stride)
            },
        };
        let (begin, end) = (self.e.w.begin(), self.e.w.end());
        let open = self.e.w.open_loop(begin, end, 1, &[]);
        let w = &mut self.e.w;
        let group = w.binary(BinaryOperation::Remainder, open.index, groups);
        let mut rest = w.divide(open.index, groups);
        let point = rest;
        let mut from = w.index(0);
        for axis in outer.iter().rev() {
            let digit = w.binary(BinaryOperation::Remainder, rest, axis.size);
            rest = w.divide(rest, axis.size);
            let term = w.multiply(digit, axis.stride);
            from = w.add(from, term);
        }
        let [first, last] = w.span(group, SIDE_BY_SIDE);
        let last = w.minimum(last, count);
        let before = w.multiply(point, count);
        let lanes = w.index(i64::from(self.key.lanes));
        let filled = w.multiply(last, lanes);
        let whole = w.compare(Comparison::LessEqual, filled, column.size);
        let missing = w.subtract(last, first);
        let side = w.index(SIDE_BY_SIDE);
        let all = w.compare(Comparison::Equal, missing, side);
        let whole = w.and(whole, all);
        let mut choice = w.open_if(whole);
        self.fill(&reduced, column, [from, before, first], SIDE_BY_SIDE);
        self.e.w.otherwise(&mut choice);
        let each = self.e.w.open_loop(first, last, 1, &[]);
        self.fill(&reduced, column, [from, before, each.index], 1);
        self.e.w.close_loop(each, &[]);
        self.e.w.close_if(choice, &[]);
        self.e.w.close_loop(open, &[]);
        extent
    }

    /// Fills so many panels from one on; a single one may be partly beyond the columns.
    fn fill(&mut self, reduced: &[Known], column: Known, [from, before, first]: [Value; 3], count: i64) {
        let one = self.e.w.index(1);
        let points = reduced.iter().fold(one, |product, axis| self.e.w.multiply(product, axis.size));
        let zero = self.e.w.index(0);
        let lanes = i64::from(self.key.lanes);
        let begins = self.key.begins();
        let start = self.e.w.constant(Scalar::zero(Element::I32), self.key.lanes);
        let mut sums = vec![start; if begins { count as usize } else { 0 }];
        let mut open = Vec::new();
        for axis in reduced {
            let own = self.e.w.open_loop(zero, axis.size, 1, &sums);
            sums.clone_from(&own.inner);
            open.push(own);
        }
        let rows = self.e.w.offset(points, begins.into());
        let (mut source, mut place) = (from, zero);
        for (axis, open) in reduced.iter().zip(&open) {
            let term = self.e.w.multiply(open.index, axis.stride);
            source = self.e.w.add(source, term);
            let so_far = self.e.w.multiply(place, axis.size);
            place = self.e.w.add(so_far, open.index);
        }
        for number in 0..count {
            let w = &mut self.e.w;
            let panel = w.offset(first, number);
            let width = w.index(lanes);
            let begin = w.multiply(panel, width);
            let mask = (count == 1).then(|| {
                let columns = w.lane_indices(begin, self.key.lanes);
                w.compare(Comparison::Less, columns, column.size)
            });
            let term = w.multiply(begin, column.stride);
            let address = w.add(source, term);
            let last = reduced.last().zip(open.last().map(|open| open.index));
            let value = match (self.key.parts, last) {
                (Some(parts), Some((last, at))) => {
                    self.several(parts, [address, last.stride, at], column, mask)
                }
                _ => self.columns(address, column, mask),
            };
            let w = &mut self.e.w;
            if let Some(sum) = sums.get_mut(number as usize) {
                *sum = add_to_start(w, value, *sum);
            }
            let panel = w.add(before, panel);
            let panel = w.multiply(panel, rows);
            let row = w.add(panel, place);
            let row = w.offset(row, begins.into());
            let index = w.multiply(row, width);
            w.store(self.output, index, value, None);
        }
        for open in open.into_iter().rev() {
            sums = self.e.w.close_loop(open, &sums);
        }
        for (number, sum) in (0..).zip(sums) {
            let w = &mut self.e.w;
            let taken_away = w.subtract(start, sum);
            let taken_away = w.reinterpret(taken_away, Element::U32);
            let panel = w.offset(first, number);
            let panel = w.add(before, panel);
            let (length, width) = (w.multiply(panel, rows), w.index(lanes));
            let index = w.multiply(length, width);
            w.store(self.output, index, taken_away, None);
        }
    }
}

impl Filling<'_, '_> {
    /// The entries of a vector of columns, from an address on.
    fn columns(&mut self, address: Value, column: Known, mask: Option<Value>) -> Value {
        let w = &mut self.e.w;
        if w.known(column.stride) == Some(1) {
            return w.load(self.input, address, mask, self.key.lanes);
        }
        let zero = w.index(0);
        let numbers = w.lane_indices(zero, self.key.lanes);
        let numbers = w.multiply(numbers, column.stride);
        let indices = w.add(numbers, address);
        let ty = ValueType { element: self.element, lanes: self.key.lanes };
        w.define(moe_kernel::Operation::Gather { buffer: self.input, indices, mask }, ty)
    }

    /// The entries of several places along the last reduced axis, from an address on, as the parts of lanes; `at` is how many such there are
    /// before.
    fn several(
        &mut self,
        parts: LaneParts,
        [address, stride, at]: [Value; 3],
        column: Known,
        mask: Option<Value>,
    ) -> Value {
        let length = self.e.w.index(entries(parts));
        let step = self.e.w.divide(stride, length);
        let first = self.e.w.multiply(at, length);
        let mut address = address;
        let mut found = Vec::new();
        for number in 0..entries(parts) {
            let inside = self.end.map(|end| {
                let place = self.e.w.offset(first, number);
                let inside = self.e.w.compare(Comparison::Less, place, end);
                self.e.w.splat(inside, self.key.lanes)
            });
            let mask = self.e.both(mask, inside);
            found.push(self.columns(address, column, mask));
            address = self.e.w.add(address, step);
        }
        match (parts, found.as_slice()) {
            (LaneParts::Bf16Pairs, [first, second]) => self.pair(*first, *second),
            _ => self.four(&found),
        }
    }

    /// Bytes as the quarters of 32 bits, the first in the lowest one.
    fn four(&mut self, bytes: &[Value]) -> Value {
        let w = &mut self.e.w;
        let mut whole = w.constant(Scalar::zero(Element::U32), self.key.lanes);
        for (place, byte) in (0..).zip(bytes) {
            let byte = w.reinterpret(*byte, Element::U8);
            let wide = w.convert(byte, Element::U32);
            let bits = w.integer(wide, 8 * place);
            let moved = w.binary(BinaryOperation::ShiftLeft, wide, bits);
            whole = w.or(whole, moved);
        }
        whole
    }

    /// Two `bf16` as the halves of 32 bits, the first in the lower one.
    fn pair(&mut self, first: Value, second: Value) -> Value {
        let w = &mut self.e.w;
        let [first, second] = [first, second].map(|half| {
            let wide = w.convert(half, Element::F32);
            w.reinterpret(wide, Element::U32)
        });
        let (bits, upper) = (w.integer(first, 16), w.integer(second, 0xffff_0000));
        let lower = w.binary(BinaryOperation::ShiftRight, first, bits);
        let upper = w.binary(BinaryOperation::And, second, upper);
        w.or(lower, upper)
    }
}

impl Emitter<'_> {
    /// Reads a panel: the columns that a point's lanes are, or one.
    pub fn load_panel(&mut self, panels: &Panels, point: &Point) -> Result<Value, ScheduleError> {
        let coordinate = self.coordinate(point, panels.column)?;
        let (column, is_one) = match coordinate {
            Coordinate::Lanes(begin) => (begin, false),
            one => (self.forced(&one), true),
        };
        let width = self.w.index(panels.width);
        let (outer, reduced) = (self.address(&panels.outer, point)?, self.address(&panels.reduced, point)?);
        let (outer, reduced) = (self.forced(&outer), self.forced(&reduced));
        let base = self.panel(panels, outer, column);
        let before = i64::from(panels.begins && self.reading != Reading::Start);
        let row = self.w.offset(reduced, before);
        let row = self.w.multiply(row, width);
        let index = self.w.add(base, row);
        let buffer = self.buffer(panels.storage.buffer, &panels.storage.name, panels.storage.element, false);
        if is_one {
            return Ok(self.read(buffer, &Coordinate::Scalar(index), point.mask, None));
        }
        if self.ahead > 0 && self.reading == Reading::Entries {
            let index = self.w.offset(index, self.ahead);
            self.w.statement(Statement::Prefetch { buffer, index });
        }
        Ok(self.read(buffer, &Coordinate::Lanes(index), point.mask, None))
    }

    /// Where a column stands in the first row of its panel.
    pub fn panel(&mut self, panels: &Panels, outer: Value, column: Value) -> Value {
        let width = self.w.index(panels.width);
        let [number, within] = self.w.digits(column, panels.width);
        let count = self.w.size(&panels.count);
        let before = self.w.multiply(outer, count);
        let number = self.w.add(before, number);
        let points = self.w.size(&crate::sizes::product(&self.scene.sizes(&panels.reduced)));
        let rows = self.w.offset(points, panels.begins.into());
        let number = self.w.multiply(number, rows);
        let begin = self.w.multiply(number, width);
        self.w.add(begin, within)
    }
}
