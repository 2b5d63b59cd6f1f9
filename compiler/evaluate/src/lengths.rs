//! How long axes are while running.

use crate::error::EvaluateError;
use moe_graph::{AxisId, Function, Size};
use std::collections::BTreeMap;

/// The free sizes and the lengths of axes of one call of a function.
#[derive(Clone, Default)]
pub(crate) struct Lengths {
    symbols: BTreeMap<String, i64>,
    axes: BTreeMap<AxisId, usize>,
}

impl Lengths {
    /// With the free sizes of a caller, which hold where the function's own parameters do not say otherwise.
    pub fn inherit(caller: &Lengths) -> Self {
        Lengths { symbols: caller.symbols.clone(), axes: BTreeMap::new() }
    }

    /// Sets the length of an axis, and the free size that is its size by itself. False if it had another.
    pub fn bind(&mut self, axis: AxisId, length: usize) -> bool {
        *self.axes.entry(axis).or_insert(length) == length
    }

    /// Sets a free size.
    pub fn bind_symbol(&mut self, name: &str, value: usize) {
        self.symbols.insert(name.to_owned(), i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// A free size.
    pub fn symbol(&self, name: &str) -> Option<i64> {
        self.symbols.get(name).copied()
    }

    /// The value of a size.
    pub fn size(&self, size: &Size) -> Option<i64> {
        size.evaluate(&|name| self.symbol(name))
    }

    /// The value of a size that counts something.
    pub fn count(&self, size: &Size) -> Result<usize, EvaluateError> {
        self.size(size)
            .and_then(|value| usize::try_from(value).ok())
            .ok_or_else(|| EvaluateError::Length { axis: "count".to_owned(), size: size.to_string() })
    }

    /// The length of an axis, if it is known by now.
    pub fn known(&self, function: &Function, axis: AxisId) -> Option<usize> {
        if let Some(length) = self.axes.get(&axis) {
            return Some(*length);
        }
        let axis = function.axis(axis)?;
        (!axis.ragged).then(|| self.size(&axis.size).and_then(|value| usize::try_from(value).ok()))?
    }

    /// The length of an axis.
    pub fn of(&self, function: &Function, axis: AxisId) -> Result<usize, EvaluateError> {
        self.known(function, axis).ok_or_else(|| {
            let found = function.axis(axis);
            EvaluateError::Length {
                axis: found.map_or_else(|| format!("#{}", axis.0), |axis| axis.name.clone()),
                size: found.map_or_else(String::new, |axis| axis.size.to_string()),
            }
        })
    }
}
