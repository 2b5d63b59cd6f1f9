//! Makes one `libMLIR-C.so` to link: Debian ships the C interface of MLIR as static parts only.
//!
//! The linker script groups the parts with the shared `libMLIR.so` and `libLLVM`, so that a process holds LLVM once.

use std::{env, error::Error, fs, path::Path, path::PathBuf};

const DEFAULT_PREFIX: &str = "/usr/lib/llvm-22";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=MLIR_SYS_220_PREFIX");
    let prefix = env::var("MLIR_SYS_220_PREFIX").unwrap_or_else(|_| DEFAULT_PREFIX.to_owned());
    let libraries = Path::new(&prefix).join("lib");
    let output = PathBuf::from(env::var("OUT_DIR")?);
    let parts = static_parts(&libraries)?.join(" ");
    let shared = libraries.display();
    let script = format!("GROUP({parts})\nINPUT({shared}/libMLIR.so {shared}/libLLVM-22.so)\n");
    fs::write(output.join("libMLIR-C.so"), script)?;
    println!("cargo:rustc-link-search=native={}", output.display());
    println!("cargo:rustc-link-arg=-Wl,-rpath,{shared}");
    Ok(())
}

/// The static parts of the C interface, sorted.
fn static_parts(libraries: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(libraries)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with("libMLIRCAPI") && name.ends_with(".a") {
            parts.push(path.display().to_string());
        }
    }
    parts.sort();
    Ok(parts)
}
