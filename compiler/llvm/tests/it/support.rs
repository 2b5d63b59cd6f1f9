//! Building kernels and running their machine code.

use moe_graph::Scalar;
use moe_kernel::{BinaryOperation, BufferParameter, Carried, Kernel, Operation, Statement, Value, ValueType};
use moe_runtime::program::KernelFunction;
use moe_runtime::Element;
use std::process::Command;

/// A kernel in the making.
pub struct Build {
    pub kernel: Kernel,
    bodies: Vec<Vec<Statement>>,
}

/// A scalar type.
pub const fn scalar(element: Element) -> ValueType {
    ValueType { element, lanes: 1 }
}

/// A type with lanes.
pub const fn vector(element: Element, lanes: u32) -> ValueType {
    ValueType { element, lanes }
}

impl Build {
    pub fn new(name: &str) -> Self {
        let kernel = Kernel {
            name: name.to_owned(),
            span: None,
            buffers: Vec::new(),
            sizes: Vec::new(),
            values: Vec::new(),
            body: Vec::new(),
        };
        Build { kernel, bodies: vec![Vec::new()] }
    }

    pub fn buffer(&mut self, element: Element, written: bool) -> u32 {
        let index = self.kernel.buffers.len();
        self.kernel.buffers.push(BufferParameter { name: format!("b{index}"), element, written });
        index as u32
    }

    pub fn size(&mut self, name: &str) -> Value {
        let index = self.kernel.sizes.len() as u32;
        self.kernel.sizes.push(name.to_owned());
        self.define(scalar(Element::I64), Operation::Size(index))
    }

    /// A value that a statement will define.
    pub fn value(&mut self, of: ValueType) -> Value {
        self.kernel.values.push(of);
        Value(self.kernel.values.len() as u32 - 1)
    }

    pub fn define(&mut self, of: ValueType, operation: Operation) -> Value {
        let value = self.value(of);
        self.push(Statement::Define { value, operation });
        value
    }

    pub fn push(&mut self, statement: Statement) {
        self.bodies.last_mut().unwrap().push(statement);
    }

    pub fn type_of(&self, value: Value) -> ValueType {
        self.kernel.values[value.0 as usize]
    }

    pub fn index(&mut self, value: i64) -> Value {
        self.define(scalar(Element::I64), Operation::Constant(Scalar::index(value)))
    }

    pub fn begin(&mut self) -> Value {
        self.define(scalar(Element::I64), Operation::Begin)
    }

    pub fn end(&mut self) -> Value {
        self.define(scalar(Element::I64), Operation::End)
    }

    pub fn binary(&mut self, operation: BinaryOperation, a: Value, b: Value) -> Value {
        self.define(self.type_of(a), Operation::Binary(operation, a, b))
    }

    pub fn add(&mut self, a: Value, b: Value) -> Value {
        self.binary(BinaryOperation::Add, a, b)
    }

    pub fn multiply(&mut self, a: Value, b: Value) -> Value {
        self.binary(BinaryOperation::Multiply, a, b)
    }

    pub fn load(&mut self, of: ValueType, buffer: u32, index: Value) -> Value {
        self.define(of, Operation::Load { buffer, index, mask: None })
    }

    pub fn store(&mut self, buffer: u32, index: Value, value: Value) {
        self.push(Statement::Store { buffer, index, value, mask: None });
    }

    /// A block of its own, to be put into a loop or a choice.
    pub fn block<R>(&mut self, write: impl FnOnce(&mut Self) -> R) -> (Vec<Statement>, R) {
        self.bodies.push(Vec::new());
        let result = write(self);
        (self.bodies.pop().unwrap(), result)
    }

    /// A loop with carried values; `write` gets the index and the carried values and returns the next ones.
    pub fn repeat(
        &mut self,
        (begin, end, step): (Value, Value, i64),
        initial: &[Value],
        write: impl FnOnce(&mut Self, Value, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let index = self.value(scalar(Element::I64));
        let inner: Vec<Value> = initial.iter().map(|value| self.value(self.type_of(*value))).collect();
        let (body, next) = self.block(|build| write(build, index, &inner));
        let results: Vec<Value> = initial.iter().map(|value| self.value(self.type_of(*value))).collect();
        let parts = initial.iter().zip(&inner).zip(next.iter().zip(&results));
        let carried = parts
            .map(|((initial, inner), (next, result))| Carried {
                initial: *initial,
                inner: *inner,
                next: *next,
                result: *result,
            })
            .collect();
        self.push(Statement::Loop { index, begin, end, step, carried, body });
        results
    }

    pub fn finish(mut self) -> Kernel {
        self.kernel.body = self.bodies.pop().unwrap();
        assert!(self.bodies.is_empty());
        self.kernel
    }
}

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
