//! What `moe bench --tune` measured of products, in a file beside the source: `model.lock` for `model.moe`. Builds for the processor that it
//! was measured on cut products up as it says.

use crate::cpu::{identity, NATIVE};
use moe_diagnostics::{Diagnostic, Severity};
use moe_kernel::{Blocking, ProductShape, Tuning};
use moe_runtime::files::PendingFile;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What was measured, and where.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Lock {
    path: PathBuf,
    contents: Contents,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    about: String,
    /// What distinguishes the processor.
    processor: String,
    products: Vec<Entry>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Entry {
    product: ProductShape,
    blocking: Blocking,
}

const ABOUT: &str =
    "written by `moe bench --tune`: how products are cut up where this processor does them fastest";

impl Lock {
    /// The file beside a source; of nothing if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or is no such file.
    pub fn beside(source: &Path) -> Result<Lock, Diagnostic> {
        let path = source.with_extension("lock");
        if path == source || !path.exists() {
            return Ok(Lock { path, contents: Contents::default() });
        }
        let wrong = |why: String| {
            let message = format!("{} is not what `moe bench --tune` writes: {why}", path.display());
            Diagnostic::plain_error("E0021", message)
                .hint("`moe bench --tune` writes it anew; without it products are cut up as is usual")
        };
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let contents: Contents = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if let Some(entry) = contents.products.iter().find(|entry| !is_sound(&entry.blocking)) {
            return Err(wrong(format!("{:?} of {}", entry.blocking, entry.product)));
        }
        Ok(Lock { path, contents })
    }

    /// A file with what was measured on this processor.
    pub fn measured(source: &Path, tuning: &Tuning) -> Lock {
        let entry = |(product, blocking): (&ProductShape, &Blocking)| Entry {
            product: product.clone(),
            blocking: *blocking,
        };
        let products = tuning.iter().map(entry).collect();
        let contents = Contents { about: ABOUT.to_owned(), processor: identity(NATIVE), products };
        Lock { path: source.with_extension("lock"), contents }
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn store(&self) -> Result<(), Diagnostic> {
        let failed = |why: &dyn std::fmt::Display| {
            Diagnostic::plain_error("E0013", format!("cannot write {}: {why}", self.path.display()))
        };
        let text = serde_json::to_string_pretty(&self.contents).map_err(|error| failed(&error))? + "\n";
        PendingFile::whole(&self.path, text.as_bytes()).map_err(|error| failed(&error.message()))
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was measured on the processor at hand.
    pub fn tuning(&self) -> Tuning {
        if !self.is_of_here() {
            return Tuning::new();
        }
        self.contents.products.iter().map(|entry| (entry.product.clone(), entry.blocking)).collect()
    }

    fn is_of_here(&self) -> bool {
        self.contents.processor == identity(NATIVE)
    }

    /// That what was measured is of another processor, and not used.
    pub fn warning(&self) -> Option<Diagnostic> {
        if self.contents.products.is_empty() || self.is_of_here() {
            return None;
        }
        let message = format!("{} was measured on another processor and is not used", self.path.display());
        let warning =
            Diagnostic::plain_error("tuned-elsewhere", message).hint("`moe bench --tune` measures this one");
        Some(Diagnostic { severity: Severity::Warning, ..warning })
    }
}

/// Whether products can be cut up so.
fn is_sound(blocking: &Blocking) -> bool {
    let Blocking { vectors, panel_bytes, rows, ahead } = blocking;
    (1..=8).contains(vectors)
        && (1..=1 << 30).contains(panel_bytes)
        && (1..=1 << 16).contains(rows)
        && (0..=1 << 20).contains(ahead)
}
