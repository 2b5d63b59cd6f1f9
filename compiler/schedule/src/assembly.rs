//! The program while it is put together: buffers, kernels, steps, faults.

use crate::contraction::Panelled;
use crate::error::ScheduleError;
use crate::scene::Storage;
use crate::sizes::{aligned, Symbols};
use moe_grammar::Span;
use moe_graph::{AxisId, Element, Size};
use moe_kernel::{BufferParameter, Kernel, ProductShape, Statement, Tuning, ValueType};
use moe_runtime::program::{Fault, Launch, Place, SizeExpression, Step};
use std::collections::{BTreeMap, HashMap};

/// Why kernels may stop.
#[derive(Default)]
pub(crate) struct Faults {
    pub list: Vec<Fault>,
}

impl Faults {
    pub fn add(&mut self, code: &str, message: String) -> u32 {
        let fault = Fault { code: code.to_owned(), message };
        let place = self.list.iter().position(|known| *known == fault).unwrap_or_else(|| {
            self.list.push(fault);
            self.list.len() - 1
        });
        place as u32
    }
}

/// Where a buffer lies, as far as that is known before the arena is planned.
#[derive(Clone, Debug)]
pub(crate) enum Home {
    Fixed(Place),
    Arena,
    /// This many bytes into the scratch memory of each thread.
    Thread(Size),
    /// Made once from the weights.
    Prepared,
    /// The entry of the current round of the repeat at a depth.
    Round {
        buffer: u32,
        depth: u32,
        stride: Size,
    },
}

/// A buffer before the arena is planned.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub name: String,
    pub element: Element,
    pub length: Size,
    pub home: Home,
    /// Whether it must last until the step ends.
    pub kept: bool,
}

/// A kernel as it was written.
pub(crate) struct Written {
    pub name: String,
    pub span: Option<Span>,
    pub parameters: Vec<BufferParameter>,
    pub buffers: Vec<u32>,
    pub sizes: Vec<Size>,
    pub values: Vec<ValueType>,
    pub body: Vec<Statement>,
    /// How many items there are.
    pub extent: Size,
    /// Operations of one item, about, for the share of a thread.
    pub work: Size,
    pub flops: SizeExpression,
    /// Bytes read and written; `None`: all of the buffers.
    pub bytes: Option<Size>,
    /// The buffers of which a part is read for each segment that has rows.
    pub by_segment: Option<BySegment>,
    /// The product that it is, if panels serve it.
    pub product: Option<ProductShape>,
}

/// Buffers that segments of packed rows read their parts of: those without rows read none.
pub(crate) struct BySegment {
    /// The numbers of the kernel's buffers.
    pub buffers: Vec<u32>,
    pub segments: Size,
    /// How many rows there are, as counted while running.
    pub rows: SizeExpression,
}

/// The items that a thread takes at a time should be worth this many operations.
const SHARE: i64 = 16384;

/// The program while it is put together.
#[derive(Default)]
pub(crate) struct Assembly {
    pub symbols: Symbols,
    pub faults: Faults,
    pub buffers: Vec<Draft>,
    pub constants: Vec<Vec<u8>>,
    pub kernels: Vec<Kernel>,
    /// What was measured of products.
    pub tuning: Tuning,
    /// The kernels that are products, by their number.
    pub products: BTreeMap<u32, ProductShape>,
    same: HashMap<Vec<u8>, u32>,
    /// The bytes of each thread's scratch memory.
    pub thread_bytes: Size,
    /// Whether what is launched now runs once, when weights are loaded.
    pub preparing: bool,
    /// Weights in panels, by what they were made from.
    pub packed: BTreeMap<Panelled, u32>,
    /// What is launched once, when weights are loaded.
    pub prepare: Vec<Launch>,
    /// The steps of each repeat that is open, the program's own first.
    pub steps: Vec<Vec<Step>>,
}

impl Assembly {
    pub fn new(tuning: Tuning) -> Self {
        Assembly { steps: vec![Vec::new()], tuning, ..Assembly::default() }
    }

    pub fn buffer(&mut self, draft: Draft) -> u32 {
        self.buffers.push(draft);
        self.buffers.len() as u32 - 1
    }

    /// A new buffer in the arena, or in prepared memory while that is filled, for a value with these axes.
    pub fn storage(&mut self, name: &str, element: Element, layout: Vec<AxisId>, length: Size) -> Storage {
        let name = name.to_owned();
        let home = if self.preparing { Home::Prepared } else { Home::Arena };
        let buffer = self.buffer(Draft { name: name.clone(), element, length, home, kept: false });
        Storage { buffer, name, element, layout }
    }

    pub fn scratch(&mut self, name: &str, element: Element, length: Size) -> u32 {
        self.storage(name, element, Vec::new(), length).buffer
    }

    /// Buffers of `f32` in the scratch memory of a thread, for one kernel: names and lengths. Those of other kernels lie in the same place.
    pub fn of_thread(&mut self, wanted: &[(&str, Size)]) -> Vec<u32> {
        let mut bytes = Size::constant(0);
        let mut buffers = Vec::new();
        for (name, length) in wanted {
            let (name, element, length) = ((*name).to_owned(), Element::F32, length.clone());
            let own = aligned(&length.multiply(&Size::constant(element.bytes() as i64)));
            let home = Home::Thread(bytes.clone());
            buffers.push(self.buffer(Draft { name, element, length, home, kept: false }));
            bytes = bytes.add(&own);
        }
        self.thread_bytes = self.thread_bytes.maximum(&bytes);
        buffers
    }

    /// The buffer of constant bytes.
    pub fn constant(&mut self, name: &str, element: Element, bytes: Vec<u8>) -> u32 {
        let length = Size::constant((bytes.len() / element.bytes()) as i64);
        let place = self.constants.iter().position(|known| *known == bytes).unwrap_or_else(|| {
            self.constants.push(bytes);
            self.constants.len() - 1
        });
        let home = Home::Fixed(Place::Constant(place as u32));
        self.buffer(Draft { name: name.to_owned(), element, length, home, kept: false })
    }

    pub fn step(&mut self, step: Step) {
        if let Some(steps) = self.steps.last_mut() {
            steps.push(step);
        }
    }

    /// How many repeats are open.
    pub fn depth(&self) -> u32 {
        self.steps.len() as u32 - 1
    }

    /// Adds a launch of a kernel; equal kernels become one.
    pub fn launch(&mut self, written: Written) -> Result<(), ScheduleError> {
        if self.preparing {
            self.prepare(written);
        } else {
            let launch = self.launched(written);
            self.step(Step::Launch(launch));
        }
        Ok(())
    }

    /// Adds a launch for when weights are loaded.
    pub fn prepare(&mut self, written: Written) {
        let launch = self.launched(written);
        self.prepare.push(launch);
    }

    fn launched(&mut self, written: Written) -> Launch {
        let bytes = self.moved(&written);
        let sizes = written.sizes.iter().map(|size| self.symbols.expression(size)).collect();
        let extent = self.symbols.expression(&written.extent);
        let work = written.work.as_constant().unwrap_or(SHARE).max(1);
        let grain = SizeExpression::Constant((SHARE / work).max(1));
        let (buffers, flops) = (written.buffers.clone(), written.flops.clone());
        let product = written.product.clone();
        let kernel = self.kernel(written);
        self.products.extend(product.map(|product| (kernel, product)));
        Launch { kernel, buffers, sizes, extent, grain, flops, bytes }
    }

    /// The bytes that a kernel reads and writes; of segments at most as many as there are rows have some.
    fn moved(&mut self, written: &Written) -> SizeExpression {
        let Some(BySegment { buffers, segments, rows }) = &written.by_segment else {
            let bytes = written.bytes.clone().unwrap_or_else(|| self.bytes_of(&written.buffers));
            return self.symbols.expression(&bytes);
        };
        let rest: Vec<u32> = written.buffers.iter().copied().filter(|id| !buffers.contains(id)).collect();
        let [rest, parts] = [&rest, buffers].map(|own| self.bytes_of(own));
        let [rest, parts, segments] = [&rest, &parts, segments].map(|size| self.symbols.expression(size));
        let two = |make: fn(Box<_>, Box<_>) -> _, a, b| make(Box::new(a), Box::new(b));
        let with_rows = two(SizeExpression::Minimum, segments.clone(), rows.clone());
        let part = two(
            SizeExpression::FloorDivide,
            parts,
            two(SizeExpression::Maximum, segments, SizeExpression::Constant(1)),
        );
        two(SizeExpression::Add, rest, two(SizeExpression::Multiply, with_rows, part))
    }

    fn bytes_of(&self, buffers: &[u32]) -> Size {
        let own = |draft: &&Draft| !matches!(draft.home, Home::Thread(_));
        let buffers = buffers.iter().filter_map(|id| self.buffers.get(*id as usize)).filter(own);
        buffers.fold(Size::constant(0), |sum, b| {
            sum.add(&b.length.multiply(&Size::constant(b.element.bytes() as i64)))
        })
    }

    fn kernel(&mut self, written: Written) -> u32 {
        let shape: Vec<(Element, bool)> =
            written.parameters.iter().map(|buffer| (buffer.element, buffer.written)).collect();
        let key =
            format!("{shape:?}{}{:?}{:?}", written.sizes.len(), written.values, written.body).into_bytes();
        if let Some(kernel) = self.same.get(&key) {
            return *kernel;
        }
        let place = self.kernels.len() as u32;
        let sizes = written.sizes.iter().map(ToString::to_string).collect();
        self.kernels.push(Kernel {
            name: format!("{}_{place}", identifier(&written.name)),
            span: written.span,
            buffers: written.parameters,
            sizes,
            values: written.values,
            body: written.body,
        });
        self.same.insert(key, place);
        place
    }
}

/// The name with all but letters and digits replaced.
fn identifier(name: &str) -> String {
    let mut result: String =
        name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    if !result.starts_with(|first: char| first.is_ascii_alphabetic()) {
        result.insert(0, 'k');
    }
    result
}
