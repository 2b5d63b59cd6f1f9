//! Sizes of axes: integer expressions over free sizes, kept in a normal form in which equal sizes are usually equal.
//!
//! The normal form is a polynomial with integer coefficients over atoms; an atom is a free size, or a minimum, maximum,
//! or rounded-up quotient of two sizes. Free sizes are not negative.

use std::fmt;
use std::sync::Arc;

/// How many minima and maxima are replaced in one proof that a size is at most another.
const MOST_REPLACEMENTS: u32 = 64;

/// A size. Copies share what they are made of.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Size {
    /// In the order of their monomials, each of which is there once.
    terms: Arc<[Term]>,
}

/// A monomial, which is a sorted list of atoms, and its coefficient, which is not zero.
type Term = (Arc<[Atom]>, i64);

/// What a size is built from besides numbers.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Atom {
    /// A free size, such as `N`.
    Symbol(Arc<str>),
    /// The smaller of two.
    Minimum(Size, Size),
    /// The larger of two.
    Maximum(Size, Size),
    /// The quotient of two, rounded up.
    CeilingDivide(Size, Size),
}

impl Size {
    /// A number.
    pub fn constant(value: i64) -> Self {
        Size::term(Arc::default(), value)
    }

    /// A free size.
    pub fn symbol(name: &str) -> Self {
        Size::atom(Atom::Symbol(name.into()))
    }

    fn atom(atom: Atom) -> Self {
        Size::term(Arc::new([atom]), 1)
    }

    fn term(atoms: Arc<[Atom]>, coefficient: i64) -> Self {
        match coefficient {
            0 => Size::default(),
            _ => Size { terms: Arc::new([(atoms, coefficient)]) },
        }
    }

    /// The sum of terms in any order.
    fn sum(mut terms: Vec<Term>) -> Self {
        terms.sort_by(|(left, _), (right, _)| left.cmp(right));
        terms.dedup_by(|next, term| {
            let alike = next.0 == term.0;
            if alike {
                term.1 = term.1.saturating_add(next.1);
            }
            alike
        });
        terms.retain(|(_, coefficient)| *coefficient != 0);
        Size { terms: terms.into() }
    }

    /// Its value, if it has no free sizes.
    pub fn as_constant(&self) -> Option<i64> {
        match &*self.terms {
            [] => Some(0),
            [(atoms, coefficient)] if atoms.is_empty() => Some(*coefficient),
            _ => None,
        }
    }

    /// The terms: each a coefficient and the atoms it multiplies.
    pub fn terms(&self) -> impl Iterator<Item = (i64, &[Atom])> {
        self.terms.iter().map(|(atoms, coefficient)| (*coefficient, &**atoms))
    }

    /// The sum. Sizes saturate at the ends of `i64`.
    #[must_use]
    pub fn add(&self, other: &Size) -> Size {
        match (&*self.terms, &*other.terms) {
            (_, []) => self.clone(),
            ([], _) => other.clone(),
            (left, right) => Size::sum([left, right].concat()),
        }
    }

    /// The difference.
    #[must_use]
    pub fn subtract(&self, other: &Size) -> Size {
        self.add(&other.scaled(-1))
    }

    /// The product with a number.
    fn scaled(&self, factor: i64) -> Size {
        let terms =
            self.terms.iter().map(|(atoms, coefficient)| (atoms.clone(), coefficient.saturating_mul(factor)));
        Size { terms: terms.filter(|(_, coefficient)| *coefficient != 0).collect() }
    }

    /// The product.
    #[must_use]
    pub fn multiply(&self, other: &Size) -> Size {
        match (self.as_constant(), other.as_constant()) {
            (_, Some(factor)) => return self.scaled(factor),
            (Some(factor), _) => return other.scaled(factor),
            (None, None) => {}
        }
        let terms = self.terms.iter().flat_map(|(left, a)| {
            other.terms.iter().map(move |(right, b)| {
                let mut atoms = [&**left, &**right].concat();
                atoms.sort();
                (atoms.into(), a.saturating_mul(*b))
            })
        });
        Size::sum(terms.collect())
    }

    /// The smaller of two.
    #[must_use]
    pub fn minimum(&self, other: &Size) -> Size {
        if self.at_most(other) {
            self.clone()
        } else if other.at_most(self) {
            other.clone()
        } else {
            let (a, b) = if self <= other { (self, other) } else { (other, self) };
            Size::atom(Atom::Minimum(a.clone(), b.clone()))
        }
    }

    /// The larger of two.
    #[must_use]
    pub fn maximum(&self, other: &Size) -> Size {
        if self.at_most(other) {
            other.clone()
        } else if other.at_most(self) {
            self.clone()
        } else {
            let (a, b) = if self <= other { (self, other) } else { (other, self) };
            Size::atom(Atom::Maximum(a.clone(), b.clone()))
        }
    }

    /// The quotient rounded up; `None` if the divisor is a number below 1.
    pub fn ceiling_divide(&self, other: &Size) -> Option<Size> {
        match (self.as_constant(), other.as_constant()) {
            (_, Some(divisor)) if divisor < 1 => None,
            (_, Some(1)) => Some(self.clone()),
            (Some(a), Some(b)) => Some(Size::constant(a.div_euclid(b) + i64::from(a.rem_euclid(b) != 0))),
            _ => Some(Size::atom(Atom::CeilingDivide(self.clone(), other.clone()))),
        }
    }

    /// Rounded up to a multiple of `other`.
    pub fn round_up(&self, other: &Size) -> Option<Size> {
        Some(self.ceiling_divide(other)?.multiply(other))
    }

    /// Whether it can be proven that `self <= other` for all free sizes ≥ 0. `false` means "not proven".
    pub fn at_most(&self, other: &Size) -> bool {
        self == other || other.subtract(self).is_proven_not_negative(&mut { MOST_REPLACEMENTS })
    }

    fn is_never_negative(&self) -> bool {
        self.terms
            .iter()
            .all(|(atoms, coefficient)| *coefficient > 0 && atoms.iter().all(Atom::is_never_negative))
    }

    /// Whether it is 0 or more, by its terms, or with a minimum or maximum in it replaced: where that makes it smaller, by one of the two; else by
    /// either in turn. At most `left` are.
    fn is_proven_not_negative(&self, left: &mut u32) -> bool {
        if self.is_never_negative() {
            return true;
        }
        let found = self.terms.iter().find_map(|(atoms, coefficient)| self.replaced(atoms, *coefficient));
        let Some((a, b, one_is_enough)) = found.filter(|_| *left > 0) else { return false };
        *left -= 1;
        let first = a.is_proven_not_negative(left);
        if first == one_is_enough {
            return first;
        }
        b.is_proven_not_negative(left)
    }

    /// The size with a minimum or maximum in one of its terms replaced by either of the two, and whether it is at least as much as it is with either
    /// (and not: with one of them). `None` if there is no such factor beside others that are never negative.
    fn replaced(&self, atoms: &[Atom], coefficient: i64) -> Option<(Size, Size, bool)> {
        atoms.iter().enumerate().find_map(|(place, atom)| {
            let (a, b, one_is_enough) = match atom {
                Atom::Minimum(a, b) => (a, b, coefficient < 0),
                Atom::Maximum(a, b) => (a, b, coefficient > 0),
                _ => return None,
            };
            let mut others = atoms.to_vec();
            others.remove(place);
            if !others.iter().all(Atom::is_never_negative) {
                return None;
            }
            let factor = Size::term(others.into(), coefficient);
            let rest =
                Size { terms: self.terms.iter().filter(|(other, _)| **other != *atoms).cloned().collect() };
            Some((rest.add(&factor.multiply(a)), rest.add(&factor.multiply(b)), one_is_enough))
        })
    }

    /// The atom it is, if it is just that.
    pub fn as_atom(&self) -> Option<&Atom> {
        match &*self.terms {
            [(atoms, 1)] => match &**atoms {
                [atom] => Some(atom),
                _ => None,
            },
            _ => None,
        }
    }

    /// The free size it is, if it is just that.
    pub fn as_symbol(&self) -> Option<&str> {
        match self.as_atom() {
            Some(Atom::Symbol(name)) => Some(name),
            _ => None,
        }
    }

    /// The free size that this is, and how much more it is: `B + 1` is `(B, 1)`.
    pub fn as_shifted_symbol(&self) -> Option<(&str, i64)> {
        let more = self.terms().find(|(_, atoms)| atoms.is_empty()).map_or(0, |(more, _)| more);
        let mut factors = self.terms().filter(|(_, atoms)| !atoms.is_empty());
        match (factors.next(), factors.next()) {
            (Some((1, [Atom::Symbol(name)])), None) => Some((name, more)),
            _ => None,
        }
    }

    /// Its value where the free sizes are as `lookup` says; `None` if one is missing or numbers overflow.
    pub fn evaluate(&self, lookup: &dyn Fn(&str) -> Option<i64>) -> Option<i64> {
        self.terms.iter().try_fold(0_i64, |sum, (atoms, coefficient)| {
            let product = atoms
                .iter()
                .try_fold(*coefficient, |product, atom| product.checked_mul(atom.evaluate(lookup)?))?;
            sum.checked_add(product)
        })
    }

    /// With free sizes replaced as `lookup` says; those it gives nothing for stay.
    #[must_use]
    pub fn substitute(&self, lookup: &dyn Fn(&str) -> Option<Size>) -> Size {
        self.terms.iter().fold(Size::constant(0), |sum, (atoms, coefficient)| {
            let product = atoms.iter().fold(Size::constant(*coefficient), |product, atom| {
                product.multiply(&atom.substitute(lookup))
            });
            sum.add(&product)
        })
    }

    /// Whether a number in it is at an end of `i64`, as after a sum or product that went beyond.
    pub fn is_saturated(&self) -> bool {
        let ends = |coefficient: &i64| matches!(*coefficient, i64::MIN | i64::MAX);
        self.terms.iter().any(|(_, coefficient)| ends(coefficient))
            || self.operands().any(|(a, b)| a.is_saturated() || b.is_saturated())
    }

    /// How many numbers and names it has, those inside minima, maxima and quotients too.
    pub fn parts(&self) -> usize {
        let inside: usize = self.operands().map(|(a, b)| a.parts() + b.parts()).sum();
        self.terms.iter().map(|(atoms, _)| 1 + atoms.len()).sum::<usize>() + inside
    }

    /// How deep minima, maxima and quotients stand in each other.
    pub fn nesting(&self) -> usize {
        self.operands().map(|(a, b)| 1 + a.nesting().max(b.nesting())).max().unwrap_or(0)
    }

    fn atoms(&self) -> impl Iterator<Item = &Atom> {
        self.terms.iter().flat_map(|(atoms, _)| &**atoms)
    }

    fn operands(&self) -> impl Iterator<Item = (&Size, &Size)> {
        self.atoms().filter_map(|atom| match atom {
            Atom::Symbol(_) => None,
            Atom::Minimum(a, b) | Atom::Maximum(a, b) | Atom::CeilingDivide(a, b) => Some((a, b)),
        })
    }

    /// Calls `visit` with every free size in it.
    pub fn symbols(&self, visit: &mut dyn FnMut(&str)) {
        for atom in self.atoms() {
            match atom {
                Atom::Symbol(name) => visit(name),
                Atom::Minimum(a, b) | Atom::Maximum(a, b) | Atom::CeilingDivide(a, b) => {
                    a.symbols(visit);
                    b.symbols(visit);
                }
            }
        }
    }
}

impl Atom {
    fn is_never_negative(&self) -> bool {
        match self {
            Atom::Symbol(_) => true,
            Atom::Minimum(a, b) | Atom::CeilingDivide(a, b) => a.is_never_negative() && b.is_never_negative(),
            Atom::Maximum(a, b) => a.is_never_negative() || b.is_never_negative(),
        }
    }

    fn evaluate(&self, lookup: &dyn Fn(&str) -> Option<i64>) -> Option<i64> {
        match self {
            Atom::Symbol(name) => lookup(name),
            Atom::Minimum(a, b) => Some(a.evaluate(lookup)?.min(b.evaluate(lookup)?)),
            Atom::Maximum(a, b) => Some(a.evaluate(lookup)?.max(b.evaluate(lookup)?)),
            Atom::CeilingDivide(a, b) => {
                let (a, b) = (a.evaluate(lookup)?, b.evaluate(lookup)?);
                (b > 0).then(|| a.div_euclid(b) + i64::from(a.rem_euclid(b) != 0))
            }
        }
    }

    fn substitute(&self, lookup: &dyn Fn(&str) -> Option<Size>) -> Size {
        match self {
            Atom::Symbol(name) => lookup(name).unwrap_or_else(|| Size::symbol(name)),
            Atom::Minimum(a, b) => a.substitute(lookup).minimum(&b.substitute(lookup)),
            Atom::Maximum(a, b) => a.substitute(lookup).maximum(&b.substitute(lookup)),
            Atom::CeilingDivide(a, b) => {
                let (a, b) = (a.substitute(lookup), b.substitute(lookup));
                a.ceiling_divide(&b).unwrap_or_else(|| Size::atom(Atom::CeilingDivide(a, b)))
            }
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.terms.is_empty() {
            return f.write_str("0");
        }
        // Terms with atoms first, then the number: `4 * D + 1`.
        let ordered = self
            .terms
            .iter()
            .filter(|(a, _)| !a.is_empty())
            .chain(self.terms.iter().filter(|(a, _)| a.is_empty()));
        for (place, (atoms, coefficient)) in ordered.enumerate() {
            let magnitude = coefficient.unsigned_abs();
            f.write_str(match (place, *coefficient < 0) {
                (0, false) => "",
                (0, true) => "-",
                (_, false) => " + ",
                (_, true) => " - ",
            })?;
            let mut factors: Vec<String> = atoms.iter().map(ToString::to_string).collect();
            if magnitude != 1 || factors.is_empty() {
                factors.insert(0, magnitude.to_string());
            }
            f.write_str(&factors.join(" * "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Atom::Symbol(name) => f.write_str(name),
            Atom::Minimum(a, b) => write!(f, "min({a}, {b})"),
            Atom::Maximum(a, b) => write!(f, "max({a}, {b})"),
            Atom::CeilingDivide(a, b) => write!(f, "ceil_div({a}, {b})"),
        }
    }
}

impl fmt::Debug for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<i64> for Size {
    fn from(value: i64) -> Self {
        Size::constant(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_minima_are_at_most_sums_of_either_operand() {
        let (e, n) = (Size::symbol("E"), Size::symbol("N"));
        let capped = |count: i64| Size::constant(count).minimum(&e);
        let both = capped(1).add(&capped(2));
        assert!(both.at_most(&Size::constant(3)) && both.minimum(&e).at_most(&Size::constant(3)));
        assert!(!both.at_most(&Size::constant(2)));
        assert!(both.multiply(&n).at_most(&n.multiply(&Size::constant(3))));
        // Each as in the other, where it stays.
        assert!(both.at_most(&capped(1).add(&Size::constant(2))));
        assert!(!both.add(&n).at_most(&Size::constant(3)));
    }

    #[test]
    fn maxima_are_at_most_what_both_operands_are() {
        let (a, b) = (Size::symbol("A"), Size::symbol("B"));
        let largest = a.maximum(&b);
        assert!(largest.add(&Size::constant(1)).at_most(&a.add(&b).add(&Size::constant(1))));
        assert!(a.add(&Size::constant(2)).at_most(&largest.add(&Size::constant(2))));
        assert!(!largest.at_most(&a));
    }
}
