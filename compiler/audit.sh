#!/bin/sh
# Licences and sources of the packages Moe is made of, as `.deny.toml` says, and faults that are known of them. The list of faults is RustSec's,
# fetched anew; with OFFLINE=1 as it was fetched last.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/target/tools/bin:$PATH"
command -v cargo-deny >/dev/null || CARGO_TARGET_DIR="$PWD/target/tools/build" cargo install cargo-deny --locked --root target/tools
cargo-deny --all-features check licenses bans sources
cargo-deny ${OFFLINE:+--offline} check advisories
