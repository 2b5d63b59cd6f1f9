//! What is known of a function while it is scheduled: where its values lie and how its masks are packed.

use crate::error::ScheduleError;
use crate::prefix::Prefix;
use crate::sizes::ceiling;
use moe_graph::{AxisId, Element, Function, Node, NodeId, Size};
use std::collections::{BTreeMap, BTreeSet};

/// A value in memory: row-major over `layout`, constant along other axes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Storage {
    /// The buffer, by index in the program.
    pub buffer: u32,
    pub name: String,
    pub element: Element,
    pub layout: Vec<AxisId>,
}

/// The packing of a mask: its true entries numbered, segment by segment, within a segment in row-major order of the other axes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Packing {
    pub mask: NodeId,
    /// The mask's axes, those of the segments first.
    pub axes: Vec<AxisId>,
    /// How many of them make up a segment.
    pub segment: usize,
    /// `i64`, one more than there are segments: where each begins; the last is the number of rows.
    pub offsets: u32,
    /// `i64` by row, for each axis: the coordinate of a row.
    pub rows: Vec<u32>,
    /// Where each place of the mask is.
    pub rows_of: RowsOf,
}

/// How the row at a place of a mask is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RowsOf {
    /// In a table, `i64` by the mask's axes in the order of the packing: the row, or -1 where the mask is false.
    Table(u32),
    /// By where its segment begins: the mask is true for the first entries of each.
    Prefix(Prefix),
}

impl Packing {
    pub fn segments(&self) -> &[AxisId] {
        self.axes.get(..self.segment).unwrap_or_default()
    }

    pub fn rest(&self) -> &[AxisId] {
        self.axes.get(self.segment..).unwrap_or_default()
    }
}

/// A function while it is scheduled.
pub(crate) struct Scene<'a> {
    pub function: &'a Function,
    pub storages: BTreeMap<NodeId, Storage>,
    /// By packed axis.
    pub packings: BTreeMap<AxisId, Packing>,
    pub origin: &'a dyn Fn(moe_grammar::Span) -> String,
    /// Where several entries are counted as one; nowhere in most scenes.
    pub counted: Option<Counted>,
}

/// Axes along which several entries are counted as one, of values that are small numbers in memory and are widened.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    pub axes: BTreeSet<AxisId>,
    pub entries: i64,
    /// The buffer of a value that was laid out for it, and from how many entries to how many its rows begin.
    pub laid: Option<(u32, i64)>,
}

impl<'a> Scene<'a> {
    /// The scene in which entries are counted so, and these values lie so.
    pub fn counted(&self, counted: Counted, values: BTreeMap<NodeId, Storage>) -> Scene<'a> {
        let mut storages = self.storages.clone();
        storages.extend(values);
        Scene {
            function: self.function,
            storages,
            packings: self.packings.clone(),
            origin: self.origin,
            counted: Some(counted),
        }
    }
}

impl Scene<'_> {
    pub fn node(&self, id: NodeId) -> Result<&Node, ScheduleError> {
        self.function.node(id).ok_or(ScheduleError::Malformed("no such node"))
    }

    pub fn size(&self, axis: AxisId) -> Size {
        let size = self.function.size(axis);
        match self.counted.as_ref().filter(|counted| counted.axes.contains(&axis)) {
            Some(counted) => ceiling(&size, counted.entries),
            None => size,
        }
    }

    pub fn sizes(&self, axes: &[AxisId]) -> Vec<Size> {
        axes.iter().map(|axis| self.size(*axis)).collect()
    }

    pub fn is_ragged(&self, axis: AxisId) -> bool {
        self.packings.contains_key(&axis)
    }

    pub fn packing(&self, axis: AxisId) -> Result<&Packing, ScheduleError> {
        self.packings.get(&axis).ok_or(ScheduleError::Malformed("a packed axis without a mask"))
    }

    /// Where the node stands, for messages.
    pub fn place(&self, node: &Node) -> String {
        node.span.map_or_else(String::new, |span| format!(" at {}", (self.origin)(span)))
    }

    pub fn axis_name(&self, axis: AxisId) -> String {
        self.function.axis(axis).map_or_else(String::new, |axis| axis.name.clone())
    }
}

/// The type that values of an element type are computed in: 16-bit floats are storage.
pub(crate) fn computed(element: Element) -> Element {
    match element {
        Element::Bf16 | Element::F16 => Element::F32,
        other => other,
    }
}

/// Whether an element type is only storage.
pub(crate) fn is_storage(element: Element) -> bool {
    computed(element) != element
}
