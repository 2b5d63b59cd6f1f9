//! The body of a definition in the making.

use super::inputs::Input;
use super::value::{Axis, Value};

/// What a body belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Function,
    Part,
    Model,
}

/// A static parameter that is a size, with its default.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Static {
    pub text: String,
}

/// A body in the making, and what its head must say.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Body {
    pub kind: Kind,
    pub lines: Vec<String>,
    pub values: Vec<Value>,
    pub statics: Vec<Static>,
    /// Parameters, as they are written; of a model, with what they hold.
    pub parameters: Vec<String>,
    pub inputs: Vec<Input>,
    /// How deep in braces statements stand.
    pub indent: usize,
    /// Whether it is inside a loop, where new inputs and static parameters may come about but no states of this body.
    pub in_loop: bool,
    pub stateful: bool,
}

impl Body {
    pub fn new(kind: Kind) -> Self {
        Body {
            kind,
            lines: Vec::new(),
            values: Vec::new(),
            statics: Vec::new(),
            parameters: Vec::new(),
            inputs: Vec::new(),
            indent: 1,
            in_loop: false,
            stateful: false,
        }
    }

    /// The axes of all values, each once.
    pub fn axes(&self) -> Vec<Axis> {
        let mut found: Vec<Axis> = Vec::new();
        for axis in self.values.iter().flat_map(|value| &value.axes) {
            if !found.iter().any(|own| own.name == axis.name) {
                found.push(axis.clone());
            }
        }
        found
    }

    /// Whether a statement reads a name.
    pub fn reads(&self, name: &str) -> bool {
        let letter =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        self.lines.iter().any(|line| {
            let right = line.find(" = ").map_or(0, |place| place + 3);
            let right = line.get(right..).unwrap_or_default();
            right.match_indices(name).any(|(place, _)| {
                let bytes = right.as_bytes();
                let before = place.checked_sub(1).and_then(|place| bytes.get(place));
                !letter(before) && !letter(bytes.get(place + name.len()))
            })
        })
    }
}
