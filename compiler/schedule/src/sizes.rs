//! From the graph's sizes to the program's.

use moe_graph::{Atom, AxisId, Function, Size};
use moe_runtime::program::SizeExpression;

/// The free sizes of a program, in the order in which they are first met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Symbols {
    names: Vec<String>,
}

impl Symbols {
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn place(&mut self, name: &str) -> u32 {
        let found = self.names.iter().position(|known| known == name);
        found.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        }) as u32
    }

    /// The size as the program form writes it.
    pub fn expression(&mut self, size: &Size) -> SizeExpression {
        let mut sum: Option<SizeExpression> = None;
        let terms: Vec<(i64, Vec<Atom>)> = size.terms().map(|(c, atoms)| (c, atoms.to_vec())).collect();
        for (coefficient, atoms) in terms {
            let negative = coefficient < 0;
            let term = self.term(coefficient.saturating_abs(), &atoms);
            sum = Some(match (sum, negative) {
                (None, false) => term,
                (None, true) => {
                    SizeExpression::Subtract(Box::new(SizeExpression::Constant(0)), Box::new(term))
                }
                (Some(sum), false) => SizeExpression::Add(Box::new(sum), Box::new(term)),
                (Some(sum), true) => SizeExpression::Subtract(Box::new(sum), Box::new(term)),
            });
        }
        sum.unwrap_or(SizeExpression::Constant(0))
    }

    fn term(&mut self, coefficient: i64, atoms: &[Atom]) -> SizeExpression {
        let mut product = match (coefficient, atoms) {
            (1, [_, ..]) => None,
            _ => Some(SizeExpression::Constant(coefficient)),
        };
        for atom in atoms {
            let factor = self.atom(atom);
            product = Some(match product {
                None => factor,
                Some(product) => SizeExpression::Multiply(Box::new(product), Box::new(factor)),
            });
        }
        product.unwrap_or(SizeExpression::Constant(coefficient))
    }

    fn atom(&mut self, atom: &Atom) -> SizeExpression {
        match atom {
            Atom::Symbol(name) => SizeExpression::Symbol(self.place(name)),
            Atom::Minimum(a, b) => {
                SizeExpression::Minimum(Box::new(self.expression(a)), Box::new(self.expression(b)))
            }
            Atom::Maximum(a, b) => {
                SizeExpression::Maximum(Box::new(self.expression(a)), Box::new(self.expression(b)))
            }
            Atom::CeilingDivide(a, b) => {
                SizeExpression::CeilingDivide(Box::new(self.expression(a)), Box::new(self.expression(b)))
            }
        }
    }
}

/// The product of sizes.
pub(crate) fn product<'a>(sizes: impl IntoIterator<Item = &'a Size>) -> Size {
    sizes.into_iter().fold(Size::constant(1), |product, size| product.multiply(size))
}

/// How many entries a value of a function has along axes.
pub(crate) fn entries(function: &Function, axes: &[AxisId]) -> Size {
    product(&axes.iter().map(|axis| function.size(*axis)).collect::<Vec<_>>())
}

/// The quotient by a positive number, rounded up.
pub(crate) fn ceiling(size: &Size, divisor: i64) -> Size {
    size.ceiling_divide(&Size::constant(divisor.max(1))).unwrap_or_default()
}

/// The quotient of two numbers, the divisor positive, rounded up.
pub(crate) fn rounded_up(number: i64, divisor: i64) -> i64 {
    number / divisor + i64::from(number % divisor > 0)
}

/// Rounded up to a multiple of 64, the alignment of buffers.
pub(crate) fn aligned(size: &Size) -> Size {
    if size.terms().all(|(coefficient, _)| coefficient % 64 == 0) {
        return size.clone();
    }
    ceiling(size, 64).multiply(&Size::constant(64))
}
