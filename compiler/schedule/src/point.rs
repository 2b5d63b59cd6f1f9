//! Where in a tensor a value is wanted: coordinates along axes, for one lane or many.

use moe_graph::{AxisId, Size};
use moe_kernel::Value;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A coordinate along an axis.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Coordinate {
    /// The same in all lanes.
    Scalar(Value),
    /// This, plus the number of the lane.
    Lanes(Value),
    /// One for each lane.
    Vector(Value),
    /// One digit of another coordinate, whose places have these sizes.
    Part { whole: Rc<Coordinate>, sizes: Rc<Vec<Size>>, place: usize },
}

/// A point, or as many as there are lanes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Point {
    pub coordinates: BTreeMap<AxisId, Coordinate>,
    /// Whether the point is there at all.
    pub mask: Option<Value>,
    /// Which lanes are there.
    pub lane_mask: Option<Value>,
    /// For packed axes: what is known of the coordinates of the row along the mask's axes.
    pub rows: BTreeMap<AxisId, BTreeMap<AxisId, Coordinate>>,
}

impl Point {
    /// The point with these coordinates along axes, as far as there are any.
    pub fn of<'a>(axes: impl IntoIterator<Item = &'a AxisId>, places: &[Value]) -> Point {
        let along = |(axis, place): (&AxisId, &Value)| (*axis, Coordinate::Scalar(*place));
        Point { coordinates: axes.into_iter().zip(places).map(along).collect(), ..Point::default() }
    }

    pub fn with(&self, axis: AxisId, coordinate: Coordinate) -> Point {
        let mut point = self.clone();
        point.set(axis, coordinate);
        point
    }

    /// The same place in all lanes.
    pub fn at(&self, axis: AxisId, place: Value) -> Point {
        self.with(axis, Coordinate::Scalar(place))
    }

    pub fn set(&mut self, axis: AxisId, coordinate: Coordinate) {
        self.coordinates.insert(axis, coordinate);
    }

    pub fn get(&self, axis: AxisId) -> Option<&Coordinate> {
        self.coordinates.get(&axis)
    }
}

/// The digits of one coordinate along axes of these sizes.
pub(crate) fn parts(whole: Coordinate, sizes: Vec<Size>) -> Vec<Coordinate> {
    if sizes.len() == 1 {
        return vec![whole];
    }
    let (whole, sizes) = (Rc::new(whole), Rc::new(sizes));
    (0..sizes.len())
        .map(|place| Coordinate::Part { whole: whole.clone(), sizes: sizes.clone(), place })
        .collect()
}
