//! The derivatives of the scalar functions.

use crate::adjoint::{sides, Adjoint};
use crate::error::DifferentiateError;
use moe_graph::{Absorb, Element, Node, NodeId, Operation, ScalarFunction};

type Made<T> = Result<T, DifferentiateError>;

impl Adjoint<'_> {
    pub fn scalar_rule(
        &mut self,
        node: &Node,
        function: ScalarFunction,
        absorb: Absorb,
        result: NodeId,
        cotangent: NodeId,
    ) -> Made<()> {
        let shares = match node.operands.len() {
            1 => [self.unary(function, self.value(node, 0)?, result, cotangent)?, None, None],
            2 => {
                let operands = [self.value(node, 0)?, self.value(node, 1)?];
                let wanted = [self.wants(node, 0), self.wants(node, 1)];
                let [a, b] = self.binary(function, absorb, operands, result, cotangent, wanted)?;
                [a, b, None]
            }
            _ if function == ScalarFunction::Select => {
                let mask = self.value(node, 0)?;
                [None, Some(self.where_true(mask, cotangent)?), Some(self.where_false(mask, cotangent)?)]
            }
            _ => [None, None, None],
        };
        for (index, share) in shares.into_iter().enumerate() {
            if let Some(share) = share {
                self.contribute(node, index, share, &node.ty.axes)?;
            }
        }
        Ok(())
    }

    fn unary(
        &mut self,
        function: ScalarFunction,
        x: NodeId,
        result: NodeId,
        cotangent: NodeId,
    ) -> Made<Option<NodeId>> {
        use ScalarFunction as F;
        let element = self.element(x);
        let slope = match function {
            F::Negate => return Ok(Some(self.negated(cotangent)?)),
            F::Absolute => self.map(F::Sign, &[x])?,
            F::Exponential => result,
            F::ExponentialMinusOne => self.plus(result, 1.0)?,
            F::Logarithm => return Ok(Some(self.map(F::Divide, &[cotangent, x])?)),
            F::LogarithmPlusOne => {
                let above = self.plus(x, 1.0)?;
                return Ok(Some(self.map(F::Divide, &[cotangent, above])?));
            }
            F::SquareRoot => {
                let half = self.scaled(cotangent, 0.5)?;
                return Ok(Some(self.map(F::Divide, &[half, result])?));
            }
            F::Sine => self.map(F::Cosine, &[x])?,
            F::Cosine => {
                let sine = self.map(F::Sine, &[x])?;
                self.negated(sine)?
            }
            F::HyperbolicTangent => {
                let square = self.map(F::Multiply, &[result, result])?;
                let one = self.number(element, 1.0)?;
                self.map(F::Subtract, &[one, square])?
            }
            F::ErrorFunction => {
                let square = self.map(F::Multiply, &[x, x])?;
                let square = self.negated(square)?;
                let bell = self.map(F::Exponential, &[square])?;
                self.scaled(bell, std::f64::consts::FRAC_2_SQRT_PI)?
            }
            _ => return Ok(None),
        };
        Ok(Some(self.map(F::Multiply, &[cotangent, slope])?))
    }

    fn plus(&mut self, node: NodeId, number: f64) -> Made<NodeId> {
        let number = self.number(self.element(node), number)?;
        self.map(ScalarFunction::Add, &[node, number])
    }

    fn binary(
        &mut self,
        function: ScalarFunction,
        absorb: Absorb,
        [x, y]: [NodeId; 2],
        result: NodeId,
        cotangent: NodeId,
        wanted: [bool; 2],
    ) -> Made<[Option<NodeId>; 2]> {
        use ScalarFunction as F;
        Ok(match function {
            F::Add => self.sum(absorb, [x, y], cotangent)?.map(Some),
            F::Subtract => {
                let [left, right] = self.sum(absorb, [x, y], cotangent)?;
                [Some(left), Some(self.negated(right)?)]
            }
            F::Multiply => {
                let [by_left, by_right] = sides(absorb);
                let left = self.absorbing(F::Multiply, [false, by_right], [cotangent, y])?;
                let right = self.absorbing(F::Multiply, [false, by_left], [cotangent, x])?;
                [Some(left), Some(right)]
            }
            F::Divide => self.quotient(absorb, y, result, cotangent)?.map(Some),
            F::Remainder => {
                let whole = self.map(F::Subtract, &[x, result])?;
                let whole = self.map(F::Divide, &[whole, y])?;
                let share = self.map(F::Multiply, &[cotangent, whole])?;
                [Some(cotangent), Some(self.negated(share)?)]
            }
            F::Power => self.power([x, y], result, cotangent, wanted)?,
            F::Minimum | F::Maximum => self.extreme(function, absorb, [x, y], cotangent)?.map(Some),
            _ => [None, None],
        })
    }

    /// Shares of a sum: of an operand that the other decides without, nothing there.
    fn sum(&mut self, absorb: Absorb, [x, y]: [NodeId; 2], cotangent: NodeId) -> Made<[NodeId; 2]> {
        let [by_left, by_right] = sides(absorb);
        let left = if by_right { self.unless_infinite(y, cotangent)? } else { cotangent };
        let right = if by_left { self.unless_infinite(x, cotangent)? } else { cotangent };
        Ok([left, right])
    }

    fn is(&mut self, node: NodeId, number: f64) -> Made<NodeId> {
        let number = self.number(self.element(node), number)?;
        self.plain(ScalarFunction::Equal, &[node, number])
    }

    fn unless_infinite(&mut self, decides: NodeId, cotangent: NodeId) -> Made<NodeId> {
        let decided = self.is(decides, f64::NEG_INFINITY)?;
        self.where_false(decided, cotangent)
    }

    fn quotient(
        &mut self,
        absorb: Absorb,
        y: NodeId,
        result: NodeId,
        cotangent: NodeId,
    ) -> Made<[NodeId; 2]> {
        use ScalarFunction as F;
        let [by_left, _] = sides(absorb);
        let left = self.map(F::Divide, &[cotangent, y])?;
        let share = self.absorbing(F::Multiply, [false, by_left], [cotangent, result])?;
        let share = self.absorbing(F::Divide, [by_left, false], [share, y])?;
        Ok([left, self.negated(share)?])
    }

    fn power(
        &mut self,
        [x, y]: [NodeId; 2],
        result: NodeId,
        cotangent: NodeId,
        [base, exponent]: [bool; 2],
    ) -> Made<[Option<NodeId>; 2]> {
        use ScalarFunction as F;
        let mut shares = [None, None];
        if base {
            let lower = self.plus(y, -1.0)?;
            let power = self.map(F::Power, &[x, lower])?;
            let slope = self.absorbing(F::Multiply, [true, false], [y, power])?;
            shares[0] = Some(self.map(F::Multiply, &[cotangent, slope])?);
        }
        if exponent {
            let logarithm = self.map(F::Logarithm, &[x])?;
            let slope = self.absorbing(F::Multiply, [true, false], [result, logarithm])?;
            shares[1] = Some(self.map(F::Multiply, &[cotangent, slope])?);
        }
        Ok(shares)
    }

    /// The one taken gets the cotangent; at a tie the right one.
    fn extreme(
        &mut self,
        function: ScalarFunction,
        absorb: Absorb,
        [x, y]: [NodeId; 2],
        cotangent: NodeId,
    ) -> Made<[NodeId; 2]> {
        use ScalarFunction as F;
        let (beats, decides) =
            if function == F::Minimum { (F::Less, f64::NEG_INFINITY) } else { (F::Greater, f64::INFINITY) };
        let mut taken = self.plain(beats, &[x, y])?;
        let [by_left, by_right] = sides(absorb);
        if by_left {
            let decided = self.is(x, decides)?;
            taken = self.plain(F::Or, &[taken, decided])?;
        } else if by_right {
            let decided = self.is(y, decides)?;
            let open = self.plain(F::Not, &[decided])?;
            taken = self.plain(F::And, &[taken, open])?;
        }
        Ok([self.where_true(taken, cotangent)?, self.where_false(taken, cotangent)?])
    }

    /// A truth value as a float.
    pub fn counted(&mut self, mask: NodeId, element: Element) -> Made<NodeId> {
        self.add(Operation::Cast(element), &[mask])
    }
}
