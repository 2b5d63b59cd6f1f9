//! Objects: their symbols, that they are the same each time, and what is refused.

use crate::text::axpy;
use moe_kernel::{Builder, Kernel, Operation, Statement, Target, Value, ValueType};
use moe_llvm::LlvmError;
use moe_runtime::Element;
use object::{Object, ObjectSymbol};
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Kernels enough for several parts: each fills its buffer with a number, by way of constants in memory.
fn many(count: usize) -> Vec<Kernel> {
    let one = |index: usize| {
        let mut build = Builder::new(format!("fill{index}"));
        let output = build.written("output", Element::F32);
        let (begin, end) = (build.begin(), build.end());
        build.for_each(begin, end, 1, |build, place| {
            let mut number = build.load(output, place, 1);
            for step in 0..20 {
                let constant = build.number(ValueType::scalar(Element::F32), (index * 100 + step) as f64);
                number = build.add(number, constant);
            }
            build.store(output, place, number);
        });
        build.finish().unwrap()
    };
    (0..count).map(one).collect()
}

#[test]
fn an_object_defines_its_kernels_and_needs_nothing() {
    for cpu in ["native", "x86-64", "x86-64-v4", "aarch64"] {
        let bytes = moe_llvm::object(&many(9), cpu).unwrap();
        let file = object::File::parse(bytes.as_slice()).unwrap();
        let mut global: Vec<&str> =
            file.symbols().filter(|symbol| symbol.is_global()).map(|symbol| symbol.name().unwrap()).collect();
        global.sort();
        let expected: Vec<String> = (0..9).map(|index| format!("fill{index}")).collect();
        assert_eq!(global, expected, "{cpu}");
    }
}

/// LLVM knows loops that copy and fill as `memcpy` and `memset`.
#[test]
fn copying_and_filling_call_nothing() {
    let mut build = Builder::new("copy");
    let (from, to) = (build.buffer("from", Element::U8), build.written("to", Element::U8));
    let filled = build.written("filled", Element::F32);
    let (begin, end, zero) = (build.begin(), build.end(), build.zero(ValueType::scalar(Element::F32)));
    build.for_each(begin, end, 1, |build, index| {
        let byte = build.load(from, index, 1);
        build.store(to, index, byte);
    });
    build.for_each(begin, end, 1, |build, index| build.store(filled, index, zero));
    let kernels = [build.finish().unwrap()];
    for cpu in ["native", "x86-64", "aarch64"] {
        assert!(moe_llvm::object(&kernels, cpu).is_ok());
    }
}

#[test]
fn parts_joined_run_as_one() {
    let kernels = many(9);
    let loaded = crate::support::Loaded::new(&kernels, "native");
    for (index, kernel) in kernels.iter().enumerate() {
        let mut buffers = [crate::support::bytes_of_f32(&[0.5; 5])];
        assert_eq!(loaded.run(&kernel.name, &mut buffers, &[], 1, 4), 0);
        let sum = (0..20).fold(0.5f32, |sum, step| sum + (index * 100 + step) as f32);
        assert_eq!(crate::support::f32_of_bytes(&buffers[0]), [0.5, sum, sum, sum, 0.5]);
    }
}

#[test]
fn the_same_kernels_give_the_same_bytes() {
    let kernels = many(12);
    let first = moe_llvm::object(&kernels, "native").unwrap();
    for _ in 0..3 {
        assert!(moe_llvm::object(&kernels, "native").unwrap() == first);
    }
}

#[test]
fn no_kernels_are_an_empty_object() {
    let bytes = moe_llvm::object(&[], "x86-64").unwrap();
    assert!(object::File::parse(bytes.as_slice()).unwrap().symbols().all(|symbol| !symbol.is_global()));
}

#[test]
fn an_unknown_processor_is_answered_with_names() {
    let general = "native, x86-64, x86-64-v2, x86-64-v3, x86-64-v4 and aarch64";
    for (name, hint) in [
        ("skylake-avx", format!("did you mean skylake, skylake-avx512? There are also {general}")),
        (
            "x86-64-v5",
            format!("there are {general}, and names of processors such as skylake-avx512 and znver4"),
        ),
        ("pdp11", format!("there are {general}, and names of processors such as skylake-avx512 and znver4")),
    ] {
        let error = moe_llvm::target(name).unwrap_err();
        assert_eq!(error.to_string(), format!("there is no processor `{name}` to write code for; {hint}"));
    }
}

#[test]
fn every_name_is_a_processor() {
    for name in moe_llvm::Cpu::names() {
        let Target { vector_bytes, vector_registers, .. } = moe_llvm::target(name).unwrap();
        assert!(matches!((vector_bytes, vector_registers), (16, 16 | 32) | (32, 16) | (64, 32)), "{name}");
    }
}

#[test]
fn what_processors_can_do() {
    let target = |name| moe_llvm::target(name).unwrap();
    let expected = |vector_bytes, vector_registers, fused_multiply_add| Target {
        word_pairs: true,
        ..Target::new(vector_bytes, vector_registers, fused_multiply_add)
    };
    assert_eq!(target("x86-64"), expected(16, 16, false));
    assert_eq!(target("x86-64-v2"), expected(16, 16, false));
    assert_eq!(target("ivybridge"), expected(32, 16, false));
    assert_eq!(target("x86-64-v3"), expected(32, 16, true));
    assert_eq!(target("skylake-avx512"), expected(64, 32, true));
    assert_eq!(target("cascadelake"), Target { byte_quads: true, ..expected(64, 32, true) });
    assert_eq!(target("alderlake"), Target { byte_quads: true, ..expected(32, 16, true) });
    assert_eq!(target("znver4"), Target { bf16_pairs: true, byte_quads: true, ..expected(64, 32, true) });
    assert_eq!(target("neoverse-n1"), Target::new(16, 32, true));
}

#[test]
fn a_product_sum_in_f64_needs_the_instruction() {
    let mut build = Builder::new("fused");
    let buffer = build.written("buffer", Element::F64);
    let zero = build.index(0);
    let value = build.load(buffer, zero, 2);
    let result = build.multiply_add(value, value, value);
    build.store(buffer, zero, result);
    let kernels = [build.finish().unwrap()];
    assert!(moe_llvm::object(&kernels, "x86-64-v3").is_ok());
    let error = moe_llvm::object(&kernels, "x86-64-v2").unwrap_err();
    assert!(matches!(error, LlvmError::Unsupported { .. }));
    let said = "kernel `fused`: the processor `x86-64-v2` cannot do a * b + c of f64, rounded once";
    assert_eq!(error.to_string(), said);
}

#[test]
fn a_malformed_kernel_is_refused() {
    let mut kernel = axpy();
    kernel.body.push(Statement::Define { value: Value(400), operation: Operation::Begin });
    assert!(matches!(moe_llvm::object(&[kernel], "native"), Err(LlvmError::Malformed(_))));
}

/// Runs `moe-codegen`.
fn command(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_moe-codegen"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may stop before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[test]
fn the_command_writes_what_the_library_does() {
    let kernels = vec![axpy()];
    let input = postcard::to_stdvec(&kernels).unwrap();
    let object = command(&["--cpu", "x86-64-v3"], &input);
    assert!(object.status.success());
    assert!(object.stdout == moe_llvm::object(&kernels, "x86-64-v3").unwrap());
    let mlir = command(&["--emit", "mlir", "--cpu", "x86-64-v3"], &input);
    assert_eq!(String::from_utf8(mlir.stdout).unwrap(), moe_llvm::mlir(&kernels, "x86-64-v3").unwrap());
    let llvm = command(&["--emit", "llvm", "--cpu", "x86-64-v3"], &input);
    assert!(String::from_utf8(llvm.stdout).unwrap().contains("@axpy("));
    let assembly = command(&["--emit", "asm", "--cpu", "x86-64-v3"], &input);
    assert!(String::from_utf8(assembly.stdout).unwrap().contains("axpy:"));
}

#[test]
fn the_command_tells_its_version_and_its_targets() {
    let version = command(&["--version"], &[]);
    let expected = format!(
        "moe-codegen {} format {}\n",
        env!("CARGO_PKG_VERSION"),
        moe_runtime::program::FORMAT_VERSION
    );
    assert_eq!(String::from_utf8(version.stdout).unwrap(), expected);
    let target = command(&["--target", "--cpu", "x86-64-v4"], &[]);
    let target: Target = postcard::from_bytes(&target.stdout).unwrap();
    assert_eq!(target, moe_llvm::target("x86-64-v4").unwrap());
}

#[test]
fn the_command_says_what_is_wrong() {
    let kernels = postcard::to_stdvec(&vec![axpy()]).unwrap();
    for (arguments, input, status, message) in [
        (vec!["--cpu", "pdp11"], kernels.as_slice(), 1, "there is no processor `pdp11`"),
        (vec![], &kernels[..20], 1, "standard input holds no kernels of this version"),
        (vec!["--emit", "poem"], &kernels, 2, "invalid value 'poem'"),
    ] {
        let output = command(&arguments, input);
        assert_eq!(output.status.code(), Some(status));
        assert!(output.stdout.is_empty());
        assert!(String::from_utf8(output.stderr).unwrap().contains(message), "{message}");
    }
}
