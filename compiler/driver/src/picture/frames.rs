//! Boxes in their places: each part laid out by itself in a frame, and frames and other boxes together.

use super::boxes::{Kind, Shape};
use super::layers::{layered, Item, Link, Pin, Placed, Point};
use std::collections::BTreeMap;

/// The width of a character of the text sizes used.
pub const TITLE_CHARACTER: f64 = 7.25;
/// The width of a character of small text.
pub const SMALL_CHARACTER: f64 = 6.05;
/// The height of a line of text.
pub const LINE: f64 = 15.0;
/// Room inside a box, above and below, left and right.
const INSIDE: (f64, f64) = (7.0, 10.0);
/// Room inside a frame: above, for its name, and on the other sides.
const FRAME: (f64, f64) = (30.0, 16.0);

/// A box in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rectangle {
    /// Its left side.
    pub x: f64,
    /// Its top.
    pub y: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

/// A line from a box to a box, in pieces.
#[derive(Clone, Debug)]
pub struct Line {
    /// The box that it comes from.
    pub from: usize,
    /// The corners.
    pub points: Vec<Point>,
    /// The letter at its end, and whether it ends at a box.
    pub end: Option<String>,
    /// Whether it begins at a box.
    pub begins: bool,
}

/// All of a function in its place.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// The boxes, one for each shape.
    pub boxes: Vec<Rectangle>,
    /// The lines.
    pub lines: Vec<Line>,
    /// The frames and their names.
    pub frames: Vec<(String, Rectangle)>,
    /// The whole width.
    pub width: f64,
    /// The whole height.
    pub height: f64,
}

/// How large a box has to be for its text.
fn size(shape: &Shape) -> (f64, f64) {
    let length = |text: &str| text.chars().count() as f64;
    let weights = shape.weights.iter().map(|weight| length(weight) * SMALL_CHARACTER);
    let widest = weights
        .chain([length(&shape.title) * TITLE_CHARACTER, length(&shape.ty) * SMALL_CHARACTER])
        .fold(30.0, f64::max);
    let inputs = shape.inputs.len() as f64 * 18.0;
    let lines = 2.0 + shape.weights.len() as f64;
    (widest.max(inputs) + 2.0 * INSIDE.1, lines * LINE + 2.0 * INSIDE.0)
}

/// Where the input of a number arrives, from the middle of a box.
fn arrival(width: f64, number: usize, count: usize) -> f64 {
    let step = (26.0_f64).min((width - 20.0) / count.max(1) as f64);
    (number as f64 - (count as f64 - 1.0) / 2.0) * step
}

/// The boxes of one part and the ports of its frame.
struct Frame {
    members: Vec<usize>,
    /// For each box outside that is read inside, the item of its port.
    entries: BTreeMap<usize, usize>,
    /// For each box inside that is read outside, the item of its port.
    exits: BTreeMap<usize, usize>,
    links: Vec<(Link, Ends)>,
    placed: Placed,
}

/// What a link is part of: the box it comes from, the letter at its end if it ends at a box, and whether it begins at one.
#[derive(Clone)]
struct Ends {
    from: usize,
    end: Option<String>,
    begins: bool,
}

/// Places everything.
pub fn arrange(shapes: &[Shape]) -> Picture {
    let sizes: Vec<(f64, f64)> = shapes.iter().map(size).collect();
    let mut parts: BTreeMap<&String, Vec<usize>> = BTreeMap::new();
    for (index, shape) in shapes.iter().enumerate() {
        if let Some(part) = &shape.part {
            parts.entry(part).or_default().push(index);
        }
    }
    let frames: Vec<(String, Frame)> =
        parts.into_iter().map(|(name, members)| (name.clone(), frame(shapes, &sizes, members))).collect();
    outer(shapes, &sizes, frames)
}

fn frame(shapes: &[Shape], sizes: &[(f64, f64)], members: Vec<usize>) -> Frame {
    let place: BTreeMap<usize, usize> =
        members.iter().enumerate().map(|(place, member)| (*member, place)).collect();
    let mut items: Vec<Item> = members.iter().map(|member| item(sizes, *member)).collect();
    let (mut entries, mut exits) = (BTreeMap::new(), BTreeMap::new());
    let mut links = Vec::new();
    for member in &members {
        let (Some(shape), Some(own)) = (shapes.get(*member), place.get(member)) else { continue };
        for (number, (from, letter)) in shape.inputs.iter().enumerate() {
            let inside = place.get(from).copied();
            let source = inside.unwrap_or_else(|| port(&mut entries, &mut items, *from, Pin::Top));
            let to_x = arrival(width(sizes, *member), number, shape.inputs.len());
            let ends = Ends { from: *from, end: Some(letter.clone()), begins: inside.is_some() };
            links.push((Link { from: source, from_x: 0.0, to: *own, to_x }, ends));
        }
    }
    for shape in
        shapes.iter().enumerate().filter(|(index, _)| !place.contains_key(index)).map(|(_, shape)| shape)
    {
        for (from, _) in &shape.inputs {
            if let Some(own) = place.get(from).filter(|_| !exits.contains_key(from)) {
                let to = port(&mut exits, &mut items, *from, Pin::Bottom);
                let ends = Ends { from: *from, end: None, begins: true };
                links.push((Link { from: *own, from_x: 0.0, to, to_x: 0.0 }, ends));
            }
        }
    }
    let plain: Vec<Link> = links.iter().map(|(link, _)| *link).collect();
    let placed = layered(&items, &plain);
    Frame { members, entries, exits, links, placed }
}

fn port(ports: &mut BTreeMap<usize, usize>, items: &mut Vec<Item>, from: usize, pin: Pin) -> usize {
    *ports.entry(from).or_insert_with(|| {
        items.push(Item { width: 6.0, height: 0.0, pin });
        items.len() - 1
    })
}

fn width(sizes: &[(f64, f64)], index: usize) -> f64 {
    sizes.get(index).map_or(0.0, |size| size.0)
}

fn item(sizes: &[(f64, f64)], index: usize) -> Item {
    let (width, height) = sizes.get(index).copied().unwrap_or_default();
    Item { width, height, pin: Pin::Free }
}

/// Lays out frames and the boxes that are in none.
fn outer(shapes: &[Shape], sizes: &[(f64, f64)], frames: Vec<(String, Frame)>) -> Picture {
    let mut items = Vec::new();
    // The item of each box, and the number of its frame.
    let mut whole: Vec<(usize, Option<usize>)> = vec![(0, None); shapes.len()];
    for (number, (name, frame)) in frames.iter().enumerate() {
        for member in &frame.members {
            if let Some(place) = whole.get_mut(*member) {
                *place = (items.len(), Some(number));
            }
        }
        let least = name.chars().count() as f64 * TITLE_CHARACTER + 2.0 * FRAME.1;
        let width = (frame.placed.width + 2.0 * FRAME.1).max(least);
        items.push(Item { width, height: frame.placed.height + FRAME.0 + FRAME.1, pin: Pin::Free });
    }
    for (index, shape) in shapes.iter().enumerate().filter(|(_, shape)| shape.part.is_none()) {
        if let Some(place) = whole.get_mut(index) {
            *place = (items.len(), None);
        }
        let pin = if shape.kind == Kind::Output { Pin::Bottom } else { Pin::Free };
        items.push(Item { pin, ..item(sizes, index) });
    }
    let port_x = |number: usize, ports: &dyn Fn(&Frame) -> Option<usize>| {
        let frame = frames.get(number).map(|(_, frame)| frame);
        let x = frame.and_then(|frame| {
            frame.placed.boxes.get(ports(frame)?).map(|at| at.0 - frame.placed.width / 2.0)
        });
        x.unwrap_or(0.0)
    };
    let mut links: Vec<(Link, Ends)> = Vec::new();
    let mut entered: BTreeMap<(usize, usize), ()> = BTreeMap::new();
    for (index, shape) in shapes.iter().enumerate() {
        let Some((to, to_frame)) = whole.get(index).copied() else { continue };
        for (number, (source, letter)) in shape.inputs.iter().enumerate() {
            let Some((from, from_frame)) = whole.get(*source).copied().filter(|(from, _)| *from != to) else {
                continue;
            };
            if to_frame.is_some() && entered.insert((*source, to), ()).is_some() {
                continue;
            }
            let from_x =
                from_frame.map_or(0.0, |frame| port_x(frame, &|frame| frame.exits.get(source).copied()));
            let to_x = match to_frame {
                Some(frame) => port_x(frame, &|frame| frame.entries.get(source).copied()),
                None => arrival(width(sizes, index), number, shape.inputs.len()),
            };
            let end = to_frame.is_none().then(|| letter.clone());
            links.push((
                Link { from, from_x, to, to_x },
                Ends { from: *source, end, begins: from_frame.is_none() },
            ));
        }
    }
    let plain: Vec<Link> = links.iter().map(|(link, _)| *link).collect();
    let placed = layered(&items, &plain);
    assemble(sizes, &whole, frames, &links, &placed, &items)
}

fn assemble(
    sizes: &[(f64, f64)],
    whole: &[(usize, Option<usize>)],
    frames: Vec<(String, Frame)>,
    links: &[(Link, Ends)],
    placed: &Placed,
    items: &[Item],
) -> Picture {
    let mut picture = Picture { width: placed.width, height: placed.height, ..Picture::default() };
    picture.boxes = vec![Rectangle::default(); whole.len()];
    let line = |points: Vec<Point>, ends: &Ends| Line {
        from: ends.from,
        points,
        end: ends.end.clone(),
        begins: ends.begins,
    };
    picture.lines =
        links.iter().zip(&placed.routes).map(|((_, ends), route)| line(route.clone(), ends)).collect();
    for (index, (item, frame)) in whole.iter().enumerate() {
        let (width, height) = sizes.get(index).copied().unwrap_or_default();
        let at = placed.boxes.get(*item).copied().filter(|_| frame.is_none());
        if let (Some((x, y)), Some(place)) = (at, picture.boxes.get_mut(index)) {
            *place = Rectangle { x: x - width / 2.0, y, width, height };
        }
    }
    for (number, (name, frame)) in frames.into_iter().enumerate() {
        let (Some((middle, top)), Some(item)) = (placed.boxes.get(number).copied(), items.get(number)) else {
            continue;
        };
        let bounds =
            Rectangle { x: middle - item.width / 2.0, y: top, width: item.width, height: item.height };
        let (left, inner_top) = (middle - frame.placed.width / 2.0, top + FRAME.0);
        for (place, member) in frame.members.iter().enumerate() {
            let (width, height) = sizes.get(*member).copied().unwrap_or_default();
            let at = frame.placed.boxes.get(place).copied().unwrap_or_default();
            if let Some(rectangle) = picture.boxes.get_mut(*member) {
                *rectangle = Rectangle { x: left + at.0 - width / 2.0, y: inner_top + at.1, width, height };
            }
        }
        for ((_, ends), route) in frame.links.iter().zip(&frame.placed.routes) {
            let mut points: Vec<Point> = route.iter().map(|(x, y)| (left + x, inner_top + y)).collect();
            // Ports are at the first and the last layer; the way on to the frame's edge is straight.
            if let (false, Some(first)) = (ends.begins, points.first().copied()) {
                points.insert(0, (first.0, bounds.y));
            }
            if let (None, Some(last)) = (&ends.end, points.last().copied()) {
                points.push((last.0, bounds.y + bounds.height));
            }
            picture.lines.push(line(points, ends));
        }
        picture.frames.push((name, bounds));
    }
    picture
}
