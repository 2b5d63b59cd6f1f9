//! The axes and sizes that an operation names.

use crate::function::AxisId;
use crate::operation::Operation;
use crate::size::Size;

impl Operation {
    /// Calls `visit` with every axis of the operation's own function that it names, in the order written. Axes of called functions are not among them.
    pub fn each_axis(&mut self, visit: &mut dyn FnMut(&mut AxisId)) {
        match self {
            Operation::Parameter(_)
            | Operation::Constant(_)
            | Operation::Table(_)
            | Operation::SizeOf(_)
            | Operation::Map { .. }
            | Operation::Cast(_) => {}
            Operation::Coordinate(axis)
            | Operation::Gather { axis }
            | Operation::LargestMask { axis, .. }
            | Operation::ArgMax { axis }
            | Operation::CumulativeSum { axis }
            | Operation::Sort { axis } => visit(axis),
            Operation::Reduce { axes, .. } | Operation::Expect { axes, .. } => {
                axes.iter_mut().for_each(visit)
            }
            Operation::Rename { from, to: into }
            | Operation::Slice { from, into, .. }
            | Operation::Pad { from, into, .. } => {
                visit(from);
                visit(into);
            }
            Operation::Merge { from, into } | Operation::Concatenate { from, into } => {
                from.iter_mut().for_each(&mut *visit);
                visit(into);
            }
            Operation::Window { from, places, taps, .. } => {
                visit(from);
                visit(places);
                visit(taps);
            }
            Operation::Split { from, into } => {
                visit(from);
                into.iter_mut().for_each(visit);
            }
            Operation::ScatterAdd { over, into } | Operation::Scatter { over, axis: into } => {
                over.iter_mut().for_each(&mut *visit);
                visit(into);
            }
            Operation::Call { axes, .. } | Operation::Fold { axes, .. } => {
                axes.iter_mut().for_each(|(_, outside)| visit(outside));
            }
            Operation::Repeat { axes, over, .. } => {
                axes.iter_mut().for_each(|(_, outside)| visit(outside));
                visit(over);
            }
            Operation::Pack { into } => visit(into),
            Operation::Unpack { from, .. } => visit(from),
            Operation::SegmentReduce { from, over, .. } => {
                visit(from);
                over.iter_mut().for_each(visit);
            }
        }
    }

    /// The axes of the operation's own function that it names, in the order written.
    pub fn axes(&self) -> Vec<AxisId> {
        let mut axes = Vec::new();
        self.clone().each_axis(&mut |axis| axes.push(*axis));
        axes
    }

    /// Calls `visit` with every size that the operation names.
    pub fn each_size(&mut self, visit: &mut dyn FnMut(&mut Size)) {
        match self {
            Operation::SizeOf(size)
            | Operation::Slice { start: size, .. }
            | Operation::Pad { before: size, .. }
            | Operation::LargestMask { count: size, .. }
            | Operation::Expect { count: size, .. } => visit(size),
            Operation::Window { stride, dilation, before, .. } => {
                [stride, dilation, before].into_iter().for_each(visit);
            }
            Operation::Parameter(_)
            | Operation::Constant(_)
            | Operation::Table(_)
            | Operation::Coordinate(_)
            | Operation::Map { .. }
            | Operation::Cast(_)
            | Operation::Reduce { .. }
            | Operation::Rename { .. }
            | Operation::Merge { .. }
            | Operation::Split { .. }
            | Operation::Concatenate { .. }
            | Operation::Gather { .. }
            | Operation::ScatterAdd { .. }
            | Operation::Scatter { .. }
            | Operation::ArgMax { .. }
            | Operation::CumulativeSum { .. }
            | Operation::Sort { .. }
            | Operation::Call { .. }
            | Operation::Repeat { .. }
            | Operation::Fold { .. }
            | Operation::Pack { .. }
            | Operation::Unpack { .. }
            | Operation::SegmentReduce { .. } => {}
        }
    }

    /// Whether every size that the operation names is a number.
    pub fn has_known_sizes(&self) -> bool {
        let mut known = true;
        self.clone().each_size(&mut |size| known &= size.as_constant().is_some());
        known
    }

    /// The operation with its axes called otherwise; lists that are kept sorted are sorted again.
    #[must_use]
    pub fn rename_axes(&self, name: &dyn Fn(AxisId) -> AxisId) -> Operation {
        let mut renamed = self.clone();
        renamed.each_axis(&mut |axis| *axis = name(*axis));
        if let Some(list) = renamed.sorted_list() {
            list.sort();
        }
        renamed
    }

    /// The list of axes that is kept sorted, if the operation has one.
    pub(crate) fn sorted_list(&mut self) -> Option<&mut Vec<AxisId>> {
        match self {
            Operation::Reduce { axes, .. } | Operation::Expect { axes, .. } => Some(axes),
            Operation::SegmentReduce { over, .. } => Some(over),
            _ => None,
        }
    }
}
