//! A layered layout of boxes and links, top to bottom: layers by longest paths, order within a layer by the means of neighbours (Sugiyama, Tagawa
//! and Toda 1981), places by isotonic regression. Everything is deterministic.

use std::collections::BTreeMap;

/// Room between boxes of a layer.
const GAP: f64 = 22.0;
/// Room between layers, where links change their places.
const ROOM: f64 = 38.0;
/// Room beside a layer of ports, which are at the edge of a frame.
const LITTLE_ROOM: f64 = 26.0;
/// Rounds of ordering, and of placing.
const ROUNDS: usize = 24;

/// Where a box has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pin {
    /// Anywhere.
    Free,
    /// In the first layer.
    Top,
    /// In the last layer.
    Bottom,
}

/// A box to be placed.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// Where it has to be.
    pub pin: Pin,
}

/// A link from the bottom of a box to the top of another; the graph has no cycle.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The box above.
    pub from: usize,
    /// Where it leaves, from the middle of the box.
    pub from_x: f64,
    /// The box below.
    pub to: usize,
    /// Where it arrives, from the middle of the box.
    pub to_x: f64,
}

/// A point.
pub type Point = (f64, f64);

/// Boxes and links in their places, from (0, 0) on.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// The middle of the top of each box.
    pub boxes: Vec<Point>,
    /// The corners of each link; between them it goes straight down or changes its place.
    pub routes: Vec<Vec<Point>>,
    /// The whole width.
    pub width: f64,
    /// The whole height.
    pub height: f64,
}

/// A box, or a place that a long link goes through.
#[derive(Clone, Copy)]
struct Slot {
    item: Option<usize>,
    width: f64,
    height: f64,
    layer: usize,
}

/// A link between neighbouring layers.
#[derive(Clone, Copy)]
struct Step {
    from: usize,
    from_x: f64,
    to: usize,
    to_x: f64,
    weight: f64,
}

/// Places boxes and links.
pub fn layered(items: &[Item], links: &[Link]) -> Placed {
    let layers = layers_of(items, links);
    let mut layout = Layout::new(items, links, &layers);
    layout.order();
    layout.place();
    layout.finish(items.len())
}

/// The layer of each box: as high as its links allow, but sources close to what they lead to.
fn layers_of(items: &[Item], links: &[Link]) -> Vec<usize> {
    let first = usize::from(items.iter().any(|item| item.pin == Pin::Top));
    let mut layers: Vec<usize> =
        items.iter().map(|item| if item.pin == Pin::Top { 0 } else { first }).collect();
    // No path has more links than there are boxes.
    for _ in 0..items.len() {
        let mut moved = false;
        for link in links {
            let least = layers.get(link.from).map_or(0, |layer| layer + 1);
            if let Some(layer) = layers.get_mut(link.to).filter(|layer| **layer < least) {
                *layer = least;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let sinks = |index: usize| links.iter().filter(move |link| link.from == index).map(|link| link.to);
    for (index, item) in items.iter().enumerate() {
        let source = links.iter().all(|link| link.to != index) && item.pin == Pin::Free;
        let lowest = sinks(index).filter_map(|sink| layers.get(sink).copied()).min();
        if let (true, Some(lowest), Some(layer)) = (source, lowest, layers.get_mut(index)) {
            *layer = lowest.saturating_sub(1).max(*layer);
        }
    }
    let free = items.iter().zip(&layers).filter(|(item, _)| item.pin != Pin::Bottom);
    let last = free.map(|(_, layer)| layer + 1).max().unwrap_or(0);
    for (layer, _) in layers.iter_mut().zip(items).filter(|(_, item)| item.pin == Pin::Bottom) {
        *layer = last;
    }
    layers
}

/// Neighbours that touch: their place, its weight, and each slot with its offset.
type Block = (f64, f64, Vec<(usize, f64)>);

struct Layout {
    slots: Vec<Slot>,
    steps: Vec<Step>,
    /// The slots of each layer, left to right.
    layers: Vec<Vec<usize>>,
    /// The slots that each link goes through, with where it begins and ends.
    paths: Vec<(Vec<usize>, f64, f64)>,
    /// The middle of each slot.
    x: Vec<f64>,
}

impl Layout {
    fn new(items: &[Item], links: &[Link], layers: &[usize]) -> Self {
        let layer_of = |index: usize| layers.get(index).copied().unwrap_or(0);
        let mut slots: Vec<Slot> = items
            .iter()
            .enumerate()
            .map(|(index, item)| Slot {
                item: Some(index),
                width: item.width,
                height: item.height,
                layer: layer_of(index),
            })
            .collect();
        let mut steps: Vec<Step> = Vec::new();
        let mut paths = Vec::new();
        // Links that leave one place share their way.
        let mut shared: BTreeMap<(usize, u64, usize), usize> = BTreeMap::new();
        for link in links {
            let mut path = vec![link.from];
            let mut from_x = link.from_x;
            for layer in layer_of(link.from) + 1..layer_of(link.to) {
                let before = path.last().copied().unwrap_or(link.from);
                let next = slots.len();
                let slot = *shared.entry((link.from, link.from_x.to_bits(), layer)).or_insert(next);
                if slot == next {
                    slots.push(Slot { item: None, width: 6.0, height: 0.0, layer });
                    steps.push(Step { from: before, from_x, to: slot, to_x: 0.0, weight: 4.0 });
                }
                path.push(slot);
                from_x = 0.0;
            }
            let before = path.last().copied().unwrap_or(link.from);
            steps.push(Step { from: before, from_x, to: link.to, to_x: link.to_x, weight: 1.0 });
            path.push(link.to);
            paths.push((path, link.from_x, link.to_x));
        }
        let count = slots.iter().map(|slot| slot.layer + 1).max().unwrap_or(0);
        let mut rows = vec![Vec::new(); count];
        for (index, slot) in slots.iter().enumerate() {
            if let Some(row) = rows.get_mut(slot.layer) {
                row.push(index);
            }
        }
        let x = vec![0.0; slots.len()];
        Layout { slots, steps, layers: rows, paths, x }
    }

    /// The ends of steps on one side of each slot: the slot there, and the offset of the end there.
    fn neighbours(&self, above: bool) -> Vec<Vec<Step>> {
        let mut found = vec![Vec::new(); self.slots.len()];
        for step in &self.steps {
            let own = if above { step.to } else { step.from };
            if let Some(list) = found.get_mut(own) {
                list.push(*step);
            }
        }
        found
    }

    /// Where each slot is in its layer.
    fn positions(&self) -> Vec<f64> {
        let mut positions = vec![0.0; self.slots.len()];
        for row in &self.layers {
            for (place, slot) in row.iter().enumerate() {
                if let Some(position) = positions.get_mut(*slot) {
                    *position = place as f64;
                }
            }
        }
        positions
    }

    /// Orders layers so that few links cross: by the mean place of neighbours, above and below in turn; the best round is kept.
    fn order(&mut self) {
        let (above, below) = (self.neighbours(true), self.neighbours(false));
        let mut best = (self.crossings(), self.layers.clone());
        for round in 0..ROUNDS {
            let down = round % 2 == 0;
            let near = if down { &above } else { &below };
            let count = self.layers.len();
            for number in 0..count {
                let number = if down { number } else { count - 1 - number };
                let positions = self.positions();
                let Some(row) = self.layers.get_mut(number) else { continue };
                let mean = |slot: &usize| {
                    let near = near.get(*slot).map_or(&[][..], Vec::as_slice);
                    let other = |step: &Step| {
                        let (slot, offset) =
                            if down { (step.from, step.from_x) } else { (step.to, step.to_x) };
                        positions.get(slot).copied().unwrap_or(0.0) + offset * 1e-3
                    };
                    let own = positions.get(*slot).copied().unwrap_or(0.0);
                    if near.is_empty() {
                        own
                    } else {
                        near.iter().map(other).sum::<f64>() / near.len() as f64
                    }
                };
                let mut keyed: Vec<(f64, usize)> = row.iter().map(|slot| (mean(slot), *slot)).collect();
                keyed.sort_by(|left, right| left.0.total_cmp(&right.0));
                *row = keyed.into_iter().map(|(_, slot)| slot).collect();
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
            }
        }
        self.layers = best.1;
    }

    /// How many pairs of links cross.
    fn crossings(&self) -> usize {
        let positions = self.positions();
        let at = |slot: usize, offset: f64| positions.get(slot).copied().unwrap_or(0.0) + offset * 1e-3;
        let mut by_layer: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
        for step in &self.steps {
            let layer = self.slots.get(step.from).map_or(0, |slot| slot.layer);
            by_layer.entry(layer).or_default().push((at(step.from, step.from_x), at(step.to, step.to_x)));
        }
        let crossed = |steps: &Vec<(f64, f64)>| {
            let pairs = steps
                .iter()
                .enumerate()
                .flat_map(|(place, one)| steps.iter().skip(place + 1).map(move |two| (one, two)));
            pairs.filter(|(one, two)| (one.0 - two.0) * (one.1 - two.1) < 0.0).count()
        };
        by_layer.values().map(crossed).sum()
    }

    /// Moves boxes towards the mean of their neighbours, as far as the order and their widths allow.
    fn place(&mut self) {
        let (above, below) = (self.neighbours(true), self.neighbours(false));
        for number in 0..self.layers.len() {
            self.settle(number, &|_, own| (own, 1.0));
        }
        for round in 0..ROUNDS {
            let down = round % 2 == 0;
            let both = round + 2 >= ROUNDS;
            for number in 0..self.layers.len() {
                let number = if down { number } else { self.layers.len() - 1 - number };
                let x = self.x.clone();
                let at = |slot: usize| x.get(slot).copied().unwrap_or(0.0);
                let wish = |slot: usize, own: f64| {
                    let none = Vec::new();
                    let up = above.get(slot).unwrap_or(&none).iter();
                    let up = up.map(|step| (at(step.from) + step.from_x - step.to_x, step.weight));
                    let low = below.get(slot).unwrap_or(&none).iter();
                    let low = low.map(|step| (at(step.to) + step.to_x - step.from_x, step.weight));
                    let wishes: Vec<(f64, f64)> = match (down, both) {
                        (_, true) => up.chain(low).collect(),
                        (true, false) => up.collect(),
                        (false, false) => low.collect(),
                    };
                    let weight: f64 = wishes.iter().map(|(_, weight)| weight).sum();
                    if weight == 0.0 {
                        return (own, 0.1);
                    }
                    (wishes.iter().map(|(wish, weight)| wish * weight).sum::<f64>() / weight, weight)
                };
                self.settle(number, &wish);
            }
        }
    }

    /// Gives the slots of a layer the places closest to their wishes (by weighted squares) that keep the order and the gaps.
    fn settle(&mut self, number: usize, wish: &dyn Fn(usize, f64) -> (f64, f64)) {
        let Some(row) = self.layers.get(number) else { return };
        // The offset of each slot if all were as close as can be; then the wishes less the offsets have to ascend.
        let mut offset = 0.0;
        let mut before: Option<f64> = None;
        let mut blocks: Vec<Block> = Vec::new();
        for slot in row {
            let width = self.slots.get(*slot).map_or(0.0, |slot| slot.width);
            offset += before.map_or(0.0, |before| (before + width) / 2.0 + GAP);
            before = Some(width);
            let (wished, weight) = wish(*slot, self.x.get(*slot).copied().unwrap_or(0.0));
            blocks.push((wished - offset, weight, vec![(*slot, offset)]));
            while let [.., left, right] = blocks.as_slice() {
                if left.0 <= right.0 {
                    break;
                }
                let weight = left.1 + right.1;
                let value = (left.0 * left.1 + right.0 * right.1) / weight;
                let members = [left.2.as_slice(), right.2.as_slice()].concat();
                blocks.truncate(blocks.len() - 2);
                blocks.push((value, weight, members));
            }
        }
        for (value, _, members) in blocks {
            for (slot, offset) in members {
                if let Some(x) = self.x.get_mut(slot) {
                    *x = value + offset;
                }
            }
        }
    }

    fn finish(self, count: usize) -> Placed {
        let left = |index: usize, slot: &Slot| self.x.get(index).copied().unwrap_or(0.0) - slot.width / 2.0;
        let shift = self
            .slots
            .iter()
            .enumerate()
            .map(|(index, slot)| left(index, slot))
            .fold(f64::INFINITY, f64::min);
        let shift = if shift.is_finite() { -shift } else { 0.0 };
        let x = |index: usize| self.x.get(index).copied().unwrap_or(0.0) + shift;
        let height = |row: &Vec<usize>| {
            row.iter().filter_map(|slot| self.slots.get(*slot)).map(|slot| slot.height).fold(0.0, f64::max)
        };
        let mut tops: Vec<(f64, f64)> = Vec::new();
        for height in self.layers.iter().map(height) {
            let top = tops.last().map_or(0.0, |(top, before)| {
                let ports = *before == 0.0 || height == 0.0;
                top + before + if ports { LITTLE_ROOM } else { ROOM }
            });
            tops.push((top, height));
        }
        let bottom = tops.last().map_or(0.0, |(top, height)| top + height);
        let row = |slot: &Slot| tops.get(slot.layer).copied().unwrap_or((0.0, 0.0));
        let top = |slot: &Slot| row(slot).0 + (row(slot).1 - slot.height) / 2.0;
        let boxes =
            self.slots.iter().enumerate().filter(|(_, slot)| slot.item.is_some_and(|item| item < count));
        let boxes: Vec<Point> = boxes.map(|(index, slot)| (x(index), top(slot))).collect();
        let route = |(path, from_x, to_x): &(Vec<usize>, f64, f64)| {
            let mut points = Vec::new();
            for (place, index) in path.iter().enumerate() {
                let Some(slot) = self.slots.get(*index) else { continue };
                let (row_top, row_height) = row(slot);
                if place == 0 {
                    points.push((x(*index) + from_x, top(slot) + slot.height));
                    points.push((x(*index) + from_x, row_top + row_height));
                } else if place + 1 == path.len() {
                    points.push((x(*index) + to_x, row_top));
                    points.push((x(*index) + to_x, top(slot)));
                } else {
                    points.push((x(*index), row_top));
                    points.push((x(*index), row_top + row_height));
                }
            }
            points
        };
        let right = self
            .slots
            .iter()
            .enumerate()
            .map(|(index, slot)| x(index) + slot.width / 2.0)
            .fold(0.0, f64::max);
        Placed { boxes, routes: self.paths.iter().map(route).collect(), width: right, height: bottom }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn item(pin: Pin) -> Item {
        Item { width: 40.0, height: 20.0, pin }
    }

    fn link(from: usize, to: usize) -> Link {
        Link { from, from_x: 0.0, to, to_x: 0.0 }
    }

    #[test]
    fn boxes_do_not_overlap_and_links_go_down() {
        let items = vec![item(Pin::Free); 9];
        let links: Vec<Link> =
            [(0, 2), (1, 2), (0, 3), (2, 4), (3, 4), (0, 8), (4, 5), (4, 6), (4, 7), (5, 8)]
                .map(|(a, b)| link(a, b))
                .into();
        let placed = layered(&items, &links);
        for (one, a) in placed.boxes.iter().enumerate() {
            for b in placed.boxes.iter().skip(one + 1) {
                assert!((a.0 - b.0).abs() >= 40.0 || (a.1 - b.1).abs() >= 20.0, "{a:?} {b:?}");
            }
        }
        for (route, link) in placed.routes.iter().zip(&links) {
            assert!(route.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{route:?}");
            assert_eq!(route.last().map(|point| point.1), Some(placed.boxes[link.to].1));
        }
    }

    #[test]
    fn pinned_boxes_are_at_the_ends() {
        let items = [item(Pin::Free), item(Pin::Top), item(Pin::Bottom), item(Pin::Free)];
        let placed = layered(&items, &[link(1, 0), link(0, 2), link(0, 3)]);
        assert_eq!(placed.boxes[1].1, 0.0);
        assert!(placed.boxes[2].1 > placed.boxes[3].1);
    }

    #[test]
    fn nothing_and_one_box() {
        assert_eq!(layered(&[], &[]).boxes.len(), 0);
        let placed = layered(&[item(Pin::Free)], &[]);
        assert_eq!((placed.boxes[0], placed.width, placed.height), ((20.0, 0.0), 40.0, 20.0));
    }
}
