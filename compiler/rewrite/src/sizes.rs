//! Free sizes given numbers, so that forms can be compared.

use crate::Options;
use moe_graph::{Module, Size};
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
    /// The sizes of the options.
    pub fn usual(module: &Module, options: &Options) -> Self {
        Nominal::at(module, &options.sizes, options.default_size)
    }

    /// Free sizes of a module where some are given: offsets have as many rows as if stretches were half as long as the longest, every
    /// other size is `default`.
    pub fn at(module: &Module, given: &BTreeMap<String, i64>, default: i64) -> Self {
        let mut nominal = Nominal { sizes: given.clone(), default };
        let Some(entry) = module.entry() else { return nominal };
        for offsets in &module.offsets {
            let parameter = entry.parameters.get(offsets.parameter as usize);
            let ends = parameter.and_then(|parameter| parameter.ty.axes.first());
            let (Some(rows), Some(ends)) = (offsets.rows.as_symbol(), ends) else { continue };
            let count = nominal.value(&entry.size(*ends)) - 1.0;
            let half = nominal.value(&Size::symbol(&offsets.longest)) / 2.0;
            nominal.sizes.entry(rows.to_owned()).or_insert((count * half).max(1.0) as i64);
        }
        nominal
    }

    /// The size as a number; not below 0.
    pub fn value(&self, size: &Size) -> f64 {
        let lookup = |name: &str| Some(self.sizes.get(name).copied().unwrap_or(self.default));
        size.evaluate(&lookup).unwrap_or(i64::MAX).max(0) as f64
    }
}
