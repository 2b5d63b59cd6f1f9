#!/bin/sh
# Fuzzes one target after another: `run.sh RUNS [TARGET…]`. Finds lie in target/fuzz/finds/TARGET. NICE is how far it steps back for others.
set -eu
cd "$(dirname "$0")"
runs=$1
shift
[ $# -gt 0 ] || set -- parse format check mapping graph evaluate npy safetensors
top=$(cd ../.. && pwd)
rustup toolchain list | grep -q nightly || { echo "Fuzzing needs a nightly compiler: rustup toolchain install nightly" >&2; exit 1; }
export CARGO_TARGET_DIR="$top/target/fuzz"
PATH="$top/target/tools/bin:$PATH"
command -v cargo-fuzz >/dev/null || CARGO_TARGET_DIR="$top/target/tools/build" cargo install cargo-fuzz --locked --root "$top/target/tools"
# Comparisons are not traced: the seeds and the dictionary have what they would find, and texts are read three times as fast.
RUSTUP_TOOLCHAIN=nightly cargo-fuzz fuzz build --fuzz-dir . -s none --no-trace-compares
for target in "$@"; do
    cases="$top/target/fuzz/cases/$target"
    finds="$top/target/fuzz/finds/$target"
    mkdir -p "$cases" "$finds"
    echo "$target"
    MOE_SEEDS="$cases" nice -n "${NICE:-19}" "$top/target/fuzz/$(rustc -vV | sed -n 's/^host: //p')/release/$target" \
        -runs="$runs" -dict=moe.dict -timeout=60 -rss_limit_mb=4096 -max_len=2048 -artifact_prefix="$finds/" -print_final_stats=1 \
        "$cases" 2>"$finds/log" || { tail -40 "$finds/log"; exit 1; }
    grep -E 'stat::(number_of_executed_units|average_exec_per_sec)' "$finds/log"
done
