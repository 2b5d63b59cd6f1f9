//! A built library, called from C and from two threads at once.

use crate::person::{npy_f32, read_f32, safetensors, small_weights, Person, SMALL};
use std::path::Path;
use std::process::Command;

/// Opens the model, runs it on three rows from two threads at once, compares them, and prints the first's entries.
const CALLER: &str = r#"
#include "libsmall.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static moe_model *model;
static float results[2][9];
static const float rows[9] = {1, 2, 3, -1, 0.5f, 0.25f, 0, 0, 4};
static const uint64_t shape[2] = {3, 3};

static void *caller(void *argument) {
    moe_message message;
    moe_tensor input = {.element = MOE_F32, .rank = 2, .shape = shape, .data = (void *)rows};
    moe_tensor output = {.element = MOE_F32, .rank = 2, .shape = shape, .data = argument};
    for (int round = 0; round < 200; round++) {
        moe_context *context = 0;
        if (small_context_open(model, 1, &context, &message) != MOE_OK) goto failed;
        if (small_context_run_into(context, &input, 1, &output, 1, &message) != MOE_OK) goto failed;
        small_context_close(context);
    }
    return 0;
failed:
    fprintf(stderr, "%s: %s\n", message.code, message.text);
    return argument;
}

int main(int count, char **arguments) {
    moe_message message;
    if (small_model_open("no such file", 1, &model, &message) == MOE_OK || !message.text[0]) return 3;
    if (count < 2 || small_model_open(arguments[1], 1, &model, &message) != MOE_OK) {
        fprintf(stderr, "%s: %s\n", message.code, message.text);
        return 2;
    }
    pthread_t other;
    pthread_create(&other, 0, caller, results[1]);
    void *here = caller(results[0]), *there;
    pthread_join(other, &there);
    if (here || there || memcmp(results[0], results[1], sizeof results[0])) return 1;
    for (int i = 0; i < 9; i++) printf("%.9g\n", results[0][i]);
    small_model_close(model);
    return 0;
}
"#;

#[test]
fn a_library_is_called_from_c_by_two_threads() {
    let person = Person::new();
    person.write("small.moe", SMALL);
    person.write("w.safetensors", safetensors(&small_weights()));
    person.write("x.npy", npy_f32(&[3, 3], &[1.0, 2.0, 3.0, -1.0, 0.5, 0.25, 0.0, 0.0, 4.0]));
    person.moe(&["build", "small.moe", "--lib", "-o", "libsmall.so", "--backend", "cranelift"]).fine();
    person.write("caller.c", CALLER);
    let flags = std::env::var("CFLAGS").unwrap_or_default();
    let built = Command::new("cc")
        .args(flags.split_whitespace())
        .args([
            "-O1",
            "-Wall",
            "-Werror",
            "-o",
            "caller",
            "caller.c",
            "-L.",
            "-lsmall",
            "-lpthread",
            "-Wl,-rpath,.",
        ])
        .current_dir(person.folder.path())
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let said = person.run(&person.path("caller"), &["w.safetensors"]).fine();
    let found: Vec<f32> = said.out.lines().map(|line| line.parse().unwrap()).collect();
    let arguments = [
        "run",
        "small.moe",
        "--backend",
        "reference",
        "--weights",
        "w.safetensors",
        "--input",
        "x.npy",
        "--output",
        "y.npy",
    ];
    person.moe(&arguments).fine();
    for (a, b) in found.iter().zip(read_f32(&person.path("y.npy"))) {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{a} {b}");
    }
}

/// The same from Python, whose interpreter lets go of its lock while a foreign function runs.
const PYTHON: &str = r#"
import ctypes
import sys
import threading

library = ctypes.CDLL("./libsmall.so")
Words = ctypes.c_char * 1024


class Tensor(ctypes.Structure):
    _fields_ = [
        ("element", ctypes.c_int32),
        ("rank", ctypes.c_uint32),
        ("shape", ctypes.POINTER(ctypes.c_uint64)),
        ("data", ctypes.POINTER(ctypes.c_float)),
    ]


def check(status, message):
    if status != 0:
        sys.exit(bytes(message).decode(errors="replace"))


message = Words()
model = ctypes.c_void_p()
check(library.small_model_open(sys.argv[1].encode(), ctypes.c_uint32(1), ctypes.byref(model), message), message)
rows = (ctypes.c_float * 9)(1, 2, 3, -1, 0.5, 0.25, 0, 0, 4)
shape = (ctypes.c_uint64 * 2)(3, 3)
results = [(ctypes.c_float * 9)(), (ctypes.c_float * 9)()]
done = []


def caller(result):
    message = Words()
    given, made = Tensor(1, 2, shape, rows), Tensor(1, 2, shape, result)
    for _ in range(200):
        context = ctypes.c_void_p()
        check(library.small_context_open(model, ctypes.c_uint32(1), ctypes.byref(context), message), message)
        run = library.small_context_run_into
        check(run(context, ctypes.byref(given), ctypes.c_uint64(1), ctypes.byref(made), ctypes.c_uint64(1), message), message)
        library.small_context_close(context)
    done.append(True)


threads = [threading.Thread(target=caller, args=(result,)) for result in results]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
library.small_model_close(model)
if len(done) != 2 or list(results[0]) != list(results[1]):
    sys.exit("two threads gave different results")
for entry in results[0]:
    print(repr(entry))
"#;

#[test]
fn a_library_is_called_from_python_by_two_threads() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("left out: there is no python3 here");
        return;
    }
    let person = Person::new();
    person.write("small.moe", SMALL);
    person.write("w.safetensors", safetensors(&small_weights()));
    person.write("x.npy", npy_f32(&[3, 3], &[1.0, 2.0, 3.0, -1.0, 0.5, 0.25, 0.0, 0.0, 4.0]));
    person.moe(&["build", "small.moe", "--lib", "-o", "libsmall.so", "--backend", "cranelift"]).fine();
    person.write("caller.py", PYTHON);
    let said = person.run(Path::new("python3"), &["caller.py", "w.safetensors"]).fine();
    let found: Vec<f32> = said.out.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(found.len(), 9);
    let given = ["--weights", "w.safetensors", "--input", "x.npy", "--output", "y.npy"];
    person.moe(&[&["run", "small.moe", "--backend", "reference"], &given[..]].concat()).fine();
    for (a, b) in found.iter().zip(read_f32(&person.path("y.npy"))) {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{a} {b}");
    }
}
