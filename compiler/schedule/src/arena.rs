//! One arena for all values that live within a step, and one for all that weights are made into: a buffer takes the place of one that is no longer
//! read, where that one is provably large enough.

use crate::assembly::{Draft, Home};
use crate::sizes::aligned;
use moe_graph::Size;
use moe_runtime::program::{Count, Launch, Step};
use std::collections::{BTreeMap, BTreeSet};

/// From the first to the last step that touches a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Life {
    first: usize,
    last: usize,
}

/// Where buffers lie in the arena, in bytes, and how large it is.
#[derive(Default)]
pub(crate) struct Arena {
    pub offsets: BTreeMap<u32, Size>,
    pub bytes: Size,
}

struct Slot {
    offset: Size,
    bytes: Size,
    /// The last step of the buffer that has it.
    until: usize,
}

/// The arena of what steps work out.
pub(crate) fn plan(buffers: &[Draft], steps: &[Step]) -> Arena {
    laid(buffers, lives(buffers, steps))
}

/// The arena of what weights are made into. What a step reads lasts.
pub(crate) fn plan_prepared<'a>(
    buffers: &[Draft],
    prepare: &[Launch],
    steps: impl Iterator<Item = &'a [Step]>,
) -> Arena {
    let mut read = BTreeSet::new();
    steps.flatten().for_each(|step| {
        step.each_buffer(&mut |buffer| {
            read.insert(whole(buffers, buffer));
        });
    });
    let mut lives: BTreeMap<u32, Life> = BTreeMap::new();
    for (clock, launch) in prepare.iter().enumerate() {
        let own = |buffer: &&u32| {
            matches!(buffers.get(**buffer as usize).map(|draft| &draft.home), Some(Home::Prepared))
        };
        for buffer in launch.buffers.iter().filter(own) {
            let life = lives.entry(*buffer).or_insert(Life { first: clock, last: clock });
            life.last = if read.contains(buffer) { prepare.len() } else { clock };
        }
    }
    laid(buffers, lives)
}

/// The buffer that a buffer is a part of, if it moves from round to round; itself if not.
fn whole(buffers: &[Draft], buffer: u32) -> u32 {
    match buffers.get(buffer as usize).map(|draft| &draft.home) {
        Some(Home::Round { buffer, .. }) => whole(buffers, *buffer),
        _ => buffer,
    }
}

fn laid(buffers: &[Draft], lives: BTreeMap<u32, Life>) -> Arena {
    let mut order: Vec<(Life, u32)> = lives.iter().map(|(buffer, life)| (*life, *buffer)).collect();
    order.sort_by_key(|(life, buffer)| (life.first, *buffer));
    let mut slots: Vec<Slot> = Vec::new();
    let mut arena = Arena { offsets: BTreeMap::new(), bytes: Size::constant(0) };
    for (life, buffer) in order {
        let Some(draft) = buffers.get(buffer as usize) else { continue };
        let bytes = aligned(&draft.length.multiply(&Size::constant(draft.element.bytes() as i64)));
        let free = |slot: &Slot| slot.until < life.first;
        let place = slots
            .iter()
            .position(|slot| free(slot) && slot.bytes == bytes)
            .or_else(|| slots.iter().position(|slot| free(slot) && bytes.at_most(&slot.bytes)));
        let offset = match place.and_then(|place| slots.get_mut(place)) {
            Some(slot) => {
                slot.until = life.last;
                slot.offset.clone()
            }
            None => {
                let offset = arena.bytes.clone();
                arena.bytes = arena.bytes.add(&bytes);
                slots.push(Slot { offset: offset.clone(), bytes, until: life.last });
                offset
            }
        };
        arena.offsets.insert(buffer, offset);
    }
    arena
}

/// A buffer that is used inside a repeat and was not first written there lives until the repeat ends, and so does one that is carried from
/// round to round: those are first written before it.
fn lives(buffers: &[Draft], steps: &[Step]) -> BTreeMap<u32, Life> {
    let mut lives = BTreeMap::new();
    let mut clock = 0;
    walk(buffers, steps, &mut clock, &mut lives);
    for (buffer, draft) in buffers.iter().enumerate() {
        if let Some(life) = lives.get_mut(&(buffer as u32)).filter(|_| draft.kept) {
            life.last = clock;
        }
    }
    lives
}

fn walk(buffers: &[Draft], steps: &[Step], clock: &mut usize, lives: &mut BTreeMap<u32, Life>) {
    for step in steps {
        *clock += 1;
        match step {
            Step::Launch(launch) => {
                launch.each_buffer(&mut |buffer| touch(buffers, buffer, *clock, lives));
            }
            Step::Repeat(repeat) => {
                if let Count::Buffer(buffer) = repeat.count {
                    touch(buffers, buffer, *clock, lives);
                }
                let begin = *clock;
                walk(buffers, &repeat.body, clock, lives);
                *clock += 1;
                // What rounds fill entry by entry has its place from the first round on.
                let mut filled = BTreeSet::new();
                step.each_buffer(&mut |buffer| {
                    let whole = whole(buffers, buffer);
                    filled.extend(Some(whole).filter(|whole| *whole != buffer));
                });
                for (buffer, life) in lives.iter_mut() {
                    if filled.contains(buffer) {
                        life.first = life.first.min(begin);
                    }
                    if life.first <= begin && life.last > begin {
                        life.last = *clock;
                    }
                }
            }
        }
    }
}

fn touch(buffers: &[Draft], buffer: u32, clock: usize, lives: &mut BTreeMap<u32, Life>) {
    let buffer = whole(buffers, buffer);
    if let Some(Home::Arena) = buffers.get(buffer as usize).map(|draft| &draft.home) {
        let life = lives.entry(buffer).or_insert(Life { first: clock, last: clock });
        life.last = clock;
    }
}
