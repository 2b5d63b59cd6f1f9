//! Loops, choices and faults.

use super::registers::Lowered;
use super::Lowering;
use cranelift::codegen::ir::{self, types, Block, BlockArg, InstBuilder};
use cranelift::prelude::IntCC;
use moe_kernel::{Carried, Chosen, Statement, Value};

impl<'a> Lowering<'a> {
    /// Parameters of a block for values shaped like those given; the values as the parameters hold them.
    fn parameters(&mut self, block: Block, like: &[Lowered]) -> Vec<Lowered> {
        like.iter()
            .map(|lowered| {
                let parts = lowered.parts.iter().map(|part| {
                    let of = self.builder.func.dfg.value_type(*part);
                    self.builder.append_block_param(block, of)
                });
                Lowered { parts: parts.collect(), lane_bytes: lowered.lane_bytes }
            })
            .collect()
    }

    /// The values as arguments of a block whose parameters are shaped like `like`.
    fn arguments(&mut self, values: impl Iterator<Item = Value>, like: &[Lowered]) -> Vec<BlockArg> {
        let mut arguments = Vec::new();
        for (value, like) in values.zip(like) {
            let lanes = self.of(value).lanes;
            let lowered = self.value(value);
            let lowered = self.resize_mask_like(lowered, lanes, like);
            arguments.extend(lowered.parts.iter().map(|part| BlockArg::from(*part)));
        }
        arguments
    }

    /// A loop with its test at the end, and one before it: what does not change is moved between them.
    pub(super) fn repetition(
        &mut self,
        index: Value,
        [begin, end]: [Value; 2],
        step: i64,
        carried: &'a [Carried],
        body: &'a [Statement],
    ) {
        let (begin, end) = (self.scalar(begin), self.scalar(end));
        let (round, after) = (self.builder.create_block(), self.builder.create_block());
        let initial: Vec<Lowered> = carried.iter().map(|carried| self.value(carried.initial)).collect();
        let number = self.builder.append_block_param(round, types::I64);
        let inner = self.parameters(round, &initial);
        let results = self.parameters(after, &initial);
        let first = self.arguments(carried.iter().map(|carried| carried.initial), &initial);
        self.branch_to_round(begin, end, round, after, &first);

        self.builder.switch_to_block(round);
        self.set(index, Lowered::scalar(number));
        for (carried, inner) in carried.iter().zip(inner) {
            self.set(carried.inner, inner);
        }
        self.body(body);
        let step = self.builder.ins().iconst(types::I64, step);
        let following = self.builder.ins().iadd(number, step);
        let next = self.arguments(carried.iter().map(|carried| carried.next), &initial);
        self.branch_to_round(following, end, round, after, &next);
        self.builder.seal_block(round);

        self.builder.switch_to_block(after);
        self.builder.seal_block(after);
        for (carried, result) in carried.iter().zip(results) {
            self.set(carried.result, result);
        }
    }

    /// Goes to the next round if there is one, else on.
    fn branch_to_round(
        &mut self,
        number: ir::Value,
        end: ir::Value,
        round: Block,
        after: Block,
        carried: &[BlockArg],
    ) {
        let more = self.builder.ins().icmp(IntCC::SignedLessThan, number, end);
        let number = BlockArg::from(number);
        let with_number: Vec<BlockArg> = std::iter::once(number).chain(carried.iter().copied()).collect();
        self.builder.ins().brif(more, round, &with_number, after, carried);
    }

    pub(super) fn choice(
        &mut self,
        condition: Value,
        then: &'a [Statement],
        otherwise: &'a [Statement],
        results: &'a [Chosen],
    ) {
        let condition = self.scalar(condition);
        let [first, second, after] = std::array::from_fn(|_| self.builder.create_block());
        self.builder.ins().brif(condition, first, &[], second, &[]);
        for (block, body) in [(first, then), (second, otherwise)] {
            if let Some(Statement::Fail { .. }) = body.last() {
                self.builder.set_cold_block(block);
            }
        }

        self.enter_block(first);
        self.body(then);
        let like: Vec<Lowered> = results.iter().map(|chosen| self.value(chosen.then)).collect();
        let given = self.arguments(results.iter().map(|chosen| chosen.then), &like);
        self.builder.ins().jump(after, &given);

        self.enter_block(second);
        self.body(otherwise);
        let given = self.arguments(results.iter().map(|chosen| chosen.otherwise), &like);
        self.builder.ins().jump(after, &given);

        let chosen = self.parameters(after, &like);
        self.enter_block(after);
        for (result, lowered) in results.iter().zip(chosen) {
            self.set(result.result, lowered);
        }
    }

    /// Goes on in a block that nothing will jump to any more.
    pub(super) fn enter_block(&mut self, block: Block) {
        self.builder.switch_to_block(block);
        self.builder.seal_block(block);
    }

    /// Returns. What follows is never reached, but must stand somewhere.
    pub(super) fn fail(&mut self, fault: u32) {
        let status = i64::from(fault.wrapping_add(1));
        let status = self.builder.ins().iconst(types::I32, status);
        self.builder.ins().return_(&[status]);
        let unreachable = self.builder.create_block();
        self.enter_block(unreachable);
    }
}
