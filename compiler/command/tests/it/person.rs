//! What a person does at the keyboard: running the command and making files for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of one person's own, with the command at hand.
pub struct Person {
    pub folder: tempfile::TempDir,
}

/// What a command said and how it ended.
pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Said {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Said {
    /// It went well.
    #[track_caller]
    pub fn fine(self) -> Self {
        assert_eq!(self.status, 0, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// It ended with status 1, said each of `words` on standard error, and did not crash.
    #[track_caller]
    pub fn wrong(self, words: &[&str]) -> Self {
        assert_eq!(self.status, 1, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "`{word}` is not in:\n{}", self.err);
        }
        assert!(!self.err.contains("this is a bug"), "{}", self.err);
        self
    }
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

impl Person {
    pub fn new() -> Self {
        Person { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs `moe` in the folder.
    pub fn moe<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Said {
        self.run(Path::new(env!("CARGO_BIN_EXE_moe")), arguments)
    }

    /// Runs `moe` in a folder below that of a person.
    pub fn in_folder<S: AsRef<std::ffi::OsStr>>(folder: &Path, arguments: &[S]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_moe"));
        command.args(arguments).current_dir(folder).env_remove("MOE_THREADS").env_remove("MOE_MACHINE");
        command.env("MOE_CACHE", folder.join(".cache")).output().unwrap().into()
    }

    /// Runs any program in the folder.
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, program: &Path, arguments: &[S]) -> Said {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("MOE_THREADS")
            .env_remove("MOE_MACHINE");
        command.env("MOE_CACHE", self.path("cache")).output().unwrap().into()
    }

    /// Everything in the folder but the cache, by name.
    pub fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name != "cache")
            .collect();
        names.sort();
        names
    }
}

/// A `.npy` file of the type that numpy calls `descr`.
pub fn npy(descr: &str, fortran: bool, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let order = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({sizes}), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

/// A `.npy` file of `f32`.
pub fn npy_f32(shape: &[usize], entries: &[f32]) -> Vec<u8> {
    npy("<f4", false, shape, &entries.iter().flat_map(|entry| entry.to_le_bytes()).collect::<Vec<u8>>())
}

/// The entries of a `.npy` file of `f32`.
pub fn read_f32(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[10 + header..].chunks_exact(4).map(|chunk| f32::from_le_bytes(chunk.try_into().unwrap())).collect()
}

/// A `.safetensors` file: name, type, shape and bytes of each tensor.
pub fn safetensors(tensors: &[(&str, &str, &[usize], Vec<u8>)]) -> Vec<u8> {
    let mut header = Vec::new();
    let mut data = Vec::new();
    for (name, element, shape, bytes) in tensors {
        let begin = data.len();
        data.extend_from_slice(bytes);
        header.push(format!(
            "\"{name}\":{{\"dtype\":\"{element}\",\"shape\":{shape:?},\"data_offsets\":[{begin},{}]}}",
            data.len()
        ));
    }
    let header = format!("{{{}}}", header.join(","));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

/// So many `f32`, small and all different.
pub fn numbers(count: usize) -> Vec<u8> {
    (0..count).flat_map(|place| ((place % 13) as f32 * 0.25 - 1.0).to_le_bytes()).collect()
}

/// A mixture of 4 experts, small enough to look at.
pub const SMALL: &str = "moe 1
use std::expert::mlp::mlp
use std::gate::top_k::top_k

model Small[D = 3, E = 4, K = 2](x: f32[N, D]) -> f32[N, D] {
    part gate = top_k[E, K]
    part experts = [mlp[5]; E]
    let g: f32[N, K of E] = gate(x)
    x + sum e: E { g[_, e] * experts[e](x) }
}
";

/// The weights of [`SMALL`], as tensors of a file.
pub fn small_weights() -> Vec<(&'static str, &'static str, &'static [usize], Vec<u8>)> {
    vec![
        ("gate.weight", "F32", &[3, 4], numbers(12)),
        ("experts.up.weight", "F32", &[4, 3, 5], numbers(60)),
        ("experts.up.bias", "F32", &[4, 5], numbers(20)),
        ("experts.down.weight", "F32", &[4, 5, 3], numbers(60)),
        ("experts.down.bias", "F32", &[4, 3], numbers(12)),
    ]
}
