//! The syntax tree. It says what was written and nothing about what it means: names are not resolved, `a[b]` may be
//! static arguments or an index, and sizes are expressions like any other.

use crate::span::Span;

/// A whole file.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SourceFile {
    /// The edition line, `moe 1`, when there is one.
    pub edition: Option<Edition>,
    /// The `//!` comment lines at the top, without their marker.
    pub doc: Vec<String>,
    /// The items, in order.
    pub items: Vec<Item>,
}

/// The line `moe 1`: which edition of the language the file is written in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edition {
    /// The number after `moe`.
    pub number: u32,
    /// Where it is.
    pub span: Span,
}

/// A name as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// Its letters.
    pub text: String,
    /// Where it is.
    pub span: Span,
}

/// Something that stands at the top level of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The `///` lines before it, without their marker.
    pub doc: Vec<String>,
    /// Whether `pub` stands before it: visible outside its file.
    pub public: bool,
    /// What it is.
    pub kind: ItemKind,
    /// From the first keyword to the end.
    pub span: Span,
}

/// The kinds of items.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemKind {
    /// `use std::nn::{linear, rms_norm}`
    Use(Use),
    /// `model`, `gate`, `expert`, `layer`, `adapter` and `fn`.
    Definition(Definition),
    /// `test name { ... }`
    Test(Test),
    /// `weights Block from mixtral { ... }`
    Weights(WeightsBlock),
    /// `quantize`, `adapt` and `train` blocks.
    Settings(SettingsBlock),
}

/// `use a::b::{c, d as e}`. `use a::b::c` is the same as `use a::b::{c}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// The path before the last part.
    pub path: Vec<Name>,
    /// What is brought in: each name and what it is called here, when that differs.
    pub names: Vec<(Name, Option<Name>)>,
    /// Whether the names stood in braces.
    pub braces: bool,
}

/// What a definition calls itself. The word documents intent; all kinds mean the same, except that only a `model` can
/// be compiled by itself and that a `fn` has no weights, parts or state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DefinitionKind {
    /// `model`
    Model,
    /// `gate`
    Gate,
    /// `expert`
    Expert,
    /// `layer`
    Layer,
    /// `adapter`
    Adapter,
    /// `fn`
    Function,
}

/// `gate top_k[E, K](x: f32[.., D]) -> f32[.., K of E] { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Which keyword introduced it.
    pub kind: DefinitionKind,
    /// Its name.
    pub name: Name,
    /// The static parameters, in `[ ]`.
    pub statics: Vec<StaticParameter>,
    /// The value parameters, in `( )`.
    pub parameters: Vec<Parameter>,
    /// What follows `->`.
    pub result: ResultType,
    /// The body.
    pub body: Block,
}

/// One static parameter: `D`, `D = 512`, `eps: f32 = 1e-5`, `biased: bool = false`.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticParameter {
    /// Its name.
    pub name: Name,
    /// The kind after the colon: `size` (when unsaid), `bool`, `f32` or `f64` (a number).
    pub kind: Option<Name>,
    /// The value it has when none is given.
    pub default: Option<Expression>,
}

/// One value parameter: `x: f32[N, D]`, or a part: `base: linear[H]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeExpression,
}

/// The type of a result: one value, or several with names.
#[derive(Clone, Debug, PartialEq)]
pub enum ResultType {
    /// `-> f32[N, D]`
    Single(TypeExpression),
    /// `-> (y: f32[N, D], scores: f32[N, E])`
    Named(Vec<(Name, TypeExpression)>),
}

/// A type as written: `f32`, `f32[.., K of E else -inf]`, or for parts the name of a definition.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeExpression {
    /// The element type, or the path of a definition for a parameter that is a part.
    pub head: Vec<Name>,
    /// The axes in `[ ]`; `None` for a scalar.
    pub axes: Option<Vec<AxisExpression>>,
    /// The background after `else`, when it is not zero.
    pub background: Option<Box<Expression>>,
    /// Where it is.
    pub span: Span,
}

/// One entry between the brackets of a type.
#[derive(Clone, Debug, PartialEq)]
pub enum AxisExpression {
    /// `..`: any further axes.
    Rest(Span),
    /// `N`, `Pixel = 784`, and `4 * D` or `128` (an axis without a name, or a static argument of a part).
    Axis {
        /// `Some` for `Pixel = 784`.
        name: Option<Name>,
        /// The size; a plain name such as `N` is an expression that is a path of one name.
        size: Expression,
        /// Where it is.
        span: Span,
    },
    /// `T[B]`: an axis whose size depends on where one is along others.
    Ragged {
        /// The ragged axis.
        name: Name,
        /// The axes its size depends on.
        over: Vec<Name>,
        /// Where it is.
        span: Span,
    },
    /// `K of E`, `C of N`, `K of (I, J)`: at most so many entries differ from the background.
    Bounded {
        /// How many.
        bound: Expression,
        /// Among which axes; each is itself an `Axis` entry, so that `2 of E = 8` can be written.
        axes: Vec<AxisExpression>,
        /// Where it is.
        span: Span,
    },
}

/// `{ statements; value }`
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The statements, in order.
    pub statements: Vec<Statement>,
    /// The last expression, which is the block's value.
    pub value: Option<Box<Expression>>,
    /// From brace to brace.
    pub span: Span,
}

/// One statement with its doc comment.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The `///` lines before it.
    pub doc: Vec<String>,
    /// What it is.
    pub kind: StatementKind,
    /// Where it is.
    pub span: Span,
}

/// The kinds of statements.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `let x: T = e`, `let (a, b) = e`
    Let {
        /// One name, or several in parentheses.
        names: Vec<Name>,
        /// Whether the names stood in parentheses.
        tuple: bool,
        /// The type asserted.
        ty: Option<TypeExpression>,
        /// The value.
        value: Expression,
    },
    /// `weight gate, up: f32[D, H] = normal(0.02) frozen prox l1(lambda)`
    Weight {
        /// The weights declared.
        names: Vec<Name>,
        /// Their common type.
        ty: TypeExpression,
        /// The initializer.
        initial: Option<Expression>,
        /// Whether training leaves it alone.
        frozen: bool,
        /// The proximal operator of training.
        prox: Option<Expression>,
    },
    /// `part gate = top_k[E, K]`, `part experts = [swiglu[H]; E]`, `part experts = [a, b, c]`
    Part {
        /// Its name, which prefixes its weights' names.
        name: Name,
        /// What it is an instance of.
        value: PartExpression,
    },
    /// `axis F = 4 * D`
    Axis {
        /// The new axis.
        name: Name,
        /// Its size.
        size: Expression,
    },
    /// `state k: f32[T, D] = zeros`
    State {
        /// Its name.
        name: Name,
        /// Its type.
        ty: TypeExpression,
        /// Its first value.
        initial: Expression,
    },
    /// `next k = e`
    Next {
        /// The state that is set.
        name: Name,
        /// Its value for the next step.
        value: Expression,
    },
    /// `observe load = e`
    Observe {
        /// The dotted output's last part.
        name: Name,
        /// Its value.
        value: Expression,
    },
    /// `repeat i in L { x = block[i](x) }`
    Repeat {
        /// The index.
        index: Name,
        /// The axis, or the count.
        count: Expression,
        /// The body.
        body: Block,
    },
    /// `x = e` inside `repeat`.
    Assign {
        /// The carried variable.
        name: Name,
        /// Its value.
        value: Expression,
    },
    /// `assert e` inside a test.
    Assert(Expression),
}

/// The right side of `part`.
#[derive(Clone, Debug, PartialEq)]
pub enum PartExpression {
    /// `top_k[E, K]`: a path and its static arguments.
    Instance {
        /// The definition.
        path: Vec<Name>,
        /// The static arguments.
        arguments: Vec<BracketArgument>,
        /// Where it is.
        span: Span,
    },
    /// `[swiglu[H]; E]`: as many as the axis is long, with their weights stacked.
    Stack {
        /// One of them.
        element: Box<PartExpression>,
        /// The axis.
        axis: Expression,
        /// Where it is.
        span: Span,
    },
    /// `[a[H], b, c]`: different ones.
    List {
        /// Each of them.
        elements: Vec<PartExpression>,
        /// Where it is.
        span: Span,
    },
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// What it is.
    pub kind: ExpressionKind,
    /// Where it is.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpressionKind {
    /// `12`, `1e-5`, `0.5`, `1_000`: the text as written.
    Number(String),
    /// `true`, `false`
    Bool(bool),
    /// `"..."`, with escapes resolved.
    String(String),
    /// `x`, `std::nn::linear`. `inf` and `nan` are names too.
    Path(Vec<Name>),
    /// `-x`, `!x`
    Unary(UnaryOperator, Box<Expression>),
    /// `a + b`, `x @ w`
    Binary(BinaryOperator, Box<Expression>, Box<Expression>),
    /// `a.b`: a weight or part of a part, or one of several results.
    Field(Box<Expression>, Name),
    /// `a[...]`: static arguments, or an index.
    Bracket(Box<Expression>, Vec<BracketArgument>),
    /// `f(...)`
    Call(Box<Expression>, Vec<Argument>),
    /// `sum e: E { ... }`, `sum n where g[n, e] != 0 { ... }`, `max (i: I, j: J) { ... }`
    Reduce {
        /// `sum`, `product`, `max`, `min`, `any`, `all`, `mean`.
        operation: Name,
        /// The names that range, each with its axis when that is not the name itself in capitals.
        binders: Vec<Binder>,
        /// Which entries count.
        condition: Option<Box<Expression>>,
        /// What is reduced.
        body: Block,
    },
    /// `x as f32`
    Cast(Box<Expression>, Name),
    /// `k as [S = T]`: the axis T of k is called S.
    Rename(Box<Expression>, Vec<(Name, Name)>),
    /// `if c { a } else { b }`
    If {
        /// The condition: a static one chooses a phase, a tensor's chooses entry by entry.
        condition: Box<Expression>,
        /// The value when it holds.
        then: Block,
        /// The value when it does not: a block, or another `if`.
        otherwise: Option<Box<Expression>>,
    },
    /// `fold n with x = a, y: f32[N, 2 of E] = b { ... }`
    Fold {
        /// How many times.
        count: Box<Expression>,
        /// The carried values.
        carried: Vec<Carried>,
        /// The body, whose value is the next carried values.
        body: Block,
    },
    /// `{ ... }`
    Block(Block),
    /// `[1, 2, 3]`
    Array(Vec<Expression>),
    /// `(y = a, scores = b)`: several results; `(a, b)` has no names. One unnamed entry is a parenthesis.
    Tuple(Vec<(Option<Name>, Expression)>),
}

/// A value that a `fold` carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Carried {
    /// Its name.
    pub name: Name,
    /// The type that it has in every round.
    pub ty: Option<TypeExpression>,
    /// How it begins.
    pub value: Expression,
}

/// A name that ranges over an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Binder {
    /// The name.
    pub name: Name,
    /// The axis.
    pub axis: Option<Name>,
}

/// An argument in `[ ]`.
#[derive(Clone, Debug, PartialEq)]
pub enum BracketArgument {
    /// `_`: this axis stays.
    Whole(Span),
    /// `e`, `K`, `4 * D`
    Value(Expression),
    /// `R = 8`
    Named(Name, Expression),
    /// `a..b`; either may be missing.
    Range(Option<Expression>, Option<Expression>, Span),
}

/// An argument in `( )`.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// `x`
    Value(Expression),
    /// `eps = 1e-5`; a weight of a part, `up.weight = [[1.0]]`, is one name with its dots.
    Named(Name, Expression),
    /// `over E`, `over (E, H)`
    Over(Vec<Name>, Span),
    /// `K of E`, for `expect`.
    Bound(Expression, Vec<Name>, Span),
}

/// An operator before its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOperator {
    /// `-`
    Negate,
    /// `!`
    Not,
}

/// An operator between its operands, from loosest to tightest: `||`, `&&`, comparisons, `+ -`, `* / %`, `@`, and
/// `as` and unary operators tighter than all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOperator {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
    /// `@`: multiply and sum over the left operand's last axis.
    Contract,
}

/// `test name { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Its name.
    pub name: Name,
    /// Statements; `assert` among them.
    pub body: Block,
}

/// `weights Block from mixtral { ... }`: where somebody else's file keeps a model's weights.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightsBlock {
    /// The model.
    pub model: Name,
    /// What the foreign layout is called.
    pub source: Name,
    /// The mapping, in order.
    pub entries: Vec<WeightEntry>,
}

/// `experts.{gate, up}: "experts.gate_up_proj" split rows transpose`
#[derive(Clone, Debug, PartialEq)]
pub struct WeightEntry {
    /// Our names.
    pub pattern: Vec<PatternPart>,
    /// The key in the file; `{i}` in it is an index variable.
    pub key: String,
    /// Where the key is.
    pub key_span: Span,
    /// What is done to the tensor, in order.
    pub steps: Vec<(WeightStep, Span)>,
    /// Where it is.
    pub span: Span,
}

/// One part of a dotted pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum PatternPart {
    /// `gate`
    Name(Name),
    /// `{gate, up}`
    Choice(Vec<Name>, Span),
    /// `{i}`
    Variable(Name),
    /// `*`
    Any(Span),
}

/// What is done to a tensor of a file on its way to a weight.
#[derive(Clone, Debug, PartialEq)]
pub enum WeightStep {
    /// `split rows`, `split columns`, `split interleaved`: as many equal pieces as the pattern names weights.
    Split(SplitKind),
    /// `transpose`: the last two axes change places.
    Transpose,
    /// `cast f32`
    Cast(Name),
    /// `stack e`: the pieces that the index variable names become the leading axis.
    Stack(Name),
}

/// How a tensor is cut into equal pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitKind {
    /// Consecutive rows (the second-last axis; the only axis of a vector).
    Rows,
    /// Consecutive columns (the last axis).
    Columns,
    /// Rows dealt out in turn: 0, 2, 4 … and 1, 3, 5 … .
    Interleaved,
}

/// Which block of settings it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SettingsKind {
    /// `quantize`
    Quantize,
    /// `adapt`
    Adapt,
    /// `train`
    Train,
}

/// `quantize Block { experts: int4[group = 32] }`: a tree of keys, patterns and expressions.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingsBlock {
    /// Which of the three.
    pub kind: SettingsKind,
    /// The model.
    pub model: Name,
    /// The settings, in order.
    pub entries: Vec<SettingsEntry>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingsEntry {
    /// Its key.
    pub pattern: Vec<PatternPart>,
    /// Its value.
    pub value: SettingsValue,
    /// Where it is.
    pub span: Span,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingsValue {
    /// An expression.
    Expression(Expression),
    /// Further settings.
    Block(Vec<SettingsEntry>),
}
