//! The arithmetic of sizes: 64 bits, and never a silent overflow.

use crate::program::SizeExpression;

/// The value of an expression; `None` if it overflows, divides by a number that is not positive, names a free size that
/// there is not, or counts something that only a run can know.
pub fn evaluate(expression: &SizeExpression, symbols: &[i64]) -> Option<i64> {
    evaluate_counted(expression, symbols, &|_, _| None)
}

/// Like [`evaluate`], with `read` for the entries of buffers: the buffer's index and the entry's.
pub fn evaluate_counted(
    expression: &SizeExpression,
    symbols: &[i64],
    read: &dyn Fn(u32, i64) -> Option<i64>,
) -> Option<i64> {
    let of = |part: &SizeExpression| evaluate_counted(part, symbols, read);
    match expression {
        SizeExpression::Constant(value) => Some(*value),
        SizeExpression::Symbol(index) => symbols.get(*index as usize).copied(),
        SizeExpression::Add(left, right) => of(left)?.checked_add(of(right)?),
        SizeExpression::Subtract(left, right) => of(left)?.checked_sub(of(right)?),
        SizeExpression::Multiply(left, right) => of(left)?.checked_mul(of(right)?),
        SizeExpression::Minimum(left, right) => Some(of(left)?.min(of(right)?)),
        SizeExpression::Maximum(left, right) => Some(of(left)?.max(of(right)?)),
        SizeExpression::CeilingDivide(left, right) => {
            let (dividend, divisor) = (of(left)?, positive(of(right)?)?);
            let rest = i64::from(dividend.rem_euclid(divisor) != 0);
            Some(dividend.div_euclid(divisor) + rest)
        }
        SizeExpression::FloorDivide(left, right) => Some(of(left)?.div_euclid(positive(of(right)?)?)),
        SizeExpression::Counted { buffer, entry } => read(*buffer, of(entry)?),
    }
}

fn positive(value: i64) -> Option<i64> {
    (value > 0).then_some(value)
}

/// The free size that an axis is by itself, or that it is a number longer than: its index, and the number.
pub fn free(expression: &SizeExpression) -> Option<(u32, i64)> {
    match expression {
        SizeExpression::Symbol(index) => Some((*index, 0)),
        SizeExpression::Add(left, right) => match (&**left, &**right) {
            (SizeExpression::Symbol(index), SizeExpression::Constant(more))
            | (SizeExpression::Constant(more), SizeExpression::Symbol(index)) => Some((*index, *more)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether an expression counts something that only a run can know.
pub fn is_counted(expression: &SizeExpression) -> bool {
    parts(expression).map_or(matches!(expression, SizeExpression::Counted { .. }), |(left, right)| {
        is_counted(left) || is_counted(right)
    })
}

/// Whether an expression has no free size in it.
pub fn is_fixed(expression: &SizeExpression) -> bool {
    parts(expression).map_or(matches!(expression, SizeExpression::Constant(_)), |(left, right)| {
        is_fixed(left) && is_fixed(right)
    })
}

/// The two operands of an operation.
fn parts(expression: &SizeExpression) -> Option<(&SizeExpression, &SizeExpression)> {
    match expression {
        SizeExpression::Add(left, right)
        | SizeExpression::Subtract(left, right)
        | SizeExpression::Multiply(left, right)
        | SizeExpression::Minimum(left, right)
        | SizeExpression::Maximum(left, right)
        | SizeExpression::CeilingDivide(left, right)
        | SizeExpression::FloorDivide(left, right) => Some((left, right)),
        SizeExpression::Constant(_) | SizeExpression::Symbol(_) | SizeExpression::Counted { .. } => None,
    }
}

/// Calls `visit` with every free size and every counted buffer of an expression.
pub fn visit(expression: &SizeExpression, visit_leaf: &mut dyn FnMut(&SizeExpression)) {
    if let Some((left, right)) = parts(expression) {
        visit(left, visit_leaf);
        visit(right, visit_leaf);
        return;
    }
    visit_leaf(expression);
    if let SizeExpression::Counted { entry, .. } = expression {
        visit(entry, visit_leaf);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SizeExpression::*;

    fn of(
        make: fn(Box<SizeExpression>, Box<SizeExpression>) -> SizeExpression,
        left: i64,
        right: i64,
    ) -> Option<i64> {
        evaluate(&make(Box::new(Constant(left)), Box::new(Constant(right))), &[])
    }

    #[test]
    fn divisions_round_as_named() {
        assert_eq!(of(CeilingDivide, 7, 2), Some(4));
        assert_eq!(of(CeilingDivide, 8, 2), Some(4));
        assert_eq!(of(CeilingDivide, -7, 2), Some(-3));
        assert_eq!(of(FloorDivide, 7, 2), Some(3));
        assert_eq!(of(FloorDivide, -7, 2), Some(-4));
        assert_eq!(of(FloorDivide, 7, 0), None);
    }

    #[test]
    fn an_overflow_is_noticed() {
        assert_eq!(of(Multiply, i64::MAX, 2), None);
        assert_eq!(of(Add, i64::MAX, 1), None);
        assert_eq!(of(Subtract, i64::MIN, 1), None);
    }

    #[test]
    fn counts_are_read_where_there_is_something_to_read() {
        let counted = Counted { buffer: 3, entry: Box::new(Symbol(0)) };
        assert_eq!(evaluate(&counted, &[2]), None);
        assert_eq!(
            evaluate_counted(&counted, &[2], &|buffer, entry| Some(i64::from(buffer) * 10 + entry)),
            Some(32)
        );
        assert!(is_counted(&Add(Box::new(Constant(1)), Box::new(counted))));
    }
}
