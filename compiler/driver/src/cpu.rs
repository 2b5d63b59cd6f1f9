//! The processors that code is written for, as far as schedules depend on them.

use moe_kernel::Target;

/// The processor that this program runs on.
pub const NATIVE: &str = "native";

/// What schedules must know of an x86 level, or of the processor that this runs on; `None` for a name that only LLVM may know.
pub fn target(cpu: &str) -> Option<Target> {
    Some(match cpu {
        NATIVE => native(),
        "x86-64" | "x86-64-v2" => x86(16, false),
        "x86-64-v3" => x86(32, true),
        "x86-64-v4" => x86(64, true),
        _ => return None,
    })
}

/// An x86 processor with vectors of so many bytes: all have products of pairs of 16-bit integers.
fn x86(vector_bytes: u32, fused_multiply_add: bool) -> Target {
    let vector_registers = if vector_bytes == 64 { 32 } else { 16 };
    Target { word_pairs: true, ..Target::new(vector_bytes, vector_registers, fused_multiply_add) }
}

#[cfg(target_arch = "x86_64")]
fn native() -> Target {
    use std::is_x86_feature_detected as has;
    let fused_multiply_add = has!("fma");
    if has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
        let (bf16_pairs, byte_quads) = (has!("avx512bf16"), has!("avx512vnni"));
        Target { bf16_pairs, byte_quads, ..x86(64, fused_multiply_add) }
    } else if has!("avx2") {
        Target { byte_quads: has!("avxvnni"), ..x86(32, fused_multiply_add) }
    } else {
        x86(16, fused_multiply_add)
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn native() -> Target {
    Target::new(16, 32, true)
}

/// What distinguishes machines for which `cpu` may mean different code.
pub fn identity(cpu: &str) -> String {
    if cpu != NATIVE {
        return cpu.to_owned();
    }
    format!("{cpu} {} {}", std::env::consts::ARCH, features().join(" "))
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    macro_rules! detected {
        ($($name:tt)*) => { vec![$(($name, std::is_x86_feature_detected!($name))),*] };
    }
    let known = detected!("sse4.1" "sse4.2" "avx" "avx2" "fma" "f16c" "bmi1" "bmi2" "lzcnt" "popcnt" "avx512f" "avx512bw" "avx512cd"
        "avx512dq" "avx512vl" "avx512vnni" "avx512bf16" "avx512fp16" "avxvnni" "gfni");
    known.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_grow() {
        let widths: Vec<u32> = ["x86-64", "x86-64-v3", "x86-64-v4"]
            .iter()
            .filter_map(|cpu| Some(target(cpu)?.vector_bytes))
            .collect();
        assert_eq!(widths, [16, 32, 64]);
        assert_eq!(target("no such processor"), None);
    }
}
