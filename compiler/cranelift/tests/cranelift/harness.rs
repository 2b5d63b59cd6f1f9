//! Running kernels both ways and comparing every byte.

use moe_cranelift::{compile, object};
use moe_kernel::{interpret, print, Kernel};
use moe_runtime::program::KernelFunction;
use moe_runtime::Element;
use std::path::Path;

/// A kernel and what it is run on.
pub struct Case {
    pub kernel: Kernel,
    pub buffers: Vec<Vec<u8>>,
    pub sizes: Vec<i64>,
    pub range: [i64; 2],
}

impl Case {
    /// A kernel run over items `0..items`.
    pub fn new(kernel: Kernel, buffers: Vec<Vec<u8>>, sizes: &[i64], items: i64) -> Self {
        Case { kernel, buffers, sizes: sizes.to_vec(), range: [0, items] }
    }

    /// Fails unless the function does to the buffers what the interpreter does, and gives the same status.
    pub fn check(&self, function: KernelFunction) {
        let [begin, end] = self.range;
        let mut expected = self.buffers.clone();
        let status = interpret(&self.kernel, &mut expected, &self.sizes, begin, end);
        let status = status.unwrap_or_else(|error| panic!("{error}\n{}", print(&self.kernel)));
        // Behind each buffer, bytes that must stay as they are.
        let guard = [0xa5; 64];
        let mut found: Vec<Vec<u8>> =
            self.buffers.iter().map(|buffer| [buffer.as_slice(), &guard].concat()).collect();
        let addresses: Vec<*mut u8> = found.iter_mut().map(|buffer| buffer.as_mut_ptr()).collect();
        // SAFETY: the buffers are as long as the kernel needs, or the interpreter would have refused it.
        let given = unsafe { function(addresses.as_ptr(), self.sizes.as_ptr(), begin, end) };
        assert_eq!(given, status, "the status of\n{}", print(&self.kernel));
        for ((parameter, expected), found) in self.kernel.buffers.iter().zip(&expected).zip(&found) {
            let (found, behind) = found.split_at(expected.len());
            assert_eq!(behind, guard, "bytes behind `{}` in\n{}", parameter.name, print(&self.kernel));
            let bytes = parameter.element.bytes();
            for (entry, (expected, found)) in expected.chunks(bytes).zip(found.chunks(bytes)).enumerate() {
                let same = expected == found
                    || is_nan(parameter.element, expected) && is_nan(parameter.element, found);
                assert!(
                    same,
                    "entry {entry} of `{}` is {found:02x?}, not {expected:02x?}, in\n{}",
                    parameter.name,
                    print(&self.kernel)
                );
            }
        }
    }
}

/// Whether the bytes of an entry are a NaN. Which NaN an operation makes is not said.
fn is_nan(element: Element, bytes: &[u8]) -> bool {
    let bits = bytes.iter().rev().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    match element {
        Element::F64 => f64::from_bits(bits).is_nan(),
        Element::F32 => f32::from_bits(bits as u32).is_nan(),
        Element::Bf16 => bits & 0x7fff > 0x7f80,
        Element::F16 => bits & 0x7fff > 0x7c00,
        _ => false,
    }
}

/// Compiles all kernels into memory and checks each.
pub fn check_in_memory(cases: &[Case]) {
    let kernels: Vec<Kernel> = cases.iter().map(|case| case.kernel.clone()).collect();
    let code = compile(&kernels).unwrap();
    for (case, function) in cases.iter().zip(code.functions()) {
        case.check(function);
    }
}

/// In memory, and on x86-64 as code for its oldest processors too.
pub fn check_everywhere(cases: &[Case]) {
    check_in_memory(cases);
    if cfg!(target_arch = "x86_64") {
        check_linked(cases, "x86-64");
    }
}

/// Writes all kernels as an object for a processor, links it and checks each.
pub fn check_linked(cases: &[Case], cpu: &str) {
    let kernels: Vec<Kernel> = cases.iter().map(|case| case.kernel.clone()).collect();
    let folder = tempfile::tempdir().unwrap();
    let library = link(&object(&kernels, cpu).unwrap(), folder.path());
    for case in cases {
        // SAFETY: the symbol is a kernel's function; it is called while the library is loaded.
        let function = unsafe { *library.get::<KernelFunction>(case.kernel.name.as_bytes()).unwrap() };
        case.check(function);
    }
}

fn link(object: &[u8], folder: &Path) -> libloading::Library {
    let (source, library) = (folder.join("kernels.o"), folder.join("kernels.so"));
    std::fs::write(&source, object).unwrap();
    let linked = std::process::Command::new("cc")
        .args(["-shared", "-Wl,--fatal-warnings", "-o"])
        .args([&library, &source])
        .arg("-lm")
        .status()
        .unwrap();
    assert!(linked.success());
    // SAFETY: a library without code that runs when it is loaded.
    unsafe { libloading::Library::new(library).unwrap() }
}

/// The bytes of entries given as bits.
pub fn bytes_of(element: Element, bits: impl IntoIterator<Item = u64>) -> Vec<u8> {
    bits.into_iter().flat_map(|bits| bits.to_le_bytes().into_iter().take(element.bytes())).collect()
}

/// Values of an element type where operations change their ways, as bits.
pub fn extremes(element: Element) -> Vec<u64> {
    match element {
        Element::F64 => doubles().into_iter().map(f64::to_bits).collect(),
        Element::F32 => doubles().into_iter().map(|value| u64::from((value as f32).to_bits())).collect(),
        // Every exponent, with fractions of both ends, of both signs.
        Element::F16 | Element::Bf16 => {
            (0..0x1_0000).filter(|bits| matches!(bits & 0x7f, 0 | 1 | 0x7f)).collect()
        }
        Element::Bool => vec![0, 1],
        _ => integers(element),
    }
}

fn doubles() -> Vec<f64> {
    let positive = [
        0.0,
        f64::INFINITY,
        f64::NAN,
        1.0,
        0.1,
        0.5,
        1.5,
        2.5,
        3.0,
        127.5,
        128.0,
        255.4,
        256.0,
        65_519.9,
        65_520.0,
        8_388_609.0,
        16_777_217.0,
        2_147_483_647.0,
        2_147_483_648.0,
        4_294_967_295.0,
        4_294_967_296.0,
        9.3e18,
        1.9e19,
        1.000_488_281_25,
        1.000_488_281_250_1,
        1.003_906_25,
        1.003_906_250_1,
        6.1e-5,
        5.9e-8,
        2.98e-8,
        f64::from(f32::MAX),
        f64::from(f32::MIN_POSITIVE),
        1e-45,
        1e39,
        f64::MAX,
        5e-324,
    ];
    positive.into_iter().flat_map(|value| [value, -value]).collect()
}

fn integers(element: Element) -> Vec<u64> {
    let bits = element.bytes() as u32 * 8;
    let mask = u64::MAX >> (64 - bits);
    let sign = 1_u64 << (bits - 1);
    let values =
        [0, 1, 2, 3, 7, 10, 100, sign - 1, sign, sign + 1, mask, mask - 1, mask - 6, mask / 3, mask / 7 * 2];
    values.into_iter().map(|value| value & mask).collect()
}
