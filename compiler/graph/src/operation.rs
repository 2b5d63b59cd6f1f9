//! The closed set of primitives. The table in `PRIMITIVES.md` gives the meaning, shape rule, support rule and derivative
//! rule of each; the reference evaluator is their definition.

use crate::function::{AxisId, FunctionId};
use crate::{Element, Scalar, Size};

/// What a node does with its operands.
///
/// Axes align by name: an operation on several operands has the axes of the first, then those of the next that are new,
/// and an operand that lacks an axis is constant along it. There is no transpose and no broadcast.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Operation {
    /// A parameter of the function, by index. No operands.
    Parameter(u32),
    /// A number without axes. No operands.
    Constant(Scalar),
    /// A table of numbers along the node's axes, row-major, by index in [`crate::Function::tables`]. No operands.
    Table(u32),
    /// Where one is along an axis: 0, 1, 2, … as `i64`. No operands.
    Coordinate(AxisId),
    /// A size as an `i64` without axes. No operands.
    SizeOf(Size),
    /// A scalar function of the operands, entry by entry.
    Map {
        /// Which.
        function: ScalarFunction,
        /// Which operand's absorbing value decides the result alone.
        absorb: Absorb,
    },
    /// The operand in another element type. To integers truncates and saturates, NaN becomes 0; to `bool` is "not zero".
    Cast(Element),
    /// All entries along the axes brought together, in ascending order of the coordinates (the last axis fastest). An axis
    /// that the operand lacks counts as often as it is long.
    Reduce {
        /// How.
        kind: ReduceKind,
        /// Along which axes; sorted.
        axes: Vec<AxisId>,
    },
    /// The operand with one axis called by another of the same size.
    Rename {
        /// The operand's axis.
        from: AxisId,
        /// The result's axis.
        to: AxisId,
    },
    /// Several axes as one: row-major, the first slowest. Their places in the type are taken by one at the first's place.
    Merge {
        /// The operand's axes.
        from: Vec<AxisId>,
        /// The result's axis, whose size is the product.
        into: AxisId,
    },
    /// One axis as several: the inverse of `Merge`.
    Split {
        /// The operand's axis.
        from: AxisId,
        /// The result's axes.
        into: Vec<AxisId>,
    },
    /// Entries `start`, `start + 1`, … of an axis, as many as the result's axis is long.
    Slice {
        /// The operand's axis.
        from: AxisId,
        /// The result's axis.
        into: AxisId,
        /// The first entry.
        start: Size,
    },
    /// A longer axis: the operand from `before` on, the number `value` elsewhere.
    Pad {
        /// The operand's axis.
        from: AxisId,
        /// The result's axis.
        into: AxisId,
        /// How many entries come before.
        before: Size,
        /// What the new entries hold.
        value: Scalar,
    },
    /// Windows on an axis: the entry at a place and a tap is the operand's at `place * stride + tap * dilation - before`, and the number
    /// `value` where the operand has none. The steps are at least 1.
    Window {
        /// The operand's axis.
        from: AxisId,
        /// The result's axis of windows.
        places: AxisId,
        /// The result's axis of what a window shows.
        taps: AxisId,
        /// How far the next window is.
        stride: Size,
        /// How far the next tap is.
        dilation: Size,
        /// How many entries of the first window come before the operand.
        before: Size,
        /// What stands before and after the operand.
        value: Scalar,
    },
    /// The operands one after the other along an axis; each has its own axis there.
    Concatenate {
        /// The operands' axes.
        from: Vec<AxisId>,
        /// The result's axis, whose size is the sum.
        into: AxisId,
    },
    /// `(table, index)`: the entries of the table along `axis` that the integer index names. The result has the index's axes, then
    /// the table's but `axis`; axes they share align. An index outside the axis is an error while running.
    Gather {
        /// The table's axis.
        axis: AxisId,
    },
    /// `(updates, index)`: zero, plus each update added where the integer index says along the new axis `into`; the axes `over` (those
    /// of the updates that end) are summed, in ascending order. The adjoint of `Gather`.
    ScatterAdd {
        /// The axes of the operands that end.
        over: Vec<AxisId>,
        /// The result's axis.
        into: AxisId,
    },
    /// `(base, updates, index)`: the base, with the entries along `axis` that the integer index names replaced by the updates; the axes
    /// `over` (of the updates and the index) end. Of several updates of one entry the last counts, the first of `over` slowest. An index
    /// outside the axis is an error while running.
    Scatter {
        /// The axes of the updates and the index that end.
        over: Vec<AxisId>,
        /// The base's axis that the index is along.
        axis: AxisId,
    },
    /// Where the `count` largest entries along an axis are (all, if the axis is shorter): ties go to the lowest coordinate, NaN is
    /// below -inf. The result is `bool`.
    LargestMask {
        /// How many.
        count: Size,
        /// The axis.
        axis: AxisId,
    },
    /// The coordinate of the largest entry along an axis, the lowest of several, as `i64`. The axis ends; it must not be empty.
    ArgMax {
        /// The axis.
        axis: AxisId,
    },
    /// Sums of all entries up to and including each, along an axis.
    CumulativeSum {
        /// The axis.
        axis: AxisId,
    },
    /// The entries along an axis in ascending order, NaN last.
    Sort {
        /// The axis.
        axis: AxisId,
    },
    /// A checked claim about a `bool` operand, which is also the result: at most `count` entries over `axes` are true, for each place along its
    /// other axes; otherwise running stops with an error.
    Expect {
        /// How many.
        count: Size,
        /// Over which axes; sorted.
        axes: Vec<AxisId>,
    },
    /// Result `result` of a function. Its operands are the function's parameters in order.
    Call {
        /// The function.
        function: FunctionId,
        /// For each axis of the function's parameters and results, the axis here.
        axes: Vec<(AxisId, AxisId)>,
        /// Which result.
        result: u32,
    },
    /// A function applied once for each entry of an axis, its first results fed back into its first parameters. The operands are
    /// `carried` first values, then `stacked` values that have the axis `over` (each round sees its entry), then values that all rounds share.
    /// Results of the function beyond the carried ones are collected: those of all rounds, one after the other along `over`.
    Repeat {
        /// The function; its first results are the next carried values.
        function: FunctionId,
        /// For each axis of the function's parameters and results, the axis here.
        axes: Vec<(AxisId, AxisId)>,
        /// The axis that counts the rounds.
        over: AxisId,
        /// How many values are carried.
        carried: u32,
        /// How many values are stacked.
        stacked: u32,
        /// Which carried value, or from `carried` on which collected one: of those the axis `over` comes first.
        result: u32,
    },
    /// `(count, carried…, shared…)`: a function applied `count` times (an `i64` without axes).
    Fold {
        /// The function; its results are the next carried values.
        function: FunctionId,
        /// For each axis of the function's parameters and results, the axis here.
        axes: Vec<(AxisId, AxisId)>,
        /// How many values are carried.
        carried: u32,
        /// Which carried value.
        result: u32,
    },
    /// `(mask, value)`: the axes of the mask become one axis of the mask's true entries, in row-major order of the mask's axes. A
    /// value that lacks some of these axes is read at the coordinates of those it has (rows are gathered). The result has the packed
    /// axis, then the value's other axes. A value that has none of the mask's axes is not packed.
    Pack {
        /// The packed axis; a ragged axis made for this mask.
        into: AxisId,
    },
    /// `(mask, packed)`: the inverse of `Pack`: the mask's axes, then the others; `background` where the mask is false.
    Unpack {
        /// The packed axis.
        from: AxisId,
        /// What stands where the mask is false.
        background: Scalar,
    },
    /// `(mask, packed)`: the packed entries brought together along some of the mask's axes, in ascending order of the coordinates; the
    /// result has the mask's other axes, then the packed value's others. Where nothing is packed stands the kind's identity.
    SegmentReduce {
        /// How.
        kind: ReduceKind,
        /// The packed axis.
        from: AxisId,
        /// The axes of the mask that end; sorted.
        over: Vec<AxisId>,
    },
}

/// How entries are brought together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ReduceKind {
    /// The sum; sums of 16-bit floats are kept in `f32`, and rounded once at the end.
    Sum,
    /// The product, likewise.
    Product,
    /// The largest; NaN if there is one; -inf or the lowest integer of nothing.
    Maximum,
    /// The smallest; NaN if there is one; inf or the highest integer of nothing.
    Minimum,
    /// Whether any is true.
    Any,
    /// Whether all are true.
    All,
}

/// Which operand's absorbing value decides a binary operation alone, whatever the other holds, NaN and infinities included.
///
/// The absorbing value is 0 for `Multiply` and for the numerator of `Divide`; -inf for `Add`, for the left of `Subtract` and for
/// `Minimum`; inf for `Maximum`; `false` for `And` and `true` for `Or`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub enum Absorb {
    /// Neither: ordinary arithmetic.
    #[default]
    Neither,
    /// The left operand's.
    Left,
    /// The right operand's.
    Right,
    /// Either's.
    Both,
}

/// The table of scalar functions. Arithmetic on 16-bit floats is done in `f32` and rounded after each function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ScalarFunction {
    /// `-a`
    Negate,
    /// `|a|`
    Absolute,
    /// e to the a
    Exponential,
    /// e to the a, minus 1, exact near 0
    ExponentialMinusOne,
    /// the natural logarithm
    Logarithm,
    /// the natural logarithm of 1 + a, exact near 0
    LogarithmPlusOne,
    /// the square root
    SquareRoot,
    /// the sine
    Sine,
    /// the cosine
    Cosine,
    /// the hyperbolic tangent
    HyperbolicTangent,
    /// the error function
    ErrorFunction,
    /// the largest integer not above
    Floor,
    /// the smallest integer not below
    Ceiling,
    /// the nearest integer, ties to even
    Round,
    /// -1, 0 or 1; NaN of NaN
    Sign,
    /// logical not
    Not,
    /// whether it is NaN
    IsNan,
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`; integers truncate, and divided by 0 give 0
    Divide,
    /// the remainder of a truncating division, with the sign of `a`; of integers by 0 it is 0
    Remainder,
    /// a to the b
    Power,
    /// the smaller, NaN if either is
    Minimum,
    /// the larger, NaN if either is
    Maximum,
    /// `a == b`
    Equal,
    /// `a != b`
    NotEqual,
    /// `a < b`
    Less,
    /// `a <= b`
    LessEqual,
    /// `a > b`
    Greater,
    /// `a >= b`
    GreaterEqual,
    /// logical and
    And,
    /// logical or
    Or,
    /// a number from 0 to below 1 that the key `a` and the counter `b` give: see [`crate::uniform`]
    Random,
    /// `a ? b : c`
    Select,
}

/// What kinds of numbers a scalar function takes, and what it gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signature {
    /// Floats to the same type.
    Float,
    /// Numbers to the same type.
    Number,
    /// Truth values to a truth value.
    Boolean,
    /// Anything, both alike, to a truth value.
    Comparison,
    /// Floats to a truth value.
    FloatTest,
    /// Two `i64` to an `f32`.
    Draw,
    /// A truth value and two alike, to their type.
    Choice,
}

impl ScalarFunction {
    /// All of them, in the order of the table.
    pub const ALL: [ScalarFunction; 35] = {
        use ScalarFunction as F;
        [
            F::Negate,
            F::Absolute,
            F::Exponential,
            F::ExponentialMinusOne,
            F::Logarithm,
            F::LogarithmPlusOne,
            F::SquareRoot,
            F::Sine,
            F::Cosine,
            F::HyperbolicTangent,
            F::ErrorFunction,
            F::Floor,
            F::Ceiling,
            F::Round,
            F::Sign,
            F::Not,
            F::IsNan,
            F::Add,
            F::Subtract,
            F::Multiply,
            F::Divide,
            F::Remainder,
            F::Power,
            F::Minimum,
            F::Maximum,
            F::Equal,
            F::NotEqual,
            F::Less,
            F::LessEqual,
            F::Greater,
            F::GreaterEqual,
            F::And,
            F::Or,
            F::Random,
            F::Select,
        ]
    };

    /// The name it has in the text form and, where the language has no operator for it, in the language.
    pub const fn name(self) -> &'static str {
        use ScalarFunction as F;
        match self {
            F::Negate => "negate",
            F::Absolute => "abs",
            F::Exponential => "exp",
            F::ExponentialMinusOne => "exp_minus_one",
            F::Logarithm => "log",
            F::LogarithmPlusOne => "log_plus_one",
            F::SquareRoot => "sqrt",
            F::Sine => "sin",
            F::Cosine => "cos",
            F::HyperbolicTangent => "tanh",
            F::ErrorFunction => "erf",
            F::Floor => "floor",
            F::Ceiling => "ceil",
            F::Round => "round",
            F::Sign => "sign",
            F::Not => "not",
            F::IsNan => "is_nan",
            F::Add => "add",
            F::Subtract => "subtract",
            F::Multiply => "multiply",
            F::Divide => "divide",
            F::Remainder => "remainder",
            F::Power => "pow",
            F::Minimum => "minimum",
            F::Maximum => "maximum",
            F::Equal => "equal",
            F::NotEqual => "not_equal",
            F::Less => "less",
            F::LessEqual => "less_equal",
            F::Greater => "greater",
            F::GreaterEqual => "greater_equal",
            F::And => "and",
            F::Or => "or",
            F::Random => "random",
            F::Select => "where",
        }
    }

    /// What it takes and gives.
    pub const fn signature(self) -> Signature {
        use ScalarFunction as F;
        match self {
            F::Negate
            | F::Absolute
            | F::Sign
            | F::Add
            | F::Subtract
            | F::Multiply
            | F::Divide
            | F::Remainder
            | F::Minimum
            | F::Maximum => Signature::Number,
            F::Exponential
            | F::ExponentialMinusOne
            | F::Logarithm
            | F::LogarithmPlusOne
            | F::SquareRoot
            | F::Sine
            | F::Cosine
            | F::HyperbolicTangent
            | F::ErrorFunction
            | F::Floor
            | F::Ceiling
            | F::Round
            | F::Power => Signature::Float,
            F::Not | F::And | F::Or => Signature::Boolean,
            F::IsNan => Signature::FloatTest,
            F::Equal | F::NotEqual | F::Less | F::LessEqual | F::Greater | F::GreaterEqual => {
                Signature::Comparison
            }
            F::Random => Signature::Draw,
            F::Select => Signature::Choice,
        }
    }

    /// How many operands it takes.
    pub const fn arity(self) -> usize {
        use ScalarFunction as F;
        match self {
            F::Select => 3,
            F::Negate
            | F::Absolute
            | F::Exponential
            | F::ExponentialMinusOne
            | F::Logarithm
            | F::LogarithmPlusOne
            | F::SquareRoot
            | F::Sine
            | F::Cosine
            | F::HyperbolicTangent
            | F::ErrorFunction
            | F::Floor
            | F::Ceiling
            | F::Round
            | F::Sign
            | F::Not
            | F::IsNan => 1,
            _ => 2,
        }
    }

    /// The absorbing values of the left and of the right operand, and the result each gives, all as an `f64` (truth values as
    /// 0 and 1); `None` where that operand never absorbs.
    pub const fn absorbing(self) -> [Option<Absorption>; 2] {
        use ScalarFunction as F;
        const fn same(value: f64) -> Option<Absorption> {
            Some(Absorption { value, result: value })
        }
        match self {
            F::Multiply | F::And => [same(0.0), same(0.0)],
            F::Divide => [same(0.0), None],
            F::Add | F::Minimum => [same(f64::NEG_INFINITY), same(f64::NEG_INFINITY)],
            F::Subtract => [same(f64::NEG_INFINITY), None],
            F::Maximum => [same(f64::INFINITY), same(f64::INFINITY)],
            F::Or => [same(1.0), same(1.0)],
            _ => [None, None],
        }
    }
}

/// An operand's value that decides a result alone.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Absorption {
    /// The operand's value.
    pub value: f64,
    /// The result.
    pub result: f64,
}

impl ReduceKind {
    /// All of them.
    pub const ALL: [ReduceKind; 6] = [
        ReduceKind::Sum,
        ReduceKind::Product,
        ReduceKind::Maximum,
        ReduceKind::Minimum,
        ReduceKind::Any,
        ReduceKind::All,
    ];

    /// The name it has in the language and the text form.
    pub const fn name(self) -> &'static str {
        match self {
            ReduceKind::Sum => "sum",
            ReduceKind::Product => "product",
            ReduceKind::Maximum => "max",
            ReduceKind::Minimum => "min",
            ReduceKind::Any => "any",
            ReduceKind::All => "all",
        }
    }

    /// The function that brings two together.
    pub const fn function(self) -> ScalarFunction {
        match self {
            ReduceKind::Sum => ScalarFunction::Add,
            ReduceKind::Product => ScalarFunction::Multiply,
            ReduceKind::Maximum => ScalarFunction::Maximum,
            ReduceKind::Minimum => ScalarFunction::Minimum,
            ReduceKind::Any => ScalarFunction::Or,
            ReduceKind::All => ScalarFunction::And,
        }
    }

    /// What nothing gives, as a number of `element`.
    pub fn identity(self, element: Element) -> Scalar {
        let extreme = |float: f64, integer: i128| {
            Scalar::float(element, float)
                .or_else(|| Scalar::integer(element, integer))
                .unwrap_or(Scalar::boolean(integer > 0))
        };
        let (low, high): (i128, i128) = match element {
            Element::I64 => (i64::MIN.into(), i64::MAX.into()),
            Element::I32 => (i32::MIN.into(), i32::MAX.into()),
            Element::I8 => (i8::MIN.into(), i8::MAX.into()),
            Element::U64 => (0, u64::MAX.into()),
            Element::U32 => (0, u32::MAX.into()),
            Element::U8 => (0, u8::MAX.into()),
            _ => (0, 1),
        };
        match self {
            ReduceKind::Sum => Scalar::zero(element),
            ReduceKind::Product => extreme(1.0, 1),
            ReduceKind::Maximum => extreme(f64::NEG_INFINITY, low),
            ReduceKind::Minimum => extreme(f64::INFINITY, high),
            ReduceKind::Any => Scalar::boolean(false),
            ReduceKind::All => Scalar::boolean(true),
        }
    }
}
