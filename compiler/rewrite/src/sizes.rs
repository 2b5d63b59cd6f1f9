//! Free sizes given numbers, so that forms can be compared.

use moe_graph::Size;
use std::collections::BTreeMap;

/// The sizes that the cost is worked out at.
#[derive(Clone, Debug)]
pub struct Nominal {
    /// Free sizes by name.
    pub sizes: BTreeMap<String, i64>,
    /// Every other free size.
    pub default: i64,
}

impl Default for Nominal {
    fn default() -> Self {
        Nominal { sizes: BTreeMap::new(), default: 128 }
    }
}

impl Nominal {
    /// The size as a number; not below 0.
    pub fn value(&self, size: &Size) -> f64 {
        let lookup = |name: &str| Some(self.sizes.get(name).copied().unwrap_or(self.default));
        size.evaluate(&lookup).unwrap_or(i64::MAX).max(0) as f64
    }
}
