//! The LLVM half of the compiler as a process of its own: kernels on standard input, code on standard output.

use clap::{Parser, ValueEnum};
use moe_kernel::Kernel;
use moe_runtime::program::FORMAT_VERSION;
use std::io::{Read, Write};
use std::process::ExitCode;

/// Writes machine code for kernels.
///
/// Standard input is the kernels as the compiler's other half writes them; the code goes to standard output.
#[derive(Parser, Debug)]
#[command(name = "moe-codegen", disable_version_flag = true)]
struct Arguments {
    /// Print the version of this program and of the form it reads.
    #[arg(long)]
    version: bool,
    /// What to write.
    #[arg(long, value_enum, default_value = "object")]
    emit: Emit,
    /// The processor: `native`, `x86-64-v3` and other levels, or a name that LLVM knows.
    #[arg(long, default_value = "native")]
    cpu: String,
    /// Write what a scheduler must know of the processor, and read nothing.
    #[arg(long)]
    target: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Emit {
    /// A relocatable object.
    Object,
    /// MLIR text.
    Mlir,
    /// LLVM's text form, optimized.
    Llvm,
    /// Assembly.
    Asm,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let written = run(&arguments).and_then(|bytes| {
        std::io::stdout().write_all(&bytes).map_err(|error| format!("the result cannot be written: {error}"))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Vec<u8>, String> {
    if arguments.version {
        let version = env!("CARGO_PKG_VERSION");
        return Ok(format!("moe-codegen {version} format {FORMAT_VERSION}\n").into_bytes());
    }
    if arguments.target {
        let target = moe_llvm::target(&arguments.cpu).map_err(|error| error.to_string())?;
        return postcard::to_stdvec(&target)
            .map_err(|error| format!("the target cannot be written: {error}"));
    }
    let kernels = read_kernels()?;
    let code = match arguments.emit {
        Emit::Object => moe_llvm::object(&kernels, &arguments.cpu),
        Emit::Mlir => moe_llvm::mlir(&kernels, &arguments.cpu).map(String::into_bytes),
        Emit::Llvm => moe_llvm::llvm(&kernels, &arguments.cpu).map(String::into_bytes),
        Emit::Asm => moe_llvm::assembly(&kernels, &arguments.cpu).map(String::into_bytes),
    };
    code.map_err(|error| error.to_string())
}

fn read_kernels() -> Result<Vec<Kernel>, String> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|error| format!("standard input cannot be read: {error}"))?;
    postcard::from_bytes(&bytes)
        .map_err(|error| format!("standard input holds no kernels of this version: {error}"))
}
