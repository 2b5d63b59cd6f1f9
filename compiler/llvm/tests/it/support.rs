//! Running kernels' machine code.

use moe_kernel::Kernel;
use moe_runtime::program::KernelFunction;
use std::process::Command;

/// Kernels as machine code in this process.
pub struct Loaded {
    library: libloading::Library,
    _folder: tempfile::TempDir,
}

impl Loaded {
    pub fn new(kernels: &[Kernel], cpu: &str) -> Self {
        let object = moe_llvm::object(kernels, cpu).unwrap_or_else(|error| panic!("{error}"));
        Self::of_object(&object)
    }

    pub fn of_object(object: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, library) = (folder.path().join("kernels.o"), folder.path().join("kernels.so"));
        std::fs::write(&path, object).unwrap();
        let status = Command::new("cc").arg("-shared").arg("-o").arg(&library).arg(&path).status().unwrap();
        assert!(status.success());
        // SAFETY: the library was just made from kernels and has no initializers.
        #[allow(unsafe_code)]
        let library = unsafe { libloading::Library::new(&library) }.unwrap();
        Loaded { library, _folder: folder }
    }

    /// Runs a kernel; the buffers are long enough for it.
    pub fn run(&self, name: &str, buffers: &mut [Vec<u8>], sizes: &[i64], begin: i64, end: i64) -> i32 {
        let pointers: Vec<*mut u8> = buffers.iter_mut().map(Vec::as_mut_ptr).collect();
        // SAFETY: the symbol is a kernel, and the caller's buffers are what it takes.
        #[allow(unsafe_code)]
        unsafe {
            let function: libloading::Symbol<KernelFunction> = self.library.get(name.as_bytes()).unwrap();
            function(pointers.as_ptr(), sizes.as_ptr(), begin, end)
        }
    }
}

/// The bytes of `f32` numbers.
pub fn bytes_of_f32(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// `f32` numbers of bytes.
pub fn f32_of_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|chunk| f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]])).collect()
}
