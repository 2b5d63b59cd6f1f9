//! Which processor code is written for.

use crate::error::CraneliftError;
use cranelift::codegen::isa::{self, OwnedTargetIsa};
use cranelift::codegen::settings::{self, Configurable, Flags};
use moe_kernel::Target;

/// Whether the code is for this process or for a file that is linked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    Memory,
    Object,
}

/// The levels of the x86-64 architecture, as the processor supplement of its ABI defines them, by Cranelift's settings.
const LEVELS: [(&str, &[&str]); 4] = [
    ("x86-64", &[]),
    ("x86-64-v2", &["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"]),
    ("x86-64-v3", &["has_avx", "has_avx2", "has_bmi1", "has_bmi2", "has_fma", "has_lzcnt"]),
    ("x86-64-v4", &["has_avx512dq", "has_avx512vl", "has_avx512f"]),
];

/// What a scheduler must know of Cranelift on this machine.
pub fn target() -> Target {
    let vector_registers = if cfg!(target_arch = "aarch64") { 32 } else { 16 };
    Target::new(16, vector_registers, has_fused_multiply_add())
}

#[cfg(target_arch = "x86_64")]
fn has_fused_multiply_add() -> bool {
    std::is_x86_feature_detected!("fma")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_fused_multiply_add() -> bool {
    cfg!(target_arch = "aarch64")
}

/// The instruction set of a processor: `native`, or a level of x86-64.
pub(crate) fn instructions(cpu: &str, destination: Destination) -> Result<OwnedTargetIsa, CraneliftError> {
    let host = |message: &str| CraneliftError::Host(message.to_string());
    let builder = match cpu {
        "native" => cranelift_native::builder().map_err(host)?,
        _ => level(cpu)?,
    };
    builder.finish(flags(destination)?).map_err(|error| CraneliftError::Host(error.to_string()))
}

fn level(cpu: &str) -> Result<isa::Builder, CraneliftError> {
    let unknown = || CraneliftError::Processor { name: cpu.to_string() };
    let level = LEVELS.iter().position(|(name, _)| *name == cpu).ok_or_else(unknown)?;
    let mut builder = isa::lookup_by_name("x86_64-unknown-linux-gnu")
        .map_err(|error| CraneliftError::Host(error.to_string()))?;
    for setting in LEVELS.iter().take(level + 1).flat_map(|(_, settings)| settings.iter()) {
        builder.enable(setting).map_err(|error| CraneliftError::Host(error.to_string()))?;
    }
    Ok(builder)
}

fn flags(destination: Destination) -> Result<Flags, CraneliftError> {
    let mut builder = settings::builder();
    let object = destination == Destination::Object;
    let verify = cfg!(debug_assertions);
    // Without Cranelift's optimizer: `prepare` says why.
    let chosen = [
        ("opt_level", "none"),
        ("is_pic", if object { "true" } else { "false" }),
        ("use_colocated_libcalls", "false"),
        ("enable_verifier", if verify { "true" } else { "false" }),
        ("unwind_info", if object { "true" } else { "false" }),
        ("enable_probestack", "false"),
    ];
    for (name, value) in chosen {
        builder.set(name, value).map_err(|error| CraneliftError::Host(error.to_string()))?;
    }
    Ok(Flags::new(builder))
}
