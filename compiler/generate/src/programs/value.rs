//! What is known of the values of a body.

use crate::bits::Bits;
use moe_graph::Element;

/// An axis in scope.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Axis {
    pub name: String,
    /// How long it is, as text.
    pub size: String,
    /// How long it is at most.
    pub length: usize,
    pub kind: AxisKind,
    /// Whether a type can name it; an axis that came of `as` has no declaration.
    pub declared: bool,
}

/// When the length of an axis is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AxisKind {
    /// `..`: axes that only a call says.
    Rest,
    /// When the program runs.
    Free,
    /// When the program runs, for each place along another axis by itself: `T[B]`.
    Ragged {
        /// The name of the other axis.
        over: &'static str,
    },
    /// When the program is compiled, but not where the definition stands.
    Static,
    /// Where it is written.
    Known,
}

impl Axis {
    /// The axes that `..` stands for.
    pub fn rest() -> Self {
        Axis { name: "..".to_owned(), size: String::new(), length: 1, kind: AxisKind::Rest, declared: true }
    }

    pub fn is_rest(&self) -> bool {
        self.kind == AxisKind::Rest
    }

    /// Whether weights can have it.
    pub fn is_static(&self) -> bool {
        matches!(self.kind, AxisKind::Static | AxisKind::Known)
    }

    /// Whether it is one of rows, whose length, or lengths, come with the inputs.
    pub fn is_input(&self) -> bool {
        (self.kind == AxisKind::Free || self.is_ragged()) && self.declared && self.size == self.name
    }

    /// Whether it is one of rows, with one length.
    pub fn is_free(&self) -> bool {
        self.is_input() && !self.is_ragged()
    }

    pub fn is_known(&self) -> bool {
        self.kind == AxisKind::Known
    }

    /// The axis that its size depends on, if it has not one size.
    pub fn over(&self) -> Option<&'static str> {
        match self.kind {
            AxisKind::Ragged { over } => Some(over),
            _ => None,
        }
    }

    pub fn is_ragged(&self) -> bool {
        self.over().is_some()
    }

    /// Whether entries along it can be moved: it has one size.
    pub fn is_even(&self) -> bool {
        !self.is_rest() && !self.is_ragged()
    }
}

/// How many entries along some axes are not zero, at most.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Bound {
    pub count: usize,
    pub axes: Vec<String>,
}

/// A value in scope.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Value {
    /// Its name, or an expression that may stand anywhere.
    pub text: String,
    pub element: Element,
    /// In the order in which they are written.
    pub axes: Vec<Axis>,
    pub bits: Bits,
    pub bounds: Vec<Bound>,
    /// Whole numbers from 0 to below this.
    pub below: Option<usize>,
}

impl Value {
    pub fn has(&self, axis: &str) -> bool {
        self.axes.iter().any(|own| own.name == axis)
    }

    pub fn open(&self) -> bool {
        self.axes.iter().any(Axis::is_rest)
    }

    /// The axes whose size depends on another.
    pub fn ragged(&self) -> Vec<Axis> {
        ragged(&self.axes)
    }

    /// Whether the axes can be indexed by their places: open axes only in front.
    pub fn is_indexable(&self) -> bool {
        self.axes.iter().skip(1).all(|axis| !axis.is_rest())
    }

    /// The value at indices of some axes: `g[_, e]`.
    pub fn at(&self, indices: &[(&str, &str)]) -> String {
        let mut places: Vec<&str> = self
            .axes
            .iter()
            .map(|axis| {
                let found = indices.iter().find(|(name, _)| *name == axis.name);
                found.map_or(if axis.is_rest() { ".." } else { "_" }, |(_, index)| index)
            })
            .collect();
        while places.last() == Some(&"_") {
            places.pop();
        }
        if places.iter().all(|place| *place == "..") {
            return self.text.clone();
        }
        format!("{}[{}]", self.text, places.join(", "))
    }

    /// As a type: `f32[N, 2 of E]`.
    pub fn type_text(&self) -> String {
        type_text(self.element, &self.axes, &self.bounds)
    }
}

/// The axes whose size depends on another.
pub(crate) fn ragged(axes: &[Axis]) -> Vec<Axis> {
    axes.iter().filter(|axis| axis.is_ragged()).cloned().collect()
}

/// Whether all axes have a size beside each other.
pub(crate) fn is_whole(axes: &[Axis]) -> bool {
    axes.iter().filter_map(Axis::over).all(|over| axes.iter().any(|axis| axis.name == over))
}

/// A type as it is written.
pub(crate) fn type_text(element: Element, axes: &[Axis], bounds: &[Bound]) -> String {
    if axes.is_empty() {
        return element.name().to_owned();
    }
    let mut places: Vec<String> = Vec::new();
    let mut joint = false;
    let rest_first =
        axes.iter().filter(|axis| axis.is_rest()).chain(axes.iter().filter(|axis| !axis.is_rest()));
    for axis in rest_first {
        let bound = bounds.iter().find(|bound| bound.axes.contains(&axis.name));
        match bound {
            Some(bound) if bound.axes.len() > 1 => {
                if !joint {
                    places.push(format!("{} of ({})", bound.count, bound.axes.join(", ")));
                }
                joint = true;
            }
            Some(bound) => places.push(format!("{} of {}", bound.count, axis.name)),
            None => places.push(match axis.over() {
                Some(over) => format!("{}[{over}]", axis.name),
                None => axis.name.clone(),
            }),
        }
    }
    format!("{}[{}]", element.name(), places.join(", "))
}
