#!/bin/sh
# Licences, sources and doubles of the packages Moe is made of, as `.deny.toml` says, and faults that are known of them. Known faults are read from
# RustSec's database: fetched, or a git directory of it where ADVISORIES names one.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/target/tools/bin:$PATH"
command -v cargo-deny >/dev/null || CARGO_TARGET_DIR="$PWD/target/tools/build" cargo install cargo-deny --locked --root target/tools
cargo-deny --all-features check licenses bans sources
cargo-deny check advisories
