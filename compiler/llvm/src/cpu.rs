//! Processors: their names, and what they can do.

use crate::error::LlvmError;
use crate::probe;
use inkwell::targets::{CodeModel, InitializationConfig, RelocMode, Target, TargetMachine, TargetTriple};
use inkwell::OptimizationLevel;

/// Names of x86-64 processors that LLVM knows, apart from those without 64 bits or without a product in use.
const X86: &[&str] = &[
    "x86-64",
    "x86-64-v2",
    "x86-64-v3",
    "x86-64-v4",
    "core2",
    "penryn",
    "nehalem",
    "westmere",
    "sandybridge",
    "ivybridge",
    "haswell",
    "broadwell",
    "skylake",
    "skylake-avx512",
    "cascadelake",
    "cooperlake",
    "cannonlake",
    "icelake-client",
    "icelake-server",
    "tigerlake",
    "rocketlake",
    "alderlake",
    "raptorlake",
    "meteorlake",
    "arrowlake",
    "arrowlake-s",
    "lunarlake",
    "pantherlake",
    "sapphirerapids",
    "emeraldrapids",
    "graniterapids",
    "graniterapids-d",
    "diamondrapids",
    "silvermont",
    "goldmont",
    "goldmont-plus",
    "tremont",
    "gracemont",
    "sierraforest",
    "grandridge",
    "clearwaterforest",
    "k8",
    "amdfam10",
    "barcelona",
    "btver1",
    "btver2",
    "bdver1",
    "bdver2",
    "bdver3",
    "bdver4",
    "znver1",
    "znver2",
    "znver3",
    "znver4",
    "znver5",
];

/// Names of 64-bit Arm processors that LLVM knows; `aarch64` is what all of them have.
const AARCH64: &[&str] = &[
    "aarch64",
    "cortex-a53",
    "cortex-a55",
    "cortex-a57",
    "cortex-a72",
    "cortex-a73",
    "cortex-a75",
    "cortex-a76",
    "cortex-a77",
    "cortex-a78",
    "cortex-x1",
    "cortex-x2",
    "cortex-x3",
    "cortex-x4",
    "neoverse-n1",
    "neoverse-n2",
    "neoverse-v1",
    "neoverse-v2",
    "neoverse-v3",
    "ampere1",
    "ampere1a",
    "apple-m1",
    "apple-m2",
    "apple-m3",
    "apple-m4",
];

/// A processor to write code for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cpu {
    /// The name it was asked for by.
    name: String,
    /// LLVM's name for it.
    model: String,
    /// Features beyond the model's, in LLVM's form; only the machine itself has some.
    features: String,
    triple: String,
}

/// What a processor can do, as LLVM compiles for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// The processor's name, for messages.
    pub cpu: String,
    /// The bytes of a vector register.
    pub vector_bytes: u32,
    /// How many vector registers there are.
    pub vector_registers: u32,
    /// Whether `a * b + c` with one rounding is one instruction.
    pub fused_multiply_add: bool,
    /// Whether floats are rounded to integers by an instruction.
    pub rounding: bool,
    /// Whether `f16` is converted from and to `f32` by instructions.
    pub half_conversion: bool,
    /// Whether products of pairs of `bf16` are summed by an instruction.
    pub bf16_pairs: bool,
    /// Whether products of pairs of 16-bit integers are added to one another by an instruction.
    pub word_pairs: bool,
    /// Whether products of four unsigned by four signed bytes are added to a sum by an instruction.
    pub byte_quads: bool,
}

impl Cpu {
    /// The processor of a name: `native`, a level such as `x86-64-v3`, or a name that LLVM knows.
    ///
    /// # Errors
    /// [`LlvmError::UnknownCpu`], with names that would do.
    pub fn named(name: &str) -> Result<Cpu, LlvmError> {
        let (model, features, triple) = match name {
            "native" => (host_model(), host_features(), default_triple()),
            "aarch64" => ("generic".to_owned(), String::new(), "aarch64-unknown-linux-gnu".to_owned()),
            _ if X86.contains(&name) => {
                (name.to_owned(), String::new(), "x86_64-unknown-linux-gnu".to_owned())
            }
            _ if AARCH64.contains(&name) => {
                (name.to_owned(), String::new(), "aarch64-unknown-linux-gnu".to_owned())
            }
            _ => return Err(LlvmError::UnknownCpu { name: name.to_owned(), hint: hint(name) }),
        };
        Ok(Cpu { name: name.to_owned(), model, features, triple })
    }

    /// The name it was asked for by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All names but `native`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        X86.iter().chain(AARCH64).copied()
    }

    /// What it can do.
    ///
    /// # Errors
    /// If LLVM has no back end for it.
    pub fn capabilities(&self) -> Result<Capabilities, LlvmError> {
        probe::capabilities(self)
    }

    /// Whether it is a 64-bit Arm processor.
    pub(crate) fn is_aarch64(&self) -> bool {
        self.triple.starts_with("aarch64") || self.triple.starts_with("arm64")
    }

    /// LLVM's back end for it, with position-independent code.
    pub(crate) fn machine(&self) -> Result<TargetMachine, LlvmError> {
        let refused = |what: String| LlvmError::Refused { stage: "choosing the back end", what };
        if self.is_aarch64() {
            Target::initialize_aarch64(&InitializationConfig::default());
        } else {
            Target::initialize_x86(&InitializationConfig::default());
        }
        let triple = TargetTriple::create(&self.triple);
        let target = Target::from_triple(&triple).map_err(|error| refused(error.to_string()))?;
        let level = OptimizationLevel::Aggressive;
        target
            .create_target_machine(
                &triple,
                &self.model,
                &self.features,
                level,
                RelocMode::PIC,
                CodeModel::Default,
            )
            .ok_or_else(|| refused(format!("there is none for {} ({})", self.name, self.triple)))
    }
}

fn host_model() -> String {
    TargetMachine::get_host_cpu_name().to_string()
}

fn host_features() -> String {
    TargetMachine::get_host_cpu_features().to_string()
}

fn default_triple() -> String {
    TargetMachine::get_default_triple().as_str().to_string_lossy().into_owned()
}

/// What to write instead of an unknown name.
fn hint(name: &str) -> String {
    let general = "native, x86-64, x86-64-v2, x86-64-v3, x86-64-v4 and aarch64";
    let near: Vec<&str> =
        Cpu::names().filter(|known| !general.contains(known) && close(known, name)).take(5).collect();
    if near.is_empty() {
        format!("there are {general}, and names of processors such as skylake-avx512 and znver4")
    } else {
        format!("did you mean {}? There are also {general}", near.join(", "))
    }
}

/// Whether two names differ by little: one begins with the other, or they are equal but for punctuation and case.
fn close(known: &str, name: &str) -> bool {
    let plain =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let (known, name) = (plain(known), plain(name));
    name.len() >= 3 && (known.starts_with(&name) || name.starts_with(&known))
}
