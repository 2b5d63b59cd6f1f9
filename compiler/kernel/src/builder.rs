//! Writing kernels: values are made by method calls and typed as they are made.
//!
//! Constants, sizes, the range of items and lane numbers stand once at the top of the kernel, wherever they are asked for, so
//! they can be used everywhere. Index arithmetic on constants is done while building. The first mistake is kept and given by
//! [`Builder::finish`]; after it, building goes on with values of the type that was meant.

mod control;
mod operations;

use crate::error::KernelError;
use crate::form::*;
use crate::print::head;
use crate::types::Declarations;
use moe_grammar::Span;
use moe_graph::Scalar;
use moe_runtime::Element;
use std::collections::BTreeMap;

pub use control::{OpenIf, OpenLoop};

/// A buffer of the kernel being built, by index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Buffer(pub u32);

/// What stands at the top of a kernel, once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fixed {
    Constant(Scalar, u32),
    Size(u32),
    Begin,
    End,
    LaneNumbers(u32),
}

/// A kernel being built.
///
/// ```
/// use moe_kernel::Builder;
/// use moe_runtime::Element;
///
/// // y[i] = 2 * x[i], eight entries at a time and the rest under a mask.
/// let mut b = Builder::new("double");
/// let x = b.buffer("x", Element::F32);
/// let y = b.written("y", Element::F32);
/// let (begin, end) = (b.begin(), b.end());
/// b.for_each(begin, end, 8, |b, i| {
///     let mask = b.tail_mask(i, end, 8);
///     let entries = b.load_masked(x, i, 8, Some(mask));
///     let doubled = b.add(entries, entries);
///     b.store_masked(y, i, doubled, Some(mask));
/// });
/// let kernel = b.finish().expect("it is well formed");
/// assert_eq!(kernel.buffers.len(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    kernel: Kernel,
    fixed: BTreeMap<Fixed, Value>,
    /// The statements that make `fixed`.
    top: Vec<Statement>,
    /// The bodies that are open, outermost first; there is always one.
    open: Vec<Vec<Statement>>,
    constants: BTreeMap<Value, Scalar>,
    error: Option<KernelError>,
}

impl std::fmt::Debug for Fixed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("fixed")
    }
}

impl Builder {
    /// An empty kernel. The name is an identifier.
    pub fn new(name: impl Into<String>) -> Self {
        let kernel = Kernel {
            name: name.into(),
            span: None,
            buffers: Vec::new(),
            sizes: Vec::new(),
            values: Vec::new(),
            body: Vec::new(),
        };
        Builder {
            kernel,
            fixed: BTreeMap::new(),
            top: Vec::new(),
            open: vec![Vec::new()],
            constants: BTreeMap::new(),
            error: None,
        }
    }

    /// Says where the mathematics stands in the source.
    pub fn set_span(&mut self, span: Option<Span>) {
        self.kernel.span = span;
    }

    /// Declares a buffer that is only read.
    pub fn buffer(&mut self, name: impl Into<String>, element: Element) -> Buffer {
        self.declare(BufferParameter { name: name.into(), element, written: false })
    }

    /// Declares a buffer that is written, and perhaps read.
    pub fn written(&mut self, name: impl Into<String>, element: Element) -> Buffer {
        self.declare(BufferParameter { name: name.into(), element, written: true })
    }

    fn declare(&mut self, parameter: BufferParameter) -> Buffer {
        self.kernel.buffers.push(parameter);
        Buffer(self.kernel.buffers.len() as u32 - 1)
    }

    /// The element type of a buffer.
    pub fn element_of(&self, buffer: Buffer) -> Element {
        self.kernel.buffers.get(buffer.0 as usize).map_or(Element::F32, |parameter| parameter.element)
    }

    /// Declares a size of the launch, the next one, and gives its value, an `i64`.
    pub fn size(&mut self, name: impl Into<String>) -> Value {
        self.kernel.sizes.push(name.into());
        self.fixed(Fixed::Size(self.kernel.sizes.len() as u32 - 1))
    }

    /// The first item to do.
    pub fn begin(&mut self) -> Value {
        self.fixed(Fixed::Begin)
    }

    /// One past the last item to do.
    pub fn end(&mut self) -> Value {
        self.fixed(Fixed::End)
    }

    /// 0, 1, 2, … as `i64` in so many lanes.
    pub fn lane_numbers(&mut self, lanes: u32) -> Value {
        self.fixed(Fixed::LaneNumbers(lanes))
    }

    /// A number, a scalar.
    pub fn constant(&mut self, number: Scalar) -> Value {
        self.constant_lanes(number, 1)
    }

    /// A number in every lane.
    pub fn constant_lanes(&mut self, number: Scalar, lanes: u32) -> Value {
        let value = self.fixed(Fixed::Constant(number, lanes));
        self.constants.insert(value, number);
        value
    }

    /// An `i64` constant.
    pub fn index(&mut self, number: i64) -> Value {
        self.constant(Scalar::index(number))
    }

    /// The number in every lane of a type; the nearest one for floats. It is a mistake if an integer type lacks it.
    pub fn number(&mut self, of: ValueType, number: f64) -> Value {
        let scalar = Scalar::of(of.element, number);
        if scalar.is_none() {
            self.fail_with(String::new(), format!("{number} is no {}", of.element));
        }
        self.constant_lanes(scalar.unwrap_or(Scalar::zero(of.element)), of.lanes)
    }

    /// Zero, or false, in every lane of a type.
    pub fn zero(&mut self, of: ValueType) -> Value {
        self.constant_lanes(Scalar::zero(of.element), of.lanes)
    }

    /// The number that a value is in every lane, if it was made as a constant.
    pub fn constant_of(&self, value: Value) -> Option<Scalar> {
        self.constants.get(&value).copied()
    }

    /// The type of a value.
    pub fn type_of(&self, value: Value) -> ValueType {
        self.kernel.values.get(value.0 as usize).copied().unwrap_or(ValueType::INDEX)
    }

    /// The kernel.
    ///
    /// # Errors
    /// The first mistake made while building, a body left open, or what the verifier finds.
    pub fn finish(mut self) -> Result<Kernel, KernelError> {
        if self.open.len() != 1 {
            self.fail_with(String::new(), "a loop or a choice was not closed".into());
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        self.kernel.body = self.top;
        self.kernel.body.extend(self.open.into_iter().flatten());
        crate::verify(&self.kernel)?;
        Ok(self.kernel)
    }

    fn value(&mut self, of: ValueType) -> Value {
        self.kernel.values.push(of);
        Value(self.kernel.values.len() as u32 - 1)
    }

    fn fixed(&mut self, fixed: Fixed) -> Value {
        if let Some(value) = self.fixed.get(&fixed) {
            return *value;
        }
        let (of, operation) = match fixed {
            Fixed::Constant(number, lanes) => {
                (ValueType::vector(number.element(), lanes), Operation::Constant(number))
            }
            Fixed::Size(size) => (ValueType::INDEX, Operation::Size(size)),
            Fixed::Begin => (ValueType::INDEX, Operation::Begin),
            Fixed::End => (ValueType::INDEX, Operation::End),
            Fixed::LaneNumbers(lanes) => (ValueType::vector(Element::I64, lanes), Operation::LaneNumbers),
        };
        let value = self.value(of);
        self.top.push(Statement::Define { value, operation });
        self.fixed.insert(fixed, value);
        value
    }

    /// Makes a value of the type by the operation.
    pub fn define(&mut self, of: ValueType, operation: Operation) -> Value {
        let checked = Declarations::of(&self.kernel).operation(of, &operation);
        let value = self.value(of);
        self.push(Statement::Define { value, operation }, checked);
        value
    }

    fn push(&mut self, statement: Statement, checked: Result<(), String>) {
        if let Err(message) = checked {
            let statement = head(&self.kernel, &statement);
            self.fail_with(statement, message);
        }
        if let Some(body) = self.open.last_mut() {
            body.push(statement);
        }
    }

    fn fail_with(&mut self, statement: String, message: String) {
        let kernel = self.kernel.name.clone();
        self.error.get_or_insert(KernelError::Invalid { kernel, statement, message });
    }

    /// Checks with the declarations so far.
    fn check(&self, check: impl FnOnce(Declarations<'_>) -> Result<(), String>) -> Result<(), String> {
        check(Declarations::of(&self.kernel))
    }
}
