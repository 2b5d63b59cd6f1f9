//! The picture as SVG text.

use super::boxes::{Kind, Shape};
use super::frames::{Line, Picture, Rectangle, LINE};
use super::layers::Point;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Room around everything.
const MARGIN: f64 = 24.0;
/// Room for a heading.
const HEADING: f64 = 34.0;
/// Room between functions.
const BETWEEN: f64 = 56.0;
/// The smallest width, which the legend needs.
const LEAST_WIDTH: f64 = 760.0;

const STYLE: &str = "text{font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:12px;fill:#1c2733}\
.heading{font-size:17px;font-weight:bold}.small{font-size:10px;fill:#5b6b7b}.weight{font-size:10px;fill:#1f5fa8}\
.part{font-weight:bold;fill:#6b5b8a}.letter{font-size:10px;fill:#5b6b7b}.bound{font-size:10px;font-weight:bold;fill:#b4530a}\
.halo{stroke:#fff;stroke-width:3px;stroke-linejoin:round}\
.line{fill:none;stroke:#8796a5;stroke-width:1.3}.sparse{stroke:#d9822b;stroke-width:2}\
.arrow{fill:#8796a5}.sparse-arrow{fill:#d9822b}\
.frame{fill:#f6f3fb;stroke:#b9aed2;stroke-dasharray:5 4}\
.box{stroke-width:1.2}.Input{fill:#e8f1fb;stroke:#6d9dd1}.State{fill:#e6f4f1;stroke:#5da394}.Output{fill:#e8f1fb;stroke:#6d9dd1}\
.Work{fill:#fff;stroke:#9aa7b4}.Selection{fill:#fff1de;stroke:#d9822b}.Call{fill:#efe9f8;stroke:#8d78b8}\
.packed{fill:#def3df;stroke:#4d9f55}";

/// A function with its heading.
pub struct Panel {
    /// Its name, and how often it is done.
    pub heading: String,
    /// Its axes with their sizes.
    pub axes: Vec<String>,
    /// What is in it.
    pub shapes: Vec<Shape>,
    /// Where that is.
    pub picture: Picture,
}

/// All functions on one page, the entry first.
pub fn page(panels: &[Panel], origin: &dyn Fn(moe_grammar::Span) -> String) -> String {
    let mut body = String::new();
    let mut x = MARGIN;
    let mut height = 0.0_f64;
    for panel in panels {
        let words = panel.heading.chars().count() as f64 * 10.3;
        draw_panel(&mut body, panel, x, origin);
        x += panel.picture.width.max(words) + BETWEEN;
        height = height.max(panel.picture.height);
    }
    let width = (x - BETWEEN + MARGIN).max(LEAST_WIDTH);
    let top = MARGIN + HEADING + height + 30.0;
    let bottom = legend(&mut body, panels, top, width);
    let (width, height) = (width.ceil(), (bottom + MARGIN).ceil());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">\n<style>{STYLE}</style>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

fn draw_panel(body: &mut String, panel: &Panel, x: f64, origin: &dyn Fn(moe_grammar::Span) -> String) {
    text(body, "heading", (0.0, 0.0), (x, MARGIN + 14.0), &panel.heading);
    // Writing to a string cannot fail.
    let _ = writeln!(body, "<g transform=\"translate({x:.1} {:.1})\">", MARGIN + HEADING);
    for (_, frame) in &panel.picture.frames {
        rectangle(body, "frame", frame, 10.0);
    }
    for line in &panel.picture.lines {
        let sparse = panel.shapes.get(line.from).is_some_and(|shape| shape.bound.is_some());
        draw_line(body, line, sparse);
    }
    for (name, frame) in &panel.picture.frames {
        text(body, "part", (frame.x, frame.y), (12.0, 18.0), name);
    }
    for (shape, bounds) in panel.shapes.iter().zip(&panel.picture.boxes) {
        draw_shape(body, shape, bounds, origin);
    }
    labels(body, panel);
    body.push_str("</g>\n");
}

fn draw_line(body: &mut String, line: &Line, sparse: bool) {
    let mut path = String::new();
    let mut before: Option<Point> = None;
    for (x, y) in &line.points {
        let _ = match before {
            None => write!(path, "M{x:.1} {y:.1}"),
            Some((old_x, old_y)) if (old_x - x).abs() < 0.5 || (old_y - y).abs() < 0.5 => {
                write!(path, "L{x:.1} {y:.1}")
            }
            Some((old_x, old_y)) => {
                let middle = (old_y + y) / 2.0;
                write!(path, "C{old_x:.1} {middle:.1} {x:.1} {middle:.1} {x:.1} {y:.1}")
            }
        };
        before = Some((*x, *y));
    }
    let _ = writeln!(body, "<path class=\"line{}\" d=\"{path}\"/>", if sparse { " sparse" } else { "" });
    if let (Some(_), Some((x, y))) = (&line.end, before) {
        let class = if sparse { "sparse-arrow" } else { "arrow" };
        let (left, right, top) = (x - 3.5, x + 3.5, y - 7.0);
        let _ = writeln!(
            body,
            "<path class=\"{class}\" d=\"M{x:.1} {y:.1}L{left:.1} {top:.1}L{right:.1} {top:.1}Z\"/>"
        );
    }
}

/// Letters where lines arrive, bounds where they leave.
fn labels(body: &mut String, panel: &Panel) {
    let mut said: BTreeSet<usize> = BTreeSet::new();
    for line in &panel.picture.lines {
        let bound = panel.shapes.get(line.from).and_then(|shape| shape.bound.as_ref());
        if let (true, Some(bound), Some(first)) =
            (line.begins && said.insert(line.from), bound, line.points.first())
        {
            halo(body, "bound", (first.0 + 5.0, first.1 + 12.0), bound);
        }
        if let (Some(letter), Some(last)) =
            (line.end.as_ref().filter(|letter| !letter.is_empty()), line.points.last())
        {
            halo(body, "letter", (last.0 + 5.0, last.1 - 3.0), letter);
        }
    }
}

fn draw_shape(
    body: &mut String,
    shape: &Shape,
    bounds: &Rectangle,
    origin: &dyn Fn(moe_grammar::Span) -> String,
) {
    let rounded = if matches!(shape.kind, Kind::Input | Kind::Output | Kind::State) { 14.0 } else { 4.0 };
    let class = if shape.packed || shape.kind == Kind::Packing {
        "packed".to_owned()
    } else {
        format!("{:?}", shape.kind)
    };
    body.push_str("<g>");
    if let Some(place) = shape.span.map(origin).filter(|place| !place.is_empty()) {
        let _ = write!(body, "<title>{}</title>", escaped(&place));
    }
    rectangle(body, &format!("box {class}"), bounds, rounded);
    let middle = bounds.x + bounds.width / 2.0;
    let mut y = bounds.y + 7.0 + 11.5;
    let lines = [("", &shape.title)].into_iter();
    let lines =
        lines.chain(shape.weights.iter().map(|weight| ("weight", weight))).chain([("small", &shape.ty)]);
    for (class, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let _ = writeln!(
            body,
            "<text class=\"{class}\" x=\"{middle:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>",
            escaped(line)
        );
        y += LINE;
    }
    body.push_str("</g>\n");
}

/// What colours mean, and how long axes are; where it ends.
fn legend(body: &mut String, panels: &[Panel], top: f64, width: f64) -> f64 {
    let mut x = MARGIN;
    for (class, what) in [
        ("box Input", "input, result"),
        ("box Work", "computed"),
        ("box Selection", "mask that makes a bound"),
        ("box packed", "packed rows alone"),
        ("box Call", "function, drawn beside"),
    ] {
        rectangle(body, class, &Rectangle { x, y: top, width: 14.0, height: 14.0 }, 3.0);
        text(body, "small", (x, top), (19.0, 11.0), what);
        x += 19.0 + what.chars().count() as f64 * 6.05 + 16.0;
    }
    let mut y = top + 24.0;
    let _ = writeln!(body, "<path class=\"line sparse\" d=\"M{MARGIN} {:.1}h14\"/>", y + 7.0);
    text(
        body,
        "small",
        (MARGIN, y),
        (19.0, 11.0),
        "mostly one value, as its bound says: `2 of E` means at most 2 entries along E differ",
    );
    y += 22.0;
    let most = ((width - 2.0 * MARGIN) / 6.05).max(40.0) as usize;
    for panel in panels {
        let mut line =
            if panels.len() > 1 { format!("axes of {}:", panel.heading) } else { "axes:".to_owned() };
        let mut first = true;
        for axis in &panel.axes {
            if line.chars().count() + axis.chars().count() + 2 > most && !first {
                text(body, "small", (MARGIN, y), (0.0, 11.0), &format!("{line},"));
                y += LINE;
                line = " ".to_owned();
                first = true;
            }
            line = if first { format!("{line} {axis}") } else { format!("{line}, {axis}") };
            first = false;
        }
        text(body, "small", (MARGIN, y), (0.0, 11.0), &line);
        y += LINE;
    }
    y
}

fn rectangle(body: &mut String, class: &str, bounds: &Rectangle, radius: f64) {
    let Rectangle { x, y, width, height } = bounds;
    let _ = writeln!(
        body,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{radius}\"/>"
    );
}

fn text(body: &mut String, class: &str, from: Point, by: Point, words: &str) {
    let (x, y) = (from.0 + by.0, from.1 + by.1);
    let _ = writeln!(body, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(words));
}

/// Text that stays readable where lines pass behind it.
fn halo(body: &mut String, class: &str, at: Point, words: &str) {
    text(body, &format!("{class} halo"), at, (0.0, 0.0), words);
    text(body, class, at, (0.0, 0.0), words);
}

/// Text as XML has it; what XML cannot have is left out.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            control if control.is_control() => {}
            other => safe.push(other),
        }
    }
    safe
}
