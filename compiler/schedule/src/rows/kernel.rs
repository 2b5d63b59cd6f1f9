//! The kernel of a group: for each row its reductions in order, then the row that is stored.

use super::find::RowGroup;
use crate::assembly::Assembly;
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{extended, extent_of, operations, Innermost};
use crate::point::Point;
use crate::pointwise::{lanes, written};
use crate::scalar::{combine, combining, identity, rounded};
use crate::scene::{Scene, Storage};
use moe_graph::{AxisId, Element, NodeId, Operation, ReduceKind, Size};
use moe_kernel::{Target, Value};
use std::collections::BTreeSet;

/// Rows of so many vectors stay in registers.
const VECTORS: i64 = 8;

struct Rows<'a> {
    group: &'a RowGroup,
    root: NodeId,
    storage: &'a Storage,
    /// The parameter of the scratch memory of each kept value, if they are kept in memory.
    kept: Vec<(NodeId, u32)>,
}

/// Schedules a group.
pub(crate) fn schedule(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    group: &RowGroup,
    root: NodeId,
    storage: &Storage,
) -> Result<(), ScheduleError> {
    let size = scene.size(group.axis);
    let lanes = lanes(target, Element::F32, &size);
    let outer: Vec<AxisId> = storage.layout.iter().copied().filter(|axis| *axis != group.axis).collect();
    let short = size.as_constant().is_some_and(|size| size <= VECTORS * i64::from(lanes));
    let wanted: Vec<(&str, Size)> =
        if short { Vec::new() } else { group.kept.iter().map(|_| ("row", size.clone())).collect() };
    let buffers = assembly.of_thread(&wanted);
    let flops = operations(scene, &mut assembly.symbols, &storage.layout, group.members.len() as i64);
    let mut emitter = Emitter::new(scene, &mut assembly.faults, target, lanes);
    let e = &mut emitter;
    e.output(storage);
    let own = group.kept.iter().zip(buffers);
    let kept = own.map(|(id, buffer)| (*id, e.buffer(buffer, "row", Element::F32, true))).collect();
    let (items, row) = e.open_points(&outer)?;
    let rows = Rows { group, root, storage, kept };
    if short {
        rows.short(e, &row)?;
    } else {
        rows.long(e, &row)?;
    }
    e.close_items(items);
    let work = size.multiply(&Size::constant(8));
    let mut kernel = written(emitter, "rows", extent_of(&scene.sizes(&outer)), work, flops);
    kernel.span = scene.node(root)?.span;
    assembly.launch(kernel)
}

impl Rows<'_> {
    /// What a reduction reduces, how, and the type that is reduced.
    fn statistic(&self, e: &Emitter, id: NodeId) -> Result<(NodeId, ReduceKind, Element), ScheduleError> {
        let missing = ScheduleError::Malformed("no reduction");
        let node = e.scene.node(id)?;
        let Operation::Reduce { kind, .. } = node.operation else { return Err(missing) };
        let operand = *node.operands.first().ok_or(missing)?;
        Ok((operand, kind, e.scene.node(operand)?.ty.element))
    }

    /// Says at a point what the reductions so far are.
    fn bind(&self, e: &mut Emitter, point: &Point, found: &[(NodeId, Value)]) -> Result<(), ScheduleError> {
        found.iter().try_for_each(|(id, value)| e.bind(*id, point, *value))
    }

    /// The points of a short row, vector by vector.
    fn points(&self, e: &mut Emitter, row: &Point) -> Vec<Point> {
        let end = e.extent(self.group.axis);
        let (size, lanes) = (e.w.known(end).unwrap_or(0), i64::from(e.lanes));
        let mut points = Vec::new();
        for first in (0..size).step_by(lanes.max(1) as usize) {
            let begin = e.w.index(first);
            let mask = (first + lanes > size).then(|| e.lanes_before(begin, end));
            points.push(e.lanes_at(row, self.group.axis, begin, mask));
        }
        points
    }

    /// Rows in registers: what is worked out at a place once is there for all that want it.
    fn short(&self, e: &mut Emitter, row: &Point) -> Result<(), ScheduleError> {
        let points = self.points(e, row);
        let mut found = Vec::new();
        for id in &self.group.statistics {
            let (operand, kind, element) = self.statistic(e, *id)?;
            let nothing = e.w.constant(identity(kind, element), e.lanes);
            let mut so_far = nothing;
            for point in &points {
                self.bind(e, point, &found)?;
                let mut value = e.emit(operand, point)?;
                if let Some(mask) = point.lane_mask {
                    value = e.w.select(mask, value, nothing);
                }
                so_far = combine(&mut e.w, kind, so_far, value);
            }
            let value = e.w.reduce_lanes(combining(kind), so_far);
            found.push((*id, rounded(&mut e.w, element, value)));
        }
        points.iter().try_for_each(|point| {
            self.bind(e, point, &found)?;
            let value = e.emit(self.root, point)?;
            e.store(self.storage, point, value)
        })
    }

    fn long(&self, e: &mut Emitter, row: &Point) -> Result<(), ScheduleError> {
        let axis = self.group.axis;
        let mut found = Vec::new();
        let mut kept = BTreeSet::new();
        for id in &self.group.statistics {
            let (operand, kind, element) = self.statistic(e, *id)?;
            let nothing = e.w.constant(identity(kind, element), e.lanes);
            let new: Vec<(NodeId, u32)> = self.new_in(e, operand, &kept)?;
            let values = e.reduce(&[axis], Innermost::Lanes, vec![nothing], &mut |e, at, values, mask| {
                let mut point = extended(row, at);
                point.lane_mask = e.both(point.lane_mask, mask);
                self.bind(e, &point, &found)?;
                self.recall(e, &point, &kept)?;
                let mut value = e.emit(operand, &point)?;
                self.keep(e, &point, &new)?;
                if let Some(mask) = mask {
                    value = e.w.select(mask, value, nothing);
                }
                Ok(values.iter().map(|so_far| combine(&mut e.w, kind, *so_far, value)).collect())
            })?;
            kept.extend(new.iter().map(|(id, _)| *id));
            let value = values.first().copied().unwrap_or(nothing);
            let value = e.w.reduce_lanes(combining(kind), value);
            found.push((*id, rounded(&mut e.w, element, value)));
        }
        let stretch = e.whole(axis);
        e.chunks(stretch, 1, &mut |e, chunk| {
            let point = e.lanes_at(row, axis, chunk.begin, chunk.mask);
            self.bind(e, &point, &found)?;
            self.recall(e, &point, &kept)?;
            let value = e.emit(self.root, &point)?;
            e.store(self.storage, &point, value)
        })
    }

    /// The values to keep that an operand is worked out from, without those that are kept already.
    fn new_in(
        &self,
        e: &Emitter,
        operand: NodeId,
        kept: &BTreeSet<NodeId>,
    ) -> Result<Vec<(NodeId, u32)>, ScheduleError> {
        let mut new = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![operand];
        while let Some(id) = open.pop() {
            if !self.group.members.contains(&id) || kept.contains(&id) || !seen.insert(id) {
                continue;
            }
            let node = e.scene.node(id)?;
            if matches!(node.operation, Operation::Reduce { .. }) {
                continue;
            }
            new.extend(self.kept.iter().filter(|(own, _)| *own == id));
            open.extend(&node.operands);
        }
        Ok(new)
    }

    fn place(&self, e: &mut Emitter, point: &Point) -> Result<Value, ScheduleError> {
        let address = e.address(&[self.group.axis], point)?;
        Ok(match address {
            crate::point::Coordinate::Lanes(index) | crate::point::Coordinate::Scalar(index) => index,
            _ => return Err(ScheduleError::Malformed("a row that does not lie together")),
        })
    }

    fn keep(&self, e: &mut Emitter, point: &Point, new: &[(NodeId, u32)]) -> Result<(), ScheduleError> {
        for (id, buffer) in new {
            let value = e.emit(*id, point)?;
            let value = e.w.splat(value, e.lanes);
            let (index, mask) = (self.place(e, point)?, point.lane_mask);
            e.w.store(*buffer, index, value, mask);
        }
        Ok(())
    }

    fn recall(&self, e: &mut Emitter, point: &Point, kept: &BTreeSet<NodeId>) -> Result<(), ScheduleError> {
        for (id, buffer) in self.kept.iter().filter(|(id, _)| kept.contains(id)) {
            let (index, mask) = (self.place(e, point)?, point.lane_mask);
            let value = e.w.load(*buffer, index, mask, e.lanes);
            e.bind(*id, point, value)?;
        }
        Ok(())
    }
}
