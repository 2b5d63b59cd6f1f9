//! Values of the graph at points: pointwise nodes are worked out where they are wanted, others are read from memory.

use crate::assembly::Faults;
use crate::contraction::{Panels, Reading, Together};
use crate::error::ScheduleError;
use crate::point::{parts, Coordinate, Point};
use crate::scalar;
use crate::scene::{computed, is_storage, Packing, Scene, Storage};
use crate::sizes::product;
use crate::writer::Writer;
use moe_graph::{AxisId, Element, Node, NodeId, Operation, Scalar, Size};
use moe_kernel::{BinaryOperation, BufferParameter, Statement, Target, Value};
use std::collections::{BTreeMap, HashMap};

/// What a value depends on: the node, its coordinates, the masks, what is known of packed rows, what is read of several entries.
type Key =
    (NodeId, Vec<Coordinate>, [Option<Value>; 2], BTreeMap<AxisId, BTreeMap<AxisId, Coordinate>>, Reading);

/// A kernel being written for nodes of a function.
pub(crate) struct Emitter<'a> {
    pub w: Writer,
    pub scene: &'a Scene<'a>,
    pub faults: &'a mut Faults,
    pub target: &'a Target,
    /// How many lanes vectors have.
    pub lanes: u32,
    /// The program's buffer of each parameter.
    pub buffers: Vec<u32>,
    /// Weights that are read from panels.
    pub panels: BTreeMap<NodeId, Panels>,
    /// How the sides of contractions are read several entries at a time, where they are.
    pub together: Option<&'a Together<'a>>,
    /// What is read of them.
    pub reading: Reading,
    /// How many entries ahead of those that are read panels are asked for; 0 where they are not.
    pub ahead: i64,
    /// An axis, and where it ends for now, before it ends as a whole.
    pub end: Option<(AxisId, Value)>,
    /// An axis that is gone along, and how many places ahead of those that are read lanes are asked for.
    pub beyond: Option<(AxisId, i64)>,
    memo: HashMap<Key, Value>,
}

impl<'a> Emitter<'a> {
    pub fn new(scene: &'a Scene<'a>, faults: &'a mut Faults, target: &'a Target, lanes: u32) -> Self {
        let w = Writer::new(target.fused_multiply_add);
        let (buffers, panels, memo) = (Vec::new(), BTreeMap::new(), HashMap::new());
        Emitter {
            w,
            scene,
            faults,
            target,
            lanes,
            buffers,
            panels,
            together: None,
            reading: Reading::default(),
            ahead: 0,
            end: None,
            beyond: None,
            memo,
        }
    }

    /// The parameter for a buffer of the program.
    pub fn buffer(&mut self, id: u32, name: &str, element: Element, written: bool) -> u32 {
        if let Some(place) = self.buffers.iter().position(|known| *known == id) {
            return place as u32;
        }
        self.buffers.push(id);
        self.w.buffers.push(BufferParameter { name: name.to_owned(), element, written });
        self.buffers.len() as u32 - 1
    }

    /// The parameter for a value that the kernel writes. Ask for it before anything reads it.
    pub fn output(&mut self, storage: &Storage) -> u32 {
        self.buffer(storage.buffer, &storage.name, storage.element, true)
    }

    // Coordinates.

    pub fn coordinate(&self, point: &Point, axis: AxisId) -> Result<Coordinate, ScheduleError> {
        point
            .get(axis)
            .cloned()
            .ok_or(ScheduleError::Malformed("a value along an axis that its user has not"))
    }

    /// The coordinate as a value: a scalar, or one number a lane.
    pub fn forced(&mut self, coordinate: &Coordinate) -> Value {
        match coordinate {
            Coordinate::Scalar(value) | Coordinate::Vector(value) => *value,
            Coordinate::Lanes(base) => self.w.lane_indices(*base, self.lanes),
            Coordinate::Part { whole, sizes, place } => {
                let whole = self.forced(whole);
                let below = product(sizes.iter().skip(place + 1));
                let below = self.w.size(&below);
                let quotient = self.w.divide(whole, below);
                match sizes.get(*place) {
                    Some(size) if *place > 0 => {
                        let size = self.w.size(size);
                        self.w.binary(BinaryOperation::Remainder, quotient, size)
                    }
                    _ => quotient,
                }
            }
        }
    }

    /// The coordinate as one of the plain kinds.
    pub fn plain(&mut self, coordinate: &Coordinate) -> Coordinate {
        match coordinate {
            Coordinate::Part { .. } => self.of_value_of(coordinate),
            other => other.clone(),
        }
    }

    fn of_value_of(&mut self, coordinate: &Coordinate) -> Coordinate {
        let value = self.forced(coordinate);
        self.of_value(value)
    }

    /// A coordinate that was computed.
    pub fn of_value(&self, value: Value) -> Coordinate {
        if self.w.lanes(value) == 1 {
            Coordinate::Scalar(value)
        } else {
            Coordinate::Vector(value)
        }
    }

    pub fn shifted(&mut self, coordinate: &Coordinate, by: &Size, backwards: bool) -> Coordinate {
        let by = self.w.size(by);
        let shift = |w: &mut Writer, value| if backwards { w.subtract(value, by) } else { w.add(value, by) };
        match self.plain(coordinate) {
            Coordinate::Scalar(value) => Coordinate::Scalar(shift(&mut self.w, value)),
            Coordinate::Lanes(base) => Coordinate::Lanes(shift(&mut self.w, base)),
            Coordinate::Vector(value) => Coordinate::Vector(shift(&mut self.w, value)),
            part @ Coordinate::Part { .. } => part,
        }
    }

    /// The sum of coordinates times strides.
    pub fn combined(&mut self, terms: &[(Coordinate, Size)]) -> Coordinate {
        let mut scalar = self.w.index(0);
        let mut vector: Option<Value> = None;
        let mut lanes = Size::constant(0);
        for (coordinate, stride) in terms {
            let size = self.w.size(stride);
            match self.plain(coordinate) {
                Coordinate::Scalar(value) => {
                    let term = self.w.multiply(value, size);
                    scalar = self.w.add(scalar, term);
                }
                Coordinate::Lanes(base) => {
                    let term = self.w.multiply(base, size);
                    scalar = self.w.add(scalar, term);
                    lanes = lanes.add(stride);
                }
                Coordinate::Vector(value) => {
                    let term = self.w.multiply(value, size);
                    vector = Some(vector.map_or(term, |vector| self.w.add(vector, term)));
                }
                Coordinate::Part { .. } => {}
            }
        }
        if let (None, Some(1)) = (vector, lanes.as_constant()) {
            return Coordinate::Lanes(scalar);
        }
        if lanes.as_constant() != Some(0) {
            let zero = self.w.index(0);
            let numbers = self.w.lane_indices(zero, self.lanes);
            let stride = self.w.size(&lanes);
            let term = self.w.multiply(numbers, stride);
            vector = Some(vector.map_or(term, |vector| self.w.add(vector, term)));
        }
        match vector {
            None => Coordinate::Scalar(scalar),
            Some(vector) => Coordinate::Vector(self.w.add(vector, scalar)),
        }
    }

    /// The place of a point in row-major memory. Digits of one coordinate that lie side by side are taken together.
    pub fn address(&mut self, layout: &[AxisId], point: &Point) -> Result<Coordinate, ScheduleError> {
        let mut terms = Vec::new();
        let mut stride = Size::constant(1);
        let mut rest = layout;
        while let Some((axis, before)) = rest.split_last() {
            let coordinate = self.coordinate(point, *axis)?;
            match self.together(rest, &coordinate, point) {
                Some((whole, count)) => {
                    terms.push((whole, stride.clone()));
                    let (left, taken) = rest.split_at(rest.len().saturating_sub(count));
                    stride = stride.multiply(&product(&self.scene.sizes(taken)));
                    rest = left;
                }
                None => {
                    terms.push((coordinate, stride.clone()));
                    stride = stride.multiply(&self.scene.size(*axis));
                    rest = before;
                }
            }
        }
        Ok(self.combined(&terms))
    }

    /// The place of a point in memory in which so many entries lie between the beginnings of rows.
    pub fn spaced(
        &mut self,
        layout: &[AxisId],
        row: i64,
        point: &Point,
    ) -> Result<Coordinate, ScheduleError> {
        let Some((last, outer)) = layout.split_last() else { return self.address(layout, point) };
        let before = self.address(outer, point)?;
        let within = self.coordinate(point, *last)?;
        Ok(self.combined(&[(before, Size::constant(row)), (within, Size::constant(1))]))
    }

    /// The coordinate whose digits the last axes are, and how many they are.
    fn together(&self, layout: &[AxisId], last: &Coordinate, point: &Point) -> Option<(Coordinate, usize)> {
        let Coordinate::Part { whole, sizes, place } = last else { return None };
        let count = sizes.len();
        let axes = layout.get(layout.len().checked_sub(count)?..)?;
        let all = *place + 1 == count
            && axes.iter().zip(sizes.iter()).enumerate().all(|(digit, (axis, size))| {
                let same = matches!(point.get(*axis), Some(Coordinate::Part { whole: w, sizes: s, place: p })
                    if w == whole && s == sizes && *p == digit);
                same && self.scene.size(*axis) == *size
            });
        all.then(|| ((**whole).clone(), count))
    }

    /// Where an axis ends: its size, or the rows found while running.
    pub fn extent(&mut self, axis: AxisId) -> Value {
        if let Some((_, end)) = self.end.filter(|(ended, _)| *ended == axis) {
            return end;
        }
        match self.scene.packings.get(&axis).cloned() {
            Some(packing) => {
                let segments = product(&self.scene.sizes(packing.segments()));
                let place = self.w.size(&segments);
                self.offset_of(&packing, place)
            }
            None => {
                let size = self.scene.size(axis);
                self.w.size(&size)
            }
        }
    }

    /// Where a segment begins.
    pub fn offset_of(&mut self, packing: &Packing, segment: Value) -> Value {
        let buffer = self.buffer(packing.offsets, "offsets", Element::I64, false);
        self.read(buffer, &Coordinate::Scalar(segment), None, None)
    }

    // Memory.

    /// Reads a buffer at an address; 16-bit floats are widened.
    pub fn read(
        &mut self,
        buffer: u32,
        address: &Coordinate,
        mask: Option<Value>,
        lane_mask: Option<Value>,
    ) -> Value {
        let element = self.w.buffers.get(buffer as usize).map_or(Element::I64, |buffer| buffer.element);
        let lanes = if matches!(address, Coordinate::Scalar(_)) { 1 } else { self.lanes };
        let mask = if lanes == 1 { mask } else { self.both(mask, lane_mask) };
        let mask = mask.map(|mask| self.w.splat(mask, lanes));
        let operation = match address {
            Coordinate::Scalar(index) | Coordinate::Lanes(index) => {
                moe_kernel::Operation::Load { buffer, index: *index, mask }
            }
            other => {
                let indices = self.forced(other);
                moe_kernel::Operation::Gather { buffer, indices, mask }
            }
        };
        let value = self.w.define(operation, moe_kernel::ValueType { element, lanes });
        self.w.convert(value, computed(element))
    }

    /// The conjunction of masks.
    pub fn both(&mut self, a: Option<Value>, b: Option<Value>) -> Option<Value> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.w.and(a, b)),
            (a, b) => a.or(b),
        }
    }

    /// Reads a stored value at a point.
    pub fn load(&mut self, storage: &Storage, point: &Point) -> Result<Value, ScheduleError> {
        let laid = self.scene.counted.as_ref().and_then(|counted| counted.laid);
        let address = match laid.filter(|(buffer, _)| *buffer == storage.buffer) {
            Some((_, row)) => self.spaced(&storage.layout, row, point)?,
            None => self.address(&storage.layout, point)?,
        };
        let buffer = self.buffer(storage.buffer, &storage.name, storage.element, false);
        if let Coordinate::Lanes(index) = &address {
            self.ask(storage, buffer, *index, point);
        }
        Ok(self.read(buffer, &address, point.mask, point.lane_mask))
    }

    /// Asks for what will be read when the axis is gone along, if the storage has it.
    fn ask(&mut self, storage: &Storage, buffer: u32, index: Value, point: &Point) {
        let Some((axis, places)) = self.beyond.filter(|(axis, _)| point.get(*axis).is_some()) else { return };
        let Some(place) = storage.layout.iter().position(|own| *own == axis) else { return };
        let stride = product(&self.scene.sizes(storage.layout.get(place + 1..).unwrap_or_default()));
        let distance = self.w.size(&stride.multiply(&Size::constant(places)));
        let index = self.w.add(index, distance);
        self.w.statement(Statement::Prefetch { buffer, index });
    }

    /// Writes a value at a point.
    pub fn store(&mut self, storage: &Storage, point: &Point, value: Value) -> Result<(), ScheduleError> {
        let buffer = self.output(storage);
        let value = self.w.convert(value, storage.element);
        let address = self.address(&storage.layout, point)?;
        let statement = match address {
            Coordinate::Scalar(index) => Statement::Store { buffer, index, value, mask: point.mask },
            address => {
                let value = self.w.splat(value, self.lanes);
                let mask = self.both(point.mask, point.lane_mask);
                let mask = mask.map(|mask| self.w.splat(mask, self.lanes));
                match address {
                    Coordinate::Lanes(index) => Statement::Store { buffer, index, value, mask },
                    other => Statement::Scatter { buffer, indices: self.forced(&other), value, mask },
                }
            }
        };
        self.w.statement(statement);
        Ok(())
    }

    // Nodes.

    fn key(&self, id: NodeId, node: &Node, point: &Point) -> Result<Key, ScheduleError> {
        let coordinates = node.ty.axes.iter().map(|axis| self.coordinate(point, *axis));
        let rows = point.rows.iter().filter(|(axis, _)| node.ty.has(**axis));
        let rows = rows.map(|(axis, known)| (*axis, known.clone())).collect();
        let coordinates = coordinates.collect::<Result<_, _>>()?;
        Ok((id, coordinates, [point.mask, point.lane_mask], rows, self.reading))
    }

    /// Says what a node's value at a point is.
    pub fn bind(&mut self, id: NodeId, point: &Point, value: Value) -> Result<(), ScheduleError> {
        let key = self.key(id, self.scene.node(id)?, point)?;
        self.memo.insert(key, value);
        Ok(())
    }

    /// A node's value at a point, in the type that it is computed in; one lane if it is the same in all.
    pub fn emit(&mut self, id: NodeId, point: &Point) -> Result<Value, ScheduleError> {
        let scene = self.scene;
        let node = scene.node(id)?;
        let key = self.key(id, node, point)?;
        if let Some(value) = self.remembered(&key) {
            return Ok(value);
        }
        // Panels have no columns that each lane finds for itself.
        let gathers = |panels: &&Panels| matches!(point.get(panels.column), Some(Coordinate::Vector(_)));
        let panels = self.panels.get(&id).filter(|panels| !gathers(panels)).cloned();
        let value = match (panels, scene.storages.get(&id)) {
            (Some(panels), _) => self.load_panel(&panels, point)?,
            (None, Some(storage)) => self.load(storage, point)?,
            (None, None) => self.node(node, point)?,
        };
        self.memo.insert(key, value);
        Ok(value)
    }

    fn remembered(&self, key: &Key) -> Option<Value> {
        self.memo.get(key).copied().filter(|value| self.w.is_live(*value))
    }

    /// A node's value at a point if it was worked out before.
    pub fn known(&self, id: NodeId, point: &Point) -> Result<Option<Value>, ScheduleError> {
        Ok(self.remembered(&self.key(id, self.scene.node(id)?, point)?))
    }

    pub fn operand(&mut self, node: &Node, place: usize, point: &Point) -> Result<Value, ScheduleError> {
        let operand = node.operands.get(place).ok_or(ScheduleError::Malformed("a missing operand"))?;
        self.emit(*operand, point)
    }

    fn node(&mut self, node: &Node, point: &Point) -> Result<Value, ScheduleError> {
        match &node.operation {
            Operation::Constant(value) => Ok(self.constant(*value)),
            Operation::Coordinate(axis) => {
                let coordinate = self.coordinate(point, *axis)?;
                Ok(self.forced(&coordinate))
            }
            Operation::SizeOf(size) => Ok(self.w.size(size)),
            Operation::Map { function, absorb } => {
                let operands = (0..node.operands.len()).map(|place| self.argument(node, place, point));
                let operands = operands.collect::<Result<Vec<_>, _>>()?;
                let value = scalar::map(&mut self.w, *function, *absorb, &operands)?;
                Ok(scalar::rounded_after(&mut self.w, *function, node.ty.element, value))
            }
            // Several at a time are widened where they are multiplied.
            Operation::Cast(_) if self.scene.counted.is_some() => self.operand(node, 0, point),
            Operation::Cast(element) => {
                let value = self.operand(node, 0, point)?;
                let from = self.operand_element(node)?;
                Ok(scalar::cast(&mut self.w, value, from, *element))
            }
            Operation::Expect { .. } => self.operand(node, 0, point),
            Operation::Rename { from, to } => {
                let coordinate = self.coordinate(point, *to)?;
                self.operand(node, 0, &point.with(*from, coordinate))
            }
            Operation::Merge { from, into } => {
                let whole = self.coordinate(point, *into)?;
                let mut inner = point.clone();
                for (axis, part) in from.iter().zip(parts(whole, self.scene.sizes(from))) {
                    inner.set(*axis, part);
                }
                self.operand(node, 0, &inner)
            }
            Operation::Split { from, into } => {
                let whole = self.address(into, point)?;
                self.operand(node, 0, &point.with(*from, whole))
            }
            Operation::Slice { from, into, start } => {
                let coordinate = self.coordinate(point, *into)?;
                let shifted = self.shifted(&coordinate, start, false);
                self.operand(node, 0, &point.with(*from, shifted))
            }
            Operation::Pad { from, into, before, value } => {
                let (inner, inside) = self.window(point, *from, *into, before)?;
                let kept = self.operand(node, 0, &inner)?;
                let other = self.constant(*value);
                Ok(self.w.select(inside, kept, other))
            }
            Operation::Window { value, .. } => {
                let (inner, inside) = self.shown(&node.operation, point)?;
                let kept = self.operand(node, 0, &inner)?;
                let other = self.constant(*value);
                Ok(inside.map_or(kept, |inside| self.w.select(inside, kept, other)))
            }
            Operation::Concatenate { from, into } => self.concatenate(node, from, *into, point),
            Operation::Gather { axis } => self.gather(node, *axis, point),
            Operation::Pack { into } => self.pack(node, *into, point),
            Operation::Unpack { from, background } => self.unpack(node, *from, *background, point),
            operation => {
                let what = format!("{} before it is computed", operation.name());
                Err(ScheduleError::Unsupported { what, span: node.span })
            }
        }
    }

    fn operand_element(&self, node: &Node) -> Result<Element, ScheduleError> {
        let operand = node.operands.first().ok_or(ScheduleError::Malformed("a missing operand"))?;
        Ok(self.scene.node(*operand)?.ty.element)
    }

    /// A number in the type that it is computed in.
    pub fn constant(&mut self, value: Scalar) -> Value {
        let value = if is_storage(value.element()) { value.cast(Element::F32) } else { value };
        self.w.constant(value, 1)
    }
}
