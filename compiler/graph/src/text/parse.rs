//! Reading the text form.

use super::lexer::tokens;
use super::print::{absorb_name, output_kind, parameter_kind};
use super::read::Reader;
use crate::builder::fact_of;
use crate::function::{
    Axis, AxisId, Function, FunctionId, Module, Node, Offsets, Output, OutputKind, Parameter, ParameterKind,
};
use crate::operation::{Absorb, Operation, ReduceKind, ScalarFunction};
use moe_grammar::{FileId, Span};

/// Why a text is no module.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TextError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// Reads what [`crate::print_module`] wrote. Facts are worked out anew. The module is not verified: see [`crate::verify`].
///
/// # Errors
/// If the text is not of that form.
pub fn parse_module(text: &str) -> Result<Module, TextError> {
    let mut reader = Reader::new(tokens(text)?);
    let mut module = Module::default();
    while reader.take_word("function") {
        let function = FunctionReader { reader: &mut reader, module: &module, function: Function::default() };
        let function = function.function()?;
        module.functions.push(function);
    }
    reader.expect_word("entry")?;
    module.entry = reader.number()?;
    while reader.take_word("offsets") {
        let parameter = reader.number()?;
        reader.expect_word("of")?;
        let rows = reader.size()?;
        reader.expect_word("longest")?;
        let longest = reader.name()?;
        module.offsets.push(Offsets { parameter, rows, longest });
    }
    if reader.at_end() {
        Ok(module)
    } else {
        reader.error("nothing may come after the entry")
    }
}

struct FunctionReader<'a> {
    reader: &'a mut Reader,
    module: &'a Module,
    function: Function,
}

impl FunctionReader<'_> {
    fn function(mut self) -> Result<Function, TextError> {
        self.function.name = self.reader.name()?;
        self.reader.expect("{")?;
        while !self.reader.take("}") {
            if self.reader.sees("%") {
                self.node()?;
            } else {
                self.declaration()?;
            }
        }
        Ok(self.function)
    }

    fn declaration(&mut self) -> Result<(), TextError> {
        match self.reader.word()?.as_str() {
            "axis" => self.declared_axis(false, "="),
            "ragged" => {
                self.reader.expect_word("axis")?;
                self.declared_axis(true, "<=")
            }
            "parameter" => self.parameter(),
            "table" => self.table(),
            "output" => self.output(),
            other => self.reader.error(format!("`{other}` is not known here")),
        }
    }

    fn declared_axis(&mut self, ragged: bool, sign: &str) -> Result<(), TextError> {
        let name = self.reader.name()?;
        if self.reader.take("#") && self.reader.number::<usize>()? != self.function.axes.len() {
            return self.reader.error("axes are not numbered in order");
        }
        self.reader.expect(sign)?;
        let size = self.reader.size()?;
        self.function.axes.push(Axis { name, size, ragged });
        Ok(())
    }

    fn parameter(&mut self) -> Result<(), TextError> {
        let word = self.reader.word()?;
        let kinds = [ParameterKind::Input, ParameterKind::Weight, ParameterKind::State];
        let Some(kind) = kinds.into_iter().find(|kind| parameter_kind(*kind) == word) else {
            return self.reader.error(format!("`{word}` is no kind of parameter"));
        };
        let name = self.reader.name()?;
        self.reader.expect(":")?;
        let ty = self.reader.ty(&self.function)?;
        self.function.parameters.push(Parameter { name, kind, ty });
        Ok(())
    }

    fn table(&mut self) -> Result<(), TextError> {
        if self.reader.number::<usize>()? != self.function.tables.len() {
            return self.reader.error("tables are not numbered in order");
        }
        self.reader.expect("=")?;
        self.reader.expect("{")?;
        let mut entries = Vec::new();
        while !self.reader.take("}") {
            entries.push(self.reader.scalar()?);
            self.reader.take(",");
        }
        self.function.tables.push(entries);
        Ok(())
    }

    fn output(&mut self) -> Result<(), TextError> {
        let word = self.reader.word()?;
        let kinds = [OutputKind::Result, OutputKind::Next, OutputKind::Observed, OutputKind::Initial];
        let Some(kind) = kinds.into_iter().find(|kind| output_kind(*kind) == word) else {
            return self.reader.error(format!("`{word}` is no kind of output"));
        };
        let name = self.reader.name()?;
        self.reader.expect("=")?;
        let node = self.reader.node()?;
        self.reader.expect("[")?;
        let axes = self.reader.axes(&self.function)?;
        self.reader.expect("]")?;
        self.function.outputs.push(Output { name, node, axes, kind });
        Ok(())
    }

    fn node(&mut self) -> Result<(), TextError> {
        let id = self.reader.node()?;
        if id.0 as usize != self.function.nodes.len() {
            return self.reader.error("nodes are not numbered in order");
        }
        self.reader.expect("=")?;
        let name = self.reader.word()?;
        let operation = self.operation(&name)?;
        let mut operands = Vec::new();
        while self.reader.sees("%") {
            operands.push(self.reader.node()?);
            self.reader.take(",");
        }
        self.reader.expect(":")?;
        let ty = self.reader.ty(&self.function)?;
        let span = self.span()?;
        let fact = fact_of(&self.function, &operation, &operands, &ty, id);
        self.function.nodes.push(Node { operation, operands, ty, fact, span });
        Ok(())
    }

    fn span(&mut self) -> Result<Option<Span>, TextError> {
        if !self.reader.take("@") {
            return Ok(None);
        }
        let file = FileId(self.reader.number()?);
        self.reader.expect(":")?;
        let start = self.reader.number()?;
        self.reader.expect("..")?;
        Ok(Some(Span { file, start, end: self.reader.number()? }))
    }

    fn operation(&mut self, name: &str) -> Result<Operation, TextError> {
        let found = ScalarFunction::ALL.into_iter().find(|function| function.name() == name);
        if let Some(function) = found {
            return Ok(Operation::Map { function, absorb: self.absorb()? });
        }
        self.reader.expect("[")?;
        let operation = match ReduceKind::ALL.into_iter().find(|kind| kind.name() == name) {
            Some(kind) => Operation::Reduce { kind, axes: self.reader.axes(&self.function)? },
            None => self.attributes(name)?,
        };
        self.reader.expect("]")?;
        Ok(operation)
    }

    fn absorb(&mut self) -> Result<Absorb, TextError> {
        if !self.reader.take("[") {
            return Ok(Absorb::Neither);
        }
        let word = self.reader.word()?;
        self.reader.expect("]")?;
        let all = [Absorb::Neither, Absorb::Left, Absorb::Right, Absorb::Both];
        match all.into_iter().find(|absorb| absorb_name(*absorb) == word) {
            Some(absorb) => Ok(absorb),
            None => self.reader.error(format!("`{word}` does not say who absorbs")),
        }
    }

    fn axis(&mut self) -> Result<AxisId, TextError> {
        self.reader.axis(&self.function)
    }

    fn axes(&mut self) -> Result<Vec<AxisId>, TextError> {
        self.reader.axes(&self.function)
    }

    fn attributes(&mut self, name: &str) -> Result<Operation, TextError> {
        Ok(match name {
            "parameter" => Operation::Parameter(self.reader.number()?),
            "constant" => Operation::Constant(self.reader.scalar()?),
            "table" => Operation::Table(self.reader.number()?),
            "coordinate" => Operation::Coordinate(self.axis()?),
            "size" => Operation::SizeOf(self.reader.size()?),
            "cast" => Operation::Cast(self.reader.element()?),
            "gather" => Operation::Gather { axis: self.axis()? },
            "arg_max" => Operation::ArgMax { axis: self.axis()? },
            "cumulative_sum" => Operation::CumulativeSum { axis: self.axis()? },
            "sort" => Operation::Sort { axis: self.axis()? },
            "pack" => Operation::Pack { into: self.axis()? },
            "largest_mask" => {
                let count = self.reader.size()?;
                self.reader.expect_word("over")?;
                Operation::LargestMask { count, axis: self.axis()? }
            }
            "expect" => {
                let count = self.reader.size()?;
                self.reader.expect_word("over")?;
                Operation::Expect { count, axes: self.axes()? }
            }
            "unpack" => {
                let from = self.axis()?;
                self.reader.expect(",")?;
                Operation::Unpack { from, background: self.reader.scalar()? }
            }
            "segment_reduce" => self.segment_reduce()?,
            "call" | "repeat" | "fold" => self.call(name)?,
            _ => self.movement(name)?,
        })
    }

    fn segment_reduce(&mut self) -> Result<Operation, TextError> {
        let word = self.reader.word()?;
        let Some(kind) = ReduceKind::ALL.into_iter().find(|kind| kind.name() == word) else {
            return self.reader.error(format!("`{word}` does not bring entries together"));
        };
        self.reader.expect(",")?;
        let from = self.axis()?;
        self.reader.expect_word("over")?;
        Ok(Operation::SegmentReduce { kind, from, over: self.axes()? })
    }

    fn movement(&mut self, name: &str) -> Result<Operation, TextError> {
        match name {
            "rename" | "slice" | "pad" => {
                let from = self.axis()?;
                self.reader.expect("->")?;
                let into = self.axis()?;
                self.resized(name, from, into)
            }
            "split" => {
                let from = self.axis()?;
                self.reader.expect("->")?;
                Ok(Operation::Split { from, into: self.axes()? })
            }
            "window" => self.window(),
            "merge" | "concatenate" | "scatter_add" | "scatter" => {
                let from = self.axes()?;
                self.reader.expect("->")?;
                let into = self.axis()?;
                Ok(match name {
                    "merge" => Operation::Merge { from, into },
                    "concatenate" => Operation::Concatenate { from, into },
                    "scatter" => Operation::Scatter { over: from, axis: into },
                    _ => Operation::ScatterAdd { over: from, into },
                })
            }
            _ => self.reader.error(format!("no operation `{name}`")),
        }
    }

    fn window(&mut self) -> Result<Operation, TextError> {
        let from = self.axis()?;
        self.reader.expect("->")?;
        let places = self.axis()?;
        self.reader.expect(",")?;
        let taps = self.axis()?;
        let [stride, dilation, before] = [self.step("stride")?, self.step("dilation")?, self.step("before")?];
        self.reader.expect(",")?;
        let value = self.reader.scalar()?;
        Ok(Operation::Window { from, places, taps, stride, dilation, before, value })
    }

    fn step(&mut self, name: &str) -> Result<crate::Size, TextError> {
        self.reader.expect(",")?;
        self.reader.expect_word(name)?;
        self.reader.size()
    }

    fn resized(&mut self, name: &str, from: AxisId, into: AxisId) -> Result<Operation, TextError> {
        match name {
            "rename" => Ok(Operation::Rename { from, to: into }),
            "slice" => {
                self.reader.expect(",")?;
                self.reader.expect_word("from")?;
                Ok(Operation::Slice { from, into, start: self.reader.size()? })
            }
            _ => {
                self.reader.expect(",")?;
                self.reader.expect_word("before")?;
                let before = self.reader.size()?;
                self.reader.expect(",")?;
                Ok(Operation::Pad { from, into, before, value: self.reader.scalar()? })
            }
        }
    }

    fn call(&mut self, name: &str) -> Result<Operation, TextError> {
        self.reader.name()?;
        self.reader.expect("#")?;
        let function = FunctionId(self.reader.number()?);
        self.reader.expect(",")?;
        let result = self.reader.number()?;
        if name == "call" {
            return Ok(Operation::Call { function, axes: self.pairs(function)?, result });
        }
        let over = if name == "repeat" {
            self.reader.expect_word("over")?;
            Some(self.axis()?)
        } else {
            None
        };
        self.reader.expect(",")?;
        self.reader.expect_word("carried")?;
        let carried = self.reader.number()?;
        let Some(over) = over else {
            return Ok(Operation::Fold { function, axes: self.pairs(function)?, carried, result });
        };
        self.reader.expect(",")?;
        self.reader.expect_word("stacked")?;
        let stacked = self.reader.number()?;
        let axes = self.pairs(function)?;
        Ok(Operation::Repeat { function, axes, over, carried, stacked, result })
    }

    fn pairs(&mut self, function: FunctionId) -> Result<Vec<(AxisId, AxisId)>, TextError> {
        let Some(callee) = self.module.function(function) else {
            return self.reader.error("a function that comes later, or is not there");
        };
        let mut pairs = Vec::new();
        while self.reader.take(",") {
            let inside = self.reader.axis(callee)?;
            self.reader.expect("->")?;
            pairs.push((inside, self.reader.axis(&self.function)?));
        }
        Ok(pairs)
    }
}
