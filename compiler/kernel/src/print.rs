//! The printer: a kernel as text, one statement a line, bodies indented.

use crate::form::*;
use std::fmt::{self, Display, Write};

/// The kernel as text. Each definition shows the type of what it makes; loops and choices end their bodies with the values
/// they hand on.
pub fn print(kernel: &Kernel) -> String {
    let mut text = String::new();
    let parameters: Vec<String> = kernel.buffers.iter().map(parameter).collect();
    let sizes = kernel.sizes.join(", ");
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "kernel {}({})[{sizes}] {{", kernel.name, parameters.join(", "));
    let mut printer = Printer { kernel, text: &mut text, depth: 1 };
    printer.body(&kernel.body);
    text.push_str("}\n");
    text
}

/// The first line of a statement, without indentation.
pub(crate) fn head(kernel: &Kernel, statement: &Statement) -> String {
    let mut text = String::new();
    Printer { kernel, text: &mut text, depth: 0 }.statement(statement);
    text.lines().next().unwrap_or_default().to_string()
}

fn parameter(buffer: &BufferParameter) -> String {
    let written = if buffer.written { "written " } else { "" };
    format!("{written}{}: {}", buffer.name, buffer.element)
}

struct Printer<'a> {
    kernel: &'a Kernel,
    text: &'a mut String,
    depth: usize,
}

impl Printer<'_> {
    fn line(&mut self, content: impl Display) {
        let _ = writeln!(self.text, "{:indent$}{content}", "", indent = self.depth * 4);
    }

    fn body(&mut self, statements: &[Statement]) {
        statements.iter().for_each(|statement| self.statement(statement));
    }

    fn typed(&self, value: Value) -> String {
        match self.kernel.values.get(value.0 as usize) {
            Some(of) => format!("{value}: {of}"),
            None => format!("{value}: ?"),
        }
    }

    fn results(&self, results: impl Iterator<Item = Value>) -> String {
        let results: Vec<String> = results.map(|value| self.typed(value)).collect();
        if results.is_empty() {
            String::new()
        } else {
            format!("{} = ", results.join(", "))
        }
    }

    fn buffer(&self, buffer: u32) -> String {
        let parameter = self.kernel.buffers.get(buffer as usize);
        parameter.map_or_else(|| format!("?{buffer}"), |parameter| parameter.name.clone())
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Define { value, operation } => {
                self.line(format!("{} = {}", self.typed(*value), self.operation(operation)));
            }
            Statement::Store { buffer, index, value, mask } => {
                self.line(format!("store {}[{index}] = {value}{}", self.buffer(*buffer), masked(*mask)));
            }
            Statement::Scatter { buffer, indices, value, mask } => {
                self.line(format!("scatter {}[{indices}] = {value}{}", self.buffer(*buffer), masked(*mask)));
            }
            Statement::Prefetch { buffer, index } => {
                self.line(format!("prefetch {}[{index}]", self.buffer(*buffer)));
            }
            Statement::Loop { index, begin, end, step, carried, body } => {
                self.repetition(*index, [*begin, *end], *step, carried, body);
            }
            Statement::If { condition, then, otherwise, results } => {
                self.choice(*condition, then, otherwise, results);
            }
            Statement::Fail { fault } => self.line(format!("fail {fault}")),
        }
    }

    fn repetition(
        &mut self,
        index: Value,
        [begin, end]: [Value; 2],
        step: i64,
        carried: &[Carried],
        body: &[Statement],
    ) {
        let results = self.results(carried.iter().map(|carried| carried.result));
        let step = if step == 1 { String::new() } else { format!(" step {step}") };
        let inner: Vec<String> = carried.iter().map(|c| format!("{} = {}", c.inner, c.initial)).collect();
        let with = if inner.is_empty() { String::new() } else { format!(" with {}", inner.join(", ")) };
        self.line(format!("{results}loop {index} from {begin} to {end}{step}{with} {{"));
        self.depth += 1;
        self.body(body);
        self.hand_on("next", carried.iter().map(|carried| carried.next));
        self.depth -= 1;
        self.line("}");
    }

    fn choice(&mut self, condition: Value, then: &[Statement], otherwise: &[Statement], results: &[Chosen]) {
        let names = self.results(results.iter().map(|chosen| chosen.result));
        self.line(format!("{names}if {condition} {{"));
        self.depth += 1;
        self.body(then);
        self.hand_on("give", results.iter().map(|chosen| chosen.then));
        self.depth -= 1;
        if !otherwise.is_empty() || !results.is_empty() {
            self.line("} else {");
            self.depth += 1;
            self.body(otherwise);
            self.hand_on("give", results.iter().map(|chosen| chosen.otherwise));
            self.depth -= 1;
        }
        self.line("}");
    }

    fn hand_on(&mut self, word: &str, values: impl Iterator<Item = Value>) {
        let values: Vec<String> = values.map(|value| value.to_string()).collect();
        if !values.is_empty() {
            self.line(format!("{word} {}", values.join(", ")));
        }
    }

    fn operation(&self, operation: &Operation) -> String {
        match *operation {
            Operation::Constant(scalar) => scalar.to_string(),
            Operation::Size(size) => match self.kernel.sizes.get(size as usize) {
                Some(name) => format!("size {name}"),
                None => format!("size ?{size}"),
            },
            Operation::Begin => "begin".into(),
            Operation::End => "end".into(),
            Operation::Splat(a) => format!("splat {a}"),
            Operation::LaneNumbers => "lane_numbers".into(),
            Operation::Unary(unary, a) => format!("{} {a}", unary.name()),
            Operation::Binary(binary, a, b) => format!("{} {a}, {b}", binary.name()),
            Operation::Compare(comparison, a, b) => format!("{} {a}, {b}", comparison.name()),
            Operation::Select(condition, a, b) => format!("select {condition}, {a}, {b}"),
            Operation::MultiplyAdd(a, b, c) => format!("multiply_add {a}, {b}, {c}"),
            Operation::AddProducts(parts, a, b, c) => format!("add_{} {a}, {b}, {c}", parts.name()),
            Operation::Convert(a) => format!("convert {a}"),
            Operation::Reinterpret(a) => format!("reinterpret {a}"),
            Operation::Load { buffer, index, mask } => {
                format!("load {}[{index}]{}", self.buffer(buffer), masked(mask))
            }
            Operation::Gather { buffer, indices, mask } => {
                format!("gather {}[{indices}]{}", self.buffer(buffer), masked(mask))
            }
            Operation::ReduceLanes(binary, a) => format!("reduce_{} {a}", binary.name()),
            Operation::Extract(a, lane) => format!("extract {a}, {lane}"),
            Operation::Reverse(a) => format!("reverse {a}"),
        }
    }
}

fn masked(mask: Option<Value>) -> String {
    mask.map_or_else(String::new, |mask| format!(" if {mask}"))
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lanes == 1 {
            write!(f, "{}", self.element)
        } else {
            write!(f, "{}x{}", self.element, self.lanes)
        }
    }
}

impl UnaryOperation {
    /// All of them.
    pub const ALL: [UnaryOperation; 10] = [
        UnaryOperation::Negate,
        UnaryOperation::Absolute,
        UnaryOperation::SquareRoot,
        UnaryOperation::Floor,
        UnaryOperation::Ceiling,
        UnaryOperation::Truncate,
        UnaryOperation::RoundEven,
        UnaryOperation::Not,
        UnaryOperation::EvenBytes,
        UnaryOperation::OddBytes,
    ];

    /// The name it has in the text form.
    pub const fn name(self) -> &'static str {
        match self {
            UnaryOperation::Negate => "negate",
            UnaryOperation::Absolute => "absolute",
            UnaryOperation::SquareRoot => "square_root",
            UnaryOperation::Floor => "floor",
            UnaryOperation::Ceiling => "ceiling",
            UnaryOperation::Truncate => "truncate",
            UnaryOperation::RoundEven => "round_even",
            UnaryOperation::Not => "not",
            UnaryOperation::EvenBytes => "even_bytes",
            UnaryOperation::OddBytes => "odd_bytes",
        }
    }
}

impl BinaryOperation {
    /// All of them.
    pub const ALL: [BinaryOperation; 12] = [
        BinaryOperation::Add,
        BinaryOperation::Subtract,
        BinaryOperation::Multiply,
        BinaryOperation::Divide,
        BinaryOperation::Remainder,
        BinaryOperation::Minimum,
        BinaryOperation::Maximum,
        BinaryOperation::And,
        BinaryOperation::Or,
        BinaryOperation::ExclusiveOr,
        BinaryOperation::ShiftLeft,
        BinaryOperation::ShiftRight,
    ];

    /// The name it has in the text form.
    pub const fn name(self) -> &'static str {
        match self {
            BinaryOperation::Add => "add",
            BinaryOperation::Subtract => "subtract",
            BinaryOperation::Multiply => "multiply",
            BinaryOperation::Divide => "divide",
            BinaryOperation::Remainder => "remainder",
            BinaryOperation::Minimum => "minimum",
            BinaryOperation::Maximum => "maximum",
            BinaryOperation::And => "and",
            BinaryOperation::Or => "or",
            BinaryOperation::ExclusiveOr => "exclusive_or",
            BinaryOperation::ShiftLeft => "shift_left",
            BinaryOperation::ShiftRight => "shift_right",
        }
    }
}

impl Comparison {
    /// All of them.
    pub const ALL: [Comparison; 6] = [
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessEqual,
        Comparison::Greater,
        Comparison::GreaterEqual,
    ];

    /// The name it has in the text form.
    pub const fn name(self) -> &'static str {
        match self {
            Comparison::Equal => "equal",
            Comparison::NotEqual => "not_equal",
            Comparison::Less => "less",
            Comparison::LessEqual => "less_equal",
            Comparison::Greater => "greater",
            Comparison::GreaterEqual => "greater_equal",
        }
    }
}
