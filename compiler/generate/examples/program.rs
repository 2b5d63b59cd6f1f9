//! Prints the generated program of a seed: `cargo run --release -p moe-generate --example program -- 35`.

fn main() {
    let seeds = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    seeds.for_each(|seed| print!("{}", moe_generate::programs::program(seed).text));
}
