//! Kernels for a processor of another kind, by an emulator: one program calls all of them.

use crate::agree::Case;
use moe_kernel::Kernel;
use std::fs::{write, File};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// The processors that an emulator stands for.
pub const CPU: &str = "aarch64";
const COMPILER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";

/// Reads for each kernel what it is called with, and writes its status and its buffers; `KERNELS` names them.
const MAIN: &str = "
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef int32_t kernel(uint8_t *const *, const int64_t *, int64_t, int64_t);
#define DECLARED(name) extern kernel name;
#define NAMED(name) name,
KERNELS(DECLARED)
static kernel *const kernels[] = {KERNELS(NAMED)};

static void bytes(void *to, size_t count) {
    if (fread(to, 1, count, stdin) != count) exit(2);
}

static int64_t number(void) {
    int64_t value;
    bytes(&value, sizeof value);
    return value;
}

int main(void) {
    for (size_t place = 0; place < sizeof kernels / sizeof *kernels; place++) {
        int64_t sizes[64], lengths[64], begin = number(), end = number(), count = number();
        uint8_t *buffers[64];
        for (int64_t index = 0; index < count; index++) sizes[index] = number();
        count = number();
        for (int64_t index = 0; index < count; index++) {
            lengths[index] = number();
            buffers[index] = malloc(lengths[index] + 1);
            bytes(buffers[index], lengths[index]);
        }
        int32_t status = kernels[place](buffers, sizes, begin, end);
        fwrite(&status, sizeof status, 1, stdout);
        for (int64_t index = 0; index < count; index++) fwrite(buffers[index], 1, lengths[index], stdout);
    }
    return 0;
}
";

/// Whether there is an emulator, and what makes programs for it.
pub fn is_there() -> bool {
    static IS_THERE: LazyLock<bool> = LazyLock::new(|| {
        [COMPILER, EMULATOR].iter().all(|name| {
            let status = Command::new(name).arg("--version").stdout(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        })
    });
    *IS_THERE
}

/// The status of each case and what its buffers hold then.
pub fn run(cases: &[Case]) -> Vec<(i32, Vec<Vec<u8>>)> {
    let folder = tempfile::tempdir().unwrap();
    let [object, source, program, given] =
        ["kernels.o", "main.c", "program", "given"].map(|name| folder.path().join(name));
    let kernels: Vec<Kernel> = cases.iter().map(|case| case.kernel.clone()).collect();
    write(&object, moe_llvm::object(&kernels, CPU).unwrap_or_else(|error| panic!("{error}"))).unwrap();
    let names: String = kernels.iter().map(|kernel| format!(" each({})", kernel.name)).collect();
    write(&source, format!("#define KERNELS(each){names}\n{MAIN}")).unwrap();
    let compiled =
        Command::new(COMPILER).args(["-static", "-O1", "-o"]).args([&program, &source, &object]).status();
    assert!(compiled.unwrap().success());
    write(&given, cases.iter().flat_map(arguments).collect::<Vec<u8>>()).unwrap();
    let output = Command::new(EMULATOR).arg(&program).stdin(File::open(&given).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut rest = output.stdout.as_slice();
    let mut taken = |count: usize| {
        let (first, left) = rest.split_at(count);
        rest = left;
        first.to_vec()
    };
    let result = |case: &Case| {
        let status = i32::from_le_bytes(taken(4).try_into().unwrap());
        (status, case.buffers.iter().map(|buffer| taken(buffer.len())).collect())
    };
    cases.iter().map(result).collect()
}

/// What the program reads of a case.
fn arguments(case: &Case) -> Vec<u8> {
    let counted = |count: usize| i64::try_from(count).unwrap().to_le_bytes();
    let mut bytes = [case.begin, case.end].map(i64::to_le_bytes).concat();
    bytes.extend(counted(case.sizes.len()));
    bytes.extend(case.sizes.iter().flat_map(|size| size.to_le_bytes()));
    bytes.extend(counted(case.buffers.len()));
    for buffer in &case.buffers {
        bytes.extend(counted(buffer.len()));
        bytes.extend(buffer);
    }
    bytes
}
