//! Products of small numbers, several at a time. Where both sides of a contraction are `bf16` and the products are summed in `f32`, or both are
//! integers of 8 bits and they are summed in `i32`, numbers that lie side by side along the sum are one lane of 32 bits.
//!
//! `bf16` are read by twos, on the left as they lie. Bytes are read by fours, which weights are in panels: as bytes where an instruction
//! multiplies those, else as two pairs of 16 bits, of the even and of the odd ones. The left side is brought into the same form beforehand.
//! An instruction that takes the left as bytes without signs is given it with 128 added; sums then begin at what takes that away again.

use super::tile::Product;
use crate::assembly::Assembly;
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::extent_of;
use crate::point::Coordinate;
use crate::pointwise::{rows_and_blocks, written, BLOCK};
use crate::scene::{Counted, Scene, Storage};
use crate::sizes::{product as product_of_sizes, rounded_up};
use crate::writer::Writer;
use moe_graph::{AxisId, Element, NodeId, Operation, Size};
use moe_kernel::{BinaryOperation, Comparison, LaneParts, Target, UnaryOperation, Value};
use moe_runtime::program::SizeExpression;
use std::collections::{BTreeMap, BTreeSet};

/// How many entries of a side one lane stands for.
pub(super) fn entries(parts: LaneParts) -> i64 {
    match parts {
        LaneParts::Bf16Pairs => 2,
        LaneParts::WordPairs | LaneParts::ByteQuads => 4,
    }
}

/// How many lanes of 32 bits are a line of a cache.
const LINE: i64 = 16;

/// 128 in each byte.
const MIDDLES: i64 = 0x8080_8080;

/// What is read of a side of which several entries are one lane.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) enum Reading {
    /// The entries; of bytes that are read as pairs the even ones.
    #[default]
    Entries,
    /// The odd ones.
    Odd,
    /// What sums begin at.
    Start,
}

/// Products of which several are added at once.
pub(crate) struct Together<'a> {
    pub parts: LaneParts,
    /// In which the left side lies in such parts: one scene for each multiplication.
    pub scenes: Vec<Scene<'a>>,
    /// Whether right sides have signs.
    signed: bool,
    /// Whether sums begin at what panels begin with.
    pub begins: bool,
}

impl Together<'_> {
    /// The sum with the products of lanes of both sides, as they are read.
    pub fn add(&self, w: &mut Writer, [left, right]: [Value; 2], sum: Value, reading: Reading) -> Value {
        let right = match self.parts {
            LaneParts::WordPairs => words(w, right, self.signed, reading),
            LaneParts::Bf16Pairs | LaneParts::ByteQuads => right,
        };
        w.add_products(self.parts, left, right, sum)
    }
}

/// The even or the odd bytes of lanes as pairs of 16 bits.
fn words(w: &mut Writer, fours: Value, signed: bool, reading: Reading) -> Value {
    let odd = reading == Reading::Odd;
    if signed {
        return w.unary(if odd { UnaryOperation::OddBytes } else { UnaryOperation::EvenBytes }, fours);
    }
    let (bits, bytes) = (w.integer(fours, 8), w.integer(fours, 0x00ff_00ff));
    let moved = if odd { w.binary(BinaryOperation::ShiftRight, fours, bits) } else { fours };
    w.and(moved, bytes)
}

/// What sums begin at that go over these lanes of a right side, so far.
pub(super) fn add_to_start(w: &mut Writer, lanes: Value, sum: Value) -> Value {
    let middles = w.integer(lanes, MIDDLES);
    w.add_products(LaneParts::ByteQuads, middles, lanes, sum)
}

/// Where a side of a contraction lies, and what the axis is called on the way there.
struct Side<'s> {
    node: NodeId,
    storage: &'s Storage,
    axes: Vec<AxisId>,
}

/// How the sides of contractions can be read in parts.
pub(super) struct Choice<'s> {
    pub parts: LaneParts,
    left: Side<'s>,
    /// Whether the left side, and right sides, have signs.
    signed: [bool; 2],
    counted: Counted,
}

/// How the contractions' sides can be read several entries at a time, along the last reduced axis; `None` if the processor has no instruction
/// for them, or the values do not lie so. The contractions have one left side and the same reduced axes.
pub(super) fn choose<'s>(scene: &'s Scene, target: &Target, product: &Product) -> Option<Choice<'s>> {
    let contractions = product.contractions;
    let first = contractions.first()?;
    let last = *first.reduced.last()?;
    let size = scene.size(last).as_constant().filter(|size| *size > 0 && !scene.is_ragged(last))?;
    let side = |node| side(scene, node, last, product.element);
    let left = side(first.left)?;
    let rights = contractions.iter().map(|own| side(own.right)).collect::<Option<Vec<_>>>()?;
    let mut elements: BTreeSet<Element> = rights.iter().map(|side| side.storage.element).collect();
    let (right, None) = (elements.pop_first()?, elements.pop_first()) else { return None };
    let parts = match product.element {
        Element::F32 => LaneParts::Bf16Pairs,
        _ if right == Element::I8 && target.byte_quads => LaneParts::ByteQuads,
        _ => LaneParts::WordPairs,
    };
    let as_it_lies = size % 2 == 0
        && left.storage.layout.last() == left.axes.last()
        && contractions.iter().all(|own| own.absorbs == [false, false]);
    if !target.multiplies(parts) || parts == LaneParts::Bf16Pairs && !as_it_lies {
        return None;
    }
    let sides = || rights.iter().chain([&left]);
    let axes: BTreeSet<AxisId> = sides().flat_map(|side| side.axes.iter().copied()).collect();
    let lies_once = |side: &Side| side.storage.layout.iter().filter(|axis| axes.contains(axis)).count() == 1;
    let other = first.rows.iter().chain(&first.common).chain(&first.reduced).chain([&first.column]);
    let packed = scene.packings.values().flat_map(|packing| &packing.axes);
    let free = |axis: &AxisId| *axis == last || !axes.contains(axis);
    let fits = sides().all(lies_once) && other.chain(packed).all(free);
    let signed = [left.storage.element, right].map(|element| element != Element::U8);
    let counted = Counted { axes, entries: entries(parts), laid: None };
    fits.then_some(Choice { parts, left, signed, counted })
}

/// Follows a value of the type that is summed in to the small numbers in memory that it is.
fn side<'s>(scene: &'s Scene, node: NodeId, axis: AxisId, sum: Element) -> Option<Side<'s>> {
    let (mut id, mut axes) = (node, vec![axis]);
    loop {
        let node = scene.function.node(id)?;
        if let Some(storage) = scene.storages.get(&id) {
            let small = match sum {
                Element::F32 => node.ty.element == Element::Bf16,
                Element::I32 => matches!(node.ty.element, Element::I8 | Element::U8),
                _ => false,
            };
            let found = small && storage.element == node.ty.element;
            return found.then_some(Side { node: id, storage, axes });
        }
        let operand = match &node.operation {
            Operation::Rename { from, to } => {
                if axes.last() == Some(to) {
                    axes.push(*from);
                }
                0
            }
            Operation::Cast(element) if *element == sum => 0,
            Operation::Pack { into } if axes.last() != Some(into) => 1,
            _ => return None,
        };
        id = *node.operands.get(operand)?;
    }
}

impl<'s> Choice<'s> {
    /// The scene in which entries are counted so.
    pub fn scene<'a>(&self, scene: &Scene<'a>) -> Scene<'a> {
        scene.counted(self.counted.clone(), BTreeMap::new())
    }

    /// The sides in such parts: the left one is brought into them by a launch of its own where it does not lie so.
    pub fn together<'a>(
        self,
        scene: &Scene<'a>,
        assembly: &mut Assembly,
        target: &Target,
    ) -> Result<Together<'a>, ScheduleError> {
        let (storages, row) = match self.parts {
            LaneParts::Bf16Pairs => {
                (vec![Storage { element: Element::U32, ..self.left.storage.clone() }], None)
            }
            LaneParts::WordPairs | LaneParts::ByteQuads => {
                let row = self.row(scene)?;
                (self.lay(scene, assembly, target, row)?, Some(row))
            }
        };
        let node = self.left.node;
        let scenes = storages.into_iter().map(|storage| {
            let laid = row.map(|row| (storage.buffer, row));
            scene.counted(Counted { laid, ..self.counted.clone() }, BTreeMap::from([(node, storage)]))
        });
        let scenes = scenes.collect();
        let begins = self.parts == LaneParts::ByteQuads && self.signed[0];
        Ok(Together { parts: self.parts, scenes, signed: self.signed[1], begins })
    }

    /// The axis of the left side that is read in parts.
    fn last(&self) -> Result<AxisId, ScheduleError> {
        self.left.axes.last().copied().ok_or(ScheduleError::Malformed("a sum over nothing"))
    }

    /// From how many entries to how many rows of the left side begin: an odd number of lines, since a tile reads many rows at once, which would
    /// lie in the same places of a cache if their distance had many factors of two.
    fn row(&self, scene: &Scene) -> Result<i64, ScheduleError> {
        let size = scene.size(self.last()?).as_constant().unwrap_or(1);
        let lines = rounded_up(rounded_up(size, self.counted.entries), LINE);
        Ok((lines | 1) * LINE)
    }

    /// Brings the left side into the form in which it is multiplied: a value for each multiplication.
    fn lay(
        &self,
        scene: &Scene,
        assembly: &mut Assembly,
        target: &Target,
        row: i64,
    ) -> Result<Vec<Storage>, ScheduleError> {
        let (storage, last) = (self.left.storage, self.last()?);
        let layout = storage.layout.iter().copied().filter(|axis| *axis != last).chain([last]);
        let layout: Vec<AxisId> = layout.collect();
        let counted = self.scene(scene);
        let rows = layout.split_last().map(|(_, outer)| scene.sizes(outer)).unwrap_or_default();
        let length = product_of_sizes(&rows).multiply(&Size::constant(row));
        let readings: &[Reading] = match self.parts {
            LaneParts::WordPairs => &[Reading::Entries, Reading::Odd],
            LaneParts::Bf16Pairs | LaneParts::ByteQuads => &[Reading::Entries],
        };
        let name = format!("{} in fours", storage.name);
        let made: Vec<Storage> = readings
            .iter()
            .map(|_| assembly.storage(&name, Element::U32, layout.clone(), length.clone()))
            .collect();
        let size = scene.size(last).as_constant().and_then(|size| u32::try_from(size).ok());
        let lanes = size.map_or(target.vector_bytes, |size| size.clamp(4, target.vector_bytes));
        let mut emitter = Emitter::new(scene, &mut assembly.faults, target, lanes.next_power_of_two());
        made.iter().for_each(|storage| {
            emitter.output(storage);
        });
        self.fill(&mut emitter, &counted, (&layout, row), &made, readings)?;
        let extent = extent_of(&rows_and_blocks(scene, &layout, BLOCK));
        let kernel = written(emitter, "fours", extent, Size::constant(BLOCK), SizeExpression::Constant(0));
        assembly.launch(kernel)?;
        Ok(made)
    }

    fn fill<'e>(
        &self,
        e: &mut Emitter<'e>,
        counted: &'e Scene<'e>,
        (layout, length): (&[AxisId], i64),
        made: &[Storage],
        readings: &[Reading],
    ) -> Result<(), ScheduleError> {
        let scene = e.scene;
        let (items, row, stretch) = e.open_rows(layout, BLOCK)?;
        let (Some(last), Some(stretch)) = (layout.last(), stretch) else { return Ok(()) };
        e.chunks(stretch, 1, &mut |e, chunk| {
            let point = e.lanes_at(&row, *last, chunk.begin, chunk.mask);
            let bytes = e.emit(self.left.node, &point)?;
            let bytes = e.w.splat(bytes, e.lanes);
            let fours = e.w.joined(bytes, Element::U32);
            let four = e.w.index(4);
            let begin = e.w.divide(chunk.begin, four);
            e.scene = counted;
            let address = e.spaced(layout, length, &row.with(*last, Coordinate::Scalar(begin)))?;
            let mask = chunk.mask.map(|_| {
                let end = e.extent(*last);
                let lanes = e.w.lanes(fours);
                let places = e.w.lane_indices(begin, lanes);
                e.w.compare(Comparison::Less, places, end)
            });
            e.scene = scene;
            let index = e.forced(&address);
            for (storage, reading) in made.iter().zip(readings) {
                let value = self.left_part(&mut e.w, fours, *reading);
                let output = e.output(storage);
                e.w.store(output, index, value, mask);
            }
            Ok(())
        })?;
        e.close_items(items);
        Ok(())
    }

    fn left_part(&self, w: &mut Writer, fours: Value, reading: Reading) -> Value {
        let [signed, _] = self.signed;
        match self.parts {
            LaneParts::WordPairs => words(w, fours, signed, reading),
            LaneParts::ByteQuads if signed => {
                let middles = w.integer(fours, MIDDLES);
                w.binary(BinaryOperation::ExclusiveOr, fours, middles)
            }
            LaneParts::Bf16Pairs | LaneParts::ByteQuads => fours,
        }
    }
}
