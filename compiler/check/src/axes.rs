//! The axes and sizes that names stand for.

use crate::ragged::Ragged;
use moe_grammar::Span;
use moe_graph::Size;

/// An axis, the same in every function of the graph that is being built.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct AxisKey(pub u32);

/// What is known of an axis.
#[derive(Clone, Debug)]
pub(crate) struct AxisInfo {
    /// What people call it.
    pub name: String,
    /// Its size.
    pub size: Size,
    /// Where it comes from.
    pub origin: Span,
    /// What is known of it if its size depends on another axis.
    pub ragged: Option<Ragged>,
    /// Whether it is one of packed rows.
    pub packed: bool,
}

/// What a name of a size or an axis stands for. A static parameter given as `E` shares the entry of the caller's `E`, so that both
/// use one axis, whoever makes it first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct SizeKey(pub u32);

/// The entry of a size.
#[derive(Clone, Debug)]
pub(crate) struct SizeInfo {
    /// What the axis is called once there is one.
    pub name: String,
    /// The size.
    pub size: Size,
    /// The axis, when the name has been used as one.
    pub axis: Option<AxisKey>,
    /// Where it comes from.
    pub origin: Span,
    /// Whether it is a number or an expression without a name, which any axis of that size fits.
    pub anonymous: bool,
}

/// All axes and sizes of one elaboration.
#[derive(Default, Debug)]
pub(crate) struct AxisTable {
    axes: Vec<AxisInfo>,
    sizes: Vec<SizeInfo>,
}

impl AxisTable {
    /// A new axis.
    pub fn axis(&mut self, name: &str, size: Size, origin: Span) -> AxisKey {
        self.add(AxisInfo { name: name.to_owned(), size, origin, ragged: None, packed: false })
    }

    /// A new axis of packed rows.
    pub fn packed_axis(&mut self, name: &str, size: Size, origin: Span) -> AxisKey {
        self.add(AxisInfo { name: name.to_owned(), size, origin, ragged: None, packed: true })
    }

    fn add(&mut self, info: AxisInfo) -> AxisKey {
        self.axes.push(info);
        AxisKey(self.axes.len() as u32 - 1)
    }

    /// Whether an axis is one of packed rows.
    pub fn is_packed(&self, axis: AxisKey) -> bool {
        self.axes.get(axis.0 as usize).is_some_and(|info| info.packed)
    }

    /// What is known of an axis whose size depends on another.
    pub fn ragged(&self, axis: AxisKey) -> Option<Ragged> {
        self.axes.get(axis.0 as usize)?.ragged
    }

    /// Notes that the size of an axis depends on another.
    pub fn set_ragged(&mut self, axis: AxisKey, ragged: Ragged) {
        if let Some(info) = self.axes.get_mut(axis.0 as usize) {
            info.ragged = Some(ragged);
        }
    }

    /// A new entry for a size, without an axis yet.
    pub fn size(&mut self, name: &str, size: Size, origin: Span) -> SizeKey {
        self.sizes.push(SizeInfo { name: name.to_owned(), size, axis: None, origin, anonymous: false });
        SizeKey(self.sizes.len() as u32 - 1)
    }

    /// A new entry for a number or an expression that has no name.
    pub fn anonymous_size(&mut self, name: &str, size: Size, origin: Span) -> SizeKey {
        self.sizes.push(SizeInfo { name: name.to_owned(), size, axis: None, origin, anonymous: true });
        SizeKey(self.sizes.len() as u32 - 1)
    }

    /// Whether an entry has no name of its own and no axis yet.
    pub fn is_anonymous(&self, key: SizeKey) -> bool {
        self.sizes.get(key.0 as usize).is_some_and(|info| info.anonymous && info.axis.is_none())
    }

    /// A new entry for an axis that is there.
    pub fn size_of_axis(&mut self, name: &str, axis: AxisKey) -> SizeKey {
        let (size, origin) = (self.axis_size(axis), self.origin(axis));
        self.sizes.push(SizeInfo { name: name.to_owned(), size, axis: Some(axis), origin, anonymous: false });
        SizeKey(self.sizes.len() as u32 - 1)
    }

    /// The axis of an entry, made now if it has none.
    pub fn axis_of(&mut self, key: SizeKey) -> AxisKey {
        let Some(info) = self.sizes.get(key.0 as usize).cloned() else { return AxisKey(0) };
        if let Some(axis) = info.axis {
            return axis;
        }
        let axis = self.axis(&info.name, info.size, info.origin);
        if let Some(info) = self.sizes.get_mut(key.0 as usize) {
            info.axis = Some(axis);
        }
        axis
    }

    /// The axis of an entry, if it has one.
    pub fn known_axis(&self, key: SizeKey) -> Option<AxisKey> {
        self.sizes.get(key.0 as usize)?.axis
    }

    /// The size of an entry.
    pub fn size_value(&self, key: SizeKey) -> Size {
        self.sizes.get(key.0 as usize).map_or_else(Size::default, |info| info.size.clone())
    }

    /// The name of an axis.
    pub fn name(&self, axis: AxisKey) -> String {
        self.axes.get(axis.0 as usize).map_or_else(String::new, |info| info.name.clone())
    }

    /// The size of an axis.
    pub fn axis_size(&self, axis: AxisKey) -> Size {
        self.axes.get(axis.0 as usize).map_or_else(Size::default, |info| info.size.clone())
    }

    /// Where an axis comes from.
    pub fn origin(&self, axis: AxisKey) -> Span {
        self.axes.get(axis.0 as usize).map_or_else(Span::default, |info| info.origin)
    }
}
