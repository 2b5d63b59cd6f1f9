#!/bin/sh
# The runtime's tests, and a built library called from C by two threads, under the address and leak sanitizers and with every check of undefined
# behaviour that Rust and C compilers have: overflow, alignment, null and range of pointers, shifts, misuse of unchecked functions.
set -eu
cd "$(dirname "$0")/.."
rustup toolchain list | grep -q nightly || { echo "The sanitizers need a nightly compiler: rustup toolchain install nightly" >&2; exit 1; }
host=$(rustc -vV | sed -n 's/^host: //p')

echo "runtime: address, leaks, undefined behaviour"
# Doctests link without the sanitizer; the library has none.
RUSTFLAGS="-Zsanitizer=address -Zub-checks=yes -Cdebug-assertions=yes -Coverflow-checks=yes" \
    RUSTUP_TOOLCHAIN=nightly CARGO_TARGET_DIR="$PWD/target/sanitize" \
    cargo test --release --target "$host" -p moe-runtime --lib --tests

echo "a library called from C"
CFLAGS="-g -fsanitize=address,undefined -fno-sanitize-recover=all" \
    cargo test --release -p moe-command --test it library::a_library_is_called_from_c
