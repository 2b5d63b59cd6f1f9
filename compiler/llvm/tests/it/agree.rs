//! Machine code against the kernels' interpreter.

use crate::support::Loaded;
use crate::{emulated, numbers};
use moe_kernel::Kernel;

/// Processors that this machine can run code for, or has an emulator for.
pub fn processors() -> Vec<&'static str> {
    let mut processors = vec!["native"];
    #[cfg(target_arch = "x86_64")]
    {
        let v2 = is_x86_feature_detected!("sse4.2");
        let v3 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let v4 = is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512bw");
        processors.push("x86-64");
        for (there, name) in [(v2, "x86-64-v2"), (v3, "x86-64-v3"), (v4, "x86-64-v4")] {
            if there {
                processors.push(name);
            }
        }
    }
    if emulated::is_there() {
        processors.push(emulated::CPU);
    }
    processors
}

/// What a kernel is run with.
pub struct Case {
    pub kernel: Kernel,
    pub buffers: Vec<Vec<u8>>,
    pub sizes: Vec<i64>,
    pub begin: i64,
    pub end: i64,
}

/// Says where machine code and interpreter differ.
fn difference(case: &Case, (got, found): (i32, Vec<Vec<u8>>)) -> Option<String> {
    let Case { kernel, buffers, sizes, begin, end } = case;
    let mut expected = buffers.clone();
    let status = moe_kernel::interpret(kernel, &mut expected, sizes, *begin, *end).unwrap();
    if status != got {
        return Some(format!("{}: status {got}, not {status}", kernel.name));
    }
    for (parameter, (expected, found)) in kernel.buffers.iter().zip(expected.iter().zip(&found)) {
        let size = parameter.element.bytes();
        for (index, (expected, found)) in expected.chunks(size).zip(found.chunks(size)).enumerate() {
            if !numbers::equal(parameter.element, expected, found) {
                let (kernel, buffer) = (&kernel.name, &parameter.name);
                return Some(format!("{kernel}: {buffer}[{index}] is {found:02x?}, not {expected:02x?}"));
            }
        }
    }
    None
}

/// The status of each case and what its buffers hold then, by code in this process.
fn run(cases: &[Case], cpu: &str) -> Vec<(i32, Vec<Vec<u8>>)> {
    let kernels: Vec<Kernel> = cases.iter().map(|case| case.kernel.clone()).collect();
    let loaded = Loaded::new(&kernels, cpu);
    let result = |case: &Case| {
        let mut buffers = case.buffers.clone();
        let status = loaded.run(&case.kernel.name, &mut buffers, &case.sizes, case.begin, case.end);
        (status, buffers)
    };
    cases.iter().map(result).collect()
}

/// Compiles all kernels for a processor and compares each.
pub fn check(cases: &[Case], cpu: &str) {
    let results = if cpu == emulated::CPU { emulated::run(cases) } else { run(cases, cpu) };
    let differences: Vec<String> =
        cases.iter().zip(results).filter_map(|(case, result)| difference(case, result)).collect();
    assert!(differences.is_empty(), "on {cpu}:\n{}", differences.join("\n"));
}
