//! Measures register tiles: the speed of a product of two matrices with tiles of several shapes, in one thread, beside
//! the machine's peak. Run it with `cargo run --release -p moe-llvm --example tiles`; an argument such as `1024x1024`
//! leaves out the products whose names lack it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../tests/it/support.rs"]
#[allow(dead_code)]
mod support;

use moe_kernel::{Buffer, Builder, Kernel, Value, ValueType};
use moe_runtime::Element;
use std::time::Instant;
use support::Loaded;

/// A tile of `rows` by `vectors` registers of `lanes` lanes, the inner axis in blocks of `block`, `unroll` at a time.
#[derive(Clone, Copy, Debug)]
struct Tile {
    rows: i64,
    vectors: i64,
    lanes: u32,
    block: i64,
    unroll: i64,
    /// The left matrix lies in panels of `rows` rows; else row by row.
    left_packed: bool,
    /// The right matrix lies in panels of the tile's width; else row by row.
    right_packed: bool,
}

/// About how many rows are done for all columns before the next rows.
const ROW_BLOCK: i64 = 112;

/// The shape of a product: `m` by `k` times `k` by `n`.
#[derive(Clone, Copy, Debug)]
struct Shape {
    m: i64,
    n: i64,
    k: i64,
}

impl Tile {
    fn width(self) -> i64 {
        self.vectors * i64::from(self.lanes)
    }

    /// About `size` in each direction, whole tiles.
    fn shape(self, m: i64, n: i64, k: i64) -> Shape {
        let near = |size: i64, of: i64| (size / of).max(1) * of;
        Shape { m: near(m, self.rows), n: near(n, self.width()), k: near(k, self.block) }
    }
}

/// `constant + value * factor`.
fn offset(build: &mut Builder, value: Value, factor: i64, constant: i64) -> Value {
    let (factor, constant) = (build.index(factor), build.index(constant));
    let product = build.multiply(value, factor);
    build.add(product, constant)
}

/// Items are column panels.
fn product(tile: Tile, shape: Shape) -> Kernel {
    let mut build = Builder::new("product");
    let (left, right) = (build.buffer("left", Element::F32), build.buffer("right", Element::F32));
    let buffers = [left, right, build.written("output", Element::F32)];
    let (begin, end, zero) = (build.begin(), build.end(), build.index(0));
    let (m, k) = (build.index(shape.m), build.index(shape.k));
    build.for_each(zero, k, tile.block, |build, block| {
        let rows = ROW_BLOCK / tile.rows * tile.rows;
        build.for_each(zero, m, rows, |build, first| {
            let stop = offset(build, first, 1, rows);
            let stop = build.minimum(stop, m);
            build.for_each(begin, end, 1, |build, panel| {
                build.for_each(first, stop, tile.rows, |build, row| {
                    tile_of(build, tile, shape, buffers, [block, panel, row]);
                });
            });
        });
    });
    build.finish().unwrap()
}

fn tile_of(build: &mut Builder, tile: Tile, shape: Shape, buffers: [Buffer; 3], place: [Value; 3]) {
    let ([left, right, output], [block, panel, row]) = (buffers, place);
    let column = offset(build, panel, tile.width(), 0);
    let start = offset(build, row, shape.n, 0);
    let start = build.add(start, column);
    let mut places = Vec::new();
    for r in 0..tile.rows {
        for v in 0..tile.vectors {
            places.push(offset(build, start, 1, r * shape.n + v * i64::from(tile.lanes)));
        }
    }
    let initial: Vec<Value> = places.iter().map(|place| build.load(output, *place, tile.lanes)).collect();
    let left_base = offset(build, row, shape.k, 0);
    let right_base = if tile.right_packed { offset(build, panel, shape.k * tile.width(), 0) } else { column };
    let row_stride = if tile.right_packed { tile.width() } else { shape.n };
    let stop = offset(build, block, 1, tile.block);
    let results = build.fold_many(block, stop, tile.unroll, &initial, |build, k, sums| {
        let mut sums = sums.to_vec();
        for step in 0..tile.unroll {
            let right_row = offset(build, k, row_stride, 0);
            let right_row = build.add(right_base, right_row);
            let rights: Vec<Value> = (0..tile.vectors)
                .map(|v| {
                    let place = offset(build, right_row, 1, step * row_stride + v * i64::from(tile.lanes));
                    build.load(right, place, tile.lanes)
                })
                .collect();
            let left_column = offset(build, k, if tile.left_packed { tile.rows } else { 1 }, 0);
            let left_column = build.add(left_base, left_column);
            for r in 0..tile.rows {
                let constant = if tile.left_packed { step * tile.rows + r } else { step + r * shape.k };
                let place = offset(build, left_column, 1, constant);
                let one = build.load(left, place, 1);
                let all = build.splat(one, tile.lanes);
                for v in 0..tile.vectors {
                    let index = (r * tile.vectors + v) as usize;
                    sums[index] = build.multiply_add(all, rights[v as usize], sums[index]);
                }
            }
        }
        sums
    });
    for (place, result) in places.iter().zip(results) {
        build.store(output, *place, result);
    }
}

/// Multiply-adds in registers only.
fn peak(lanes: u32, count: usize) -> Kernel {
    let mut build = Builder::new("peak");
    let output = build.written("output", Element::F32);
    let (begin, end, zero) = (build.begin(), build.end(), build.index(0));
    let of = ValueType::vector(Element::F32, lanes);
    let (first, factor) = (build.load(output, zero, lanes), build.number(of, 0.5));
    let sums: Vec<Value> = (0..count)
        .map(|index| {
            let number = build.number(of, index as f64);
            build.add(first, number)
        })
        .collect();
    let sums = build.fold_many(begin, end, 1, &sums, |build, _, sums| {
        sums.iter().map(|sum| build.multiply_add(*sum, factor, first)).collect()
    });
    let total = sums.into_iter().reduce(|a, b| build.add(a, b)).unwrap();
    build.store(output, zero, total);
    build.finish().unwrap()
}

/// The best of many runs, in seconds: other work on the machine only makes runs longer.
fn best(mut run: impl FnMut()) -> f64 {
    let (begin, mut best, mut runs) = (Instant::now(), f64::INFINITY, 0);
    while runs < 5 || begin.elapsed().as_secs_f64() < 0.5 {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
        runs += 1;
    }
    best
}

fn measure_peak(lanes: u32) -> f64 {
    let loaded = Loaded::new(&[peak(lanes, 10)], cpu(lanes));
    let mut buffers = [vec![0u8; 64]];
    let rounds = 2_000_000;
    let seconds = best(|| assert_eq!(loaded.run("peak", &mut buffers, &[], 0, rounds), 0));
    2.0 * 10.0 * f64::from(lanes) * rounds as f64 / seconds / 1e9
}

/// A processor whose registers have so many lanes: tiles of half the width are for machines without the wide registers,
/// which have half as many too.
fn cpu(lanes: u32) -> &'static str {
    if lanes == 8 {
        "x86-64-v3"
    } else {
        "native"
    }
}

/// The speed of a product in GFLOP/s.
fn measure(tile: Tile, shape: Shape) -> f64 {
    let loaded = Loaded::new(&[product(tile, shape)], cpu(tile.lanes));
    // Not zeros: untouched pages would all be one page of zeros, which is always in the cache.
    let bytes = |entries: i64| vec![0x3c_u8; entries as usize * 4];
    let mut buffers = [bytes(shape.m * shape.k), bytes(shape.k * shape.n), bytes(shape.m * shape.n)];
    let panels = shape.n / tile.width();
    let operations = 2.0 * (shape.m * shape.n * shape.k) as f64;
    let times = (1e7 / operations).ceil();
    let seconds = best(|| {
        for _ in 0..times as u64 {
            assert_eq!(loaded.run("product", &mut buffers, &[], 0, panels), 0);
        }
    });
    operations * times / seconds / 1e9
}

/// Rows, vectors and lanes of the tiles that are compared.
const TILES: [(i64, i64, u32); 9] = [
    (4, 3, 8),
    (6, 2, 8),
    (4, 6, 16),
    (6, 4, 16),
    (8, 2, 16),
    (8, 3, 16),
    (12, 2, 16),
    (14, 2, 16),
    (28, 1, 16),
];

/// The block of the inner axis, its unrolling, and whether the left and the right matrix lie in panels.
const WAYS: [(i64, i64, bool, bool); 5] = [
    (256, 1, true, true),
    (256, 4, true, true),
    (256, 1, false, true),
    (1024, 1, true, true),
    (256, 1, false, false),
];

/// Products with few rows read the right matrix once: the speed of memory decides.
fn few_rows() {
    for (rows, n, k) in [(1, 1024, 1024), (1, 4096, 4096), (2, 4096, 4096), (4, 4096, 4096), (8, 4096, 4096)]
    {
        let mut line = format!("{rows}x{n}x{k}");
        for (vectors, unroll) in [(1, 1), (2, 4), (4, 1), (4, 4), (8, 1)] {
            if rows * vectors > 24 {
                continue;
            }
            for right_packed in [true, false] {
                let tile =
                    Tile { rows, vectors, lanes: 16, block: k, unroll, left_packed: false, right_packed };
                let bytes_per_operation = 2.0 / rows as f64;
                let speed = measure(tile, tile.shape(rows, n, k)) * bytes_per_operation;
                let way = if right_packed { "panels" } else { "rows" };
                line += &format!("  {way} of {vectors} vectors unroll {unroll}: {speed:.0} GB/s");
            }
        }
        println!("{line}");
    }
}

/// Tiles of all shapes on one product; `shape` gives its size for a tile.
fn tiles(title: &str, shape: impl Fn(Tile) -> Shape) {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for (rows, vectors, lanes) in TILES.into_iter().filter(|_| title.contains(&wanted)) {
        let mut line = format!("{title} {rows:>2}x{:<3}", vectors * i64::from(lanes));
        for (block, unroll, left_packed, right_packed) in WAYS {
            let tile = Tile { rows, vectors, lanes, block, unroll, left_packed, right_packed };
            let name = |packed| if packed { "panels" } else { "rows" };
            let speed = measure(tile, shape(tile));
            let ways = format!("{}/{}", name(left_packed), name(right_packed));
            line += &format!("  {ways} block {block} unroll {unroll}: {speed:.0}");
        }
        println!("{line}");
    }
}

fn main() {
    for lanes in [8, 16] {
        println!("peak with {lanes} lanes: {:.0} GFLOP/s", measure_peak(lanes));
    }
    tiles("one tile, in cache", |tile| tile.shape(tile.rows, tile.width(), tile.block));
    for (m, n, k) in [(1024, 1024, 1024), (64, 1024, 1024), (16, 4096, 4096)] {
        tiles(&format!("{m}x{n}x{k}"), |tile| tile.shape(m, n, k));
    }
    if std::env::args().nth(1).is_none() {
        few_rows();
    }
}
