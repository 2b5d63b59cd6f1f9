//! The processors that code is written for, as far as schedules depend on them.

use moe_kernel::Target;

/// The processor that this program runs on.
pub const NATIVE: &str = "native";

/// What schedules must know of an x86 level, or of the processor that this runs on; `None` for a name that only LLVM may know.
pub fn target(cpu: &str) -> Option<Target> {
    Some(match cpu {
        NATIVE => native(),
        "x86-64" | "x86-64-v2" => {
            Target { vector_bytes: 16, vector_registers: 16, fused_multiply_add: false, pairs: false }
        }
        "x86-64-v3" => {
            Target { vector_bytes: 32, vector_registers: 16, fused_multiply_add: true, pairs: false }
        }
        "x86-64-v4" => {
            Target { vector_bytes: 64, vector_registers: 32, fused_multiply_add: true, pairs: false }
        }
        _ => return None,
    })
}

#[cfg(target_arch = "x86_64")]
fn native() -> Target {
    use std::is_x86_feature_detected as has;
    let fused_multiply_add = has!("fma");
    if has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
        Target { vector_bytes: 64, vector_registers: 32, fused_multiply_add, pairs: has!("avx512bf16") }
    } else if has!("avx2") {
        Target { vector_bytes: 32, vector_registers: 16, fused_multiply_add, pairs: false }
    } else {
        Target { vector_bytes: 16, vector_registers: 16, fused_multiply_add, pairs: false }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn native() -> Target {
    Target { vector_bytes: 16, vector_registers: 32, fused_multiply_add: true, pairs: false }
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
