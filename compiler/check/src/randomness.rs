//! `random`: numbers that are decided by a key, by where in the source they are drawn, and by their places.

use crate::axes::AxisKey;
use crate::elaborator::Elaborator;
use crate::levels::Loop;
use crate::loops::ROUND;
use crate::value::{Index, StackIndex, Tensor};
use moe_grammar::Span;
use moe_graph::{Element, Operation, ParameterKind, Scalar, ScalarFunction, Size, Type};
use std::collections::BTreeSet;

impl Elaborator<'_> {
    /// A number for each place along axes, in each round of the loops around, and for each part of the stacks that it is in.
    pub fn drawn(
        &mut self,
        key: &Tensor,
        axes: &[AxisKey],
        bound: &BTreeSet<AxisKey>,
        span: Span,
    ) -> Option<Tensor> {
        let key = self.cast(key, Element::I64, span)?;
        let site = Scalar::index(self.site());
        let site = self.constant(site, span)?;
        let key = self.map(ScalarFunction::Add, &[&key, &site], span)?;
        let mut counter = self.constant(Scalar::index(0), span)?;
        for level in 1..=self.levels.current() {
            let Some(kind) = self.levels.get(level)?.kind else { continue };
            match kind {
                Loop::Repeat(axis) => {
                    let round = self.index_tensor(&Index::Round(axis, level), span)?;
                    let size = self.axes.axis_size(axis);
                    counter = self.further(&counter, &round, &size, span)?;
                }
                Loop::Fold => {
                    // Nobody knows how many rounds there will be: they take the upper half of the counter.
                    let round = self.round_of_fold(level)?;
                    counter = self.further(&counter, &round, &Size::constant(1 << 32), span)?;
                }
            }
        }
        let mut along: BTreeSet<AxisKey> = BTreeSet::new();
        for index in self.frame().stack.clone() {
            let size = self.axes.axis_size(index.axis());
            let place = match &index {
                StackIndex::Bound(axis) => {
                    along.insert(*axis);
                    self.index_tensor(&Index::Axis(*axis), span)?
                }
                StackIndex::Round(..) => continue,
                StackIndex::Fixed(_, place) => self.constant(Scalar::index(*place), span)?,
                StackIndex::Gathered(_, index) => self.cast(index, Element::I64, span)?,
            };
            counter = self.further(&counter, &place, &size, span)?;
        }
        for axis in bound.iter().filter(|axis| !along.contains(axis)) {
            let (place, size) = (self.index_tensor(&Index::Axis(*axis), span)?, self.axes.axis_size(*axis));
            counter = self.further(&counter, &place, &size, span)?;
        }
        for axis in axes {
            let id = self.id(*axis);
            let node = self.add(Operation::Coordinate(id), &[], span)?;
            let place = self.tensor(node, Element::I64, vec![*axis], BTreeSet::new());
            let size = self.axes.axis_size(*axis);
            counter = self.further(&counter, &place, &size, span)?;
        }
        let drawn = self.map(ScalarFunction::Random, &[&key, &counter], span)?;
        let rest = drawn.axes.iter().copied().filter(|axis| !axes.contains(axis));
        let axes = axes.iter().copied().chain(rest).collect();
        Some(Tensor { axes, ..drawn })
    }

    /// The counter with one more digit, of a system with so many.
    fn further(&mut self, counter: &Tensor, place: &Tensor, size: &Size, span: Span) -> Option<Tensor> {
        let size = self.size_tensor(size, Element::I64, span)?;
        let before = self.map(ScalarFunction::Multiply, &[counter, &size], span)?;
        self.map(ScalarFunction::Add, &[&before, place], span)
    }

    /// A number for the place in the source: the part, and which of its draws it is.
    fn site(&mut self) -> i64 {
        let path = self.frames.iter().rev().find(|frame| !frame.path.is_empty());
        let path = path.map_or_else(String::new, |frame| frame.path.clone());
        let count = self.drawn.entry(path.clone()).or_default();
        let site = format!("{path}#{count}");
        *count += 1;
        // FNV-1a.
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        site.bytes().fold(0xcbf2_9ce4_8422_2325, hash) as i64
    }

    /// The number of the round of a fold, which it carries like a state.
    fn round_of_fold(&mut self, level: usize) -> Option<Tensor> {
        if let Some(known) = self.levels.get(level)?.states.get(ROUND) {
            return Some(known.clone());
        }
        let zero = self.levels.get_mut(level.checked_sub(1)?)?.builder.constant(Scalar::index(0));
        let own = self.levels.get_mut(level)?;
        let (index, node) = own.parameter(ROUND, ParameterKind::Input, Type::scalar(Element::I64));
        own.carried.push(index);
        own.stepped.push((ROUND.to_owned(), zero));
        let one = own.builder.constant(Scalar::index(1));
        let next = own.builder.map(ScalarFunction::Add, &[node, one]).ok()?;
        let tensor =
            |node| Tensor { level, node, element: Element::I64, axes: Vec::new(), bound: BTreeSet::new() };
        own.states.insert(ROUND.to_owned(), tensor(node));
        own.next.insert(ROUND.to_owned(), tensor(next));
        Some(tensor(node))
    }
}
