#!/usr/bin/env bash
# Measures what the compiler and its programs are promised to do, and writes the table compiler/BENCHMARKS.md; with BENCH_CPU=x86-64-v3
# as on processors with AVX2 only, and compiler/BENCHMARKS-x86-64-v3.md.
# Rows that are compared run interleaved (ours, theirs, ours, …) in one go; figures are medians.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
moe=$root/target/release/moe
fashion=$root/examples/fashion
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rounds=${ROUNDS:-21}
# The processors that programs and their peers are built for; figures for others than this one go into a file of their own.
export BENCH_CPU=${BENCH_CPU:-native}
case $BENCH_CPU in
native) level= ;;
x86-64-v3) level=-$BENCH_CPU ;;
*) echo "BENCH_CPU is native or x86-64-v3" >&2; exit 1 ;;
esac
cd "$work"

[ -x "$moe" ] || { echo "build first: make build" >&2; exit 1; }

microseconds() { # of one call
    local from=$(date +%s%N)
    "$@" >/dev/null 2>&1
    echo $((($(date +%s%N) - from) / 1000))
}
median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
built() { "$moe" build --cpu "$BENCH_CPU" "$@"; }
milliseconds() { awk -v us="$1" 'BEGIN { printf "%.1f ms", us / 1000 }'; }
row() { printf '| %s | %s | %s |\n' "$1" "$2" "$3" | tee -a table; }

# A source of 500 lines: definitions of the kind people write.
{
    echo "moe 1"
    echo "use std::nn::softmax::softmax"
    echo "use std::select::keep_largest"
    for i in $(seq 72); do
        printf '\n/// A gate.\npub gate gate_%s[E, K](x: f32[.., D]) -> f32[.., K of E] {\n    weight weight: f32[D, E] = glorot\n    let scores = x @ weight\n    softmax(keep_largest[K](scores, over E), over E)\n}\n' "$i"
    done
} >long.moe

one=$work/one.npy
head -c $((128 + 784)) "$fashion/pictures.npy" | LC_ALL=C sed '1s/(512, 784)/(1, 784)  /' >"$one"
w=$fashion/weights.safetensors
export MOE_CACHE=$work/cache

echo "| what | measured | promised |" >table
echo "| --- | --- | --- |" >>table
"$moe" check long.moe
check=$(for _ in $(seq "$rounds"); do microseconds "$moe" check long.moe; done | median)
row "\`moe check\` of $(wc -l <long.moe) lines, a process from start to end" "$(milliseconds "$check")" "50 ms"

run=$(for _ in $(seq "$rounds"); do microseconds "$moe" run "$fashion/fashion.moe" --weights "$w" --input "picture=$one" --output logits=l.npy --output gate=g.npy; done | median)
row "\`moe run\` of the fashion model (Cranelift), one picture, start to end" "$(milliseconds "$run")" "300 ms"

for backend in llvm cranelift; do
    [ $backend = cranelift ] || [ -x "$root/target/release/moe-codegen" ] || continue
    cold=$(for _ in $(seq 5); do rm -rf "$MOE_CACHE"; microseconds built "$fashion/fashion.moe" --backend $backend -o fashion-$backend; done | median)
    row "\`moe build\` of the fashion model with $backend, empty cache" "$(milliseconds "$cold")" "3000 ms"
    cp -r "$fashion/fashion.moe" moved.moe
    warm=$(for i in $(seq "$rounds"); do echo "// line $i" >>moved.moe; microseconds built moved.moe --backend $backend -o fashion-$backend; done | median)
    row "the same after a comment was added" "$(milliseconds "$warm")" "500 ms"
    cold=$(for _ in $(seq 5); do rm -rf "$MOE_CACHE"; microseconds built "$here/bench/mixture.moe" --model Mixture --backend $backend -o mixture-$backend; done | median)
    row "\`moe build\` of eight layers of the mixture below with $backend, for any number of rows, empty cache" "$(milliseconds "$cold")" ""
done
program=$work/fashion-llvm
[ -x "$program" ] || program=$work/fashion-cranelift
row "the built program, without weights" "$(($(stat -c %s "$program") / 1024)) KiB" "3072 KiB"

baseline() { cat "$w" "$one" >/dev/null; }
start=$(for _ in $(seq "$rounds"); do microseconds "$program" --weights "$w" --input "picture=$one" --output logits=l.npy --output gate=g.npy; done | median)
row "the built program, one picture, start to end" "$(milliseconds "$start")" "20 ms"

(cd "$root" && "${CARGO:-cargo}" run --quiet --release -p moe-rewrite --example speed) | tee -a table

"$program" --weights "$w" --input "picture=$fashion/pictures.npy" --output logits=l.npy --output gate=g.npy --count >counted 2>&1 || true
echo
cat counted

# Programs beside their peers; PEERS=no leaves this out.
if [ "${PEERS:-yes}" = yes ]; then
    peers=${PEERS_FOLDER:-$root/target/peers}
    "$here/bench/peers.sh" "$peers"
    "$peers/python" "$here/bench/workload.py" "$work/data"
    mkdir programs
    built "$here/bench/mixture.moe" --model Mixture -o programs/mixture
    built "$here/bench/mixture.moe" --model Narrow -o programs/narrow
    built "$here/bench/products.moe" --model Chain -o programs/chain
    built "$here/bench/products.moe" --model Product -o programs/product
    built "$here/bench/attention.moe" --model Softmax -o programs/softmax
    built "$here/bench/attention.moe" --model Biased -o programs/biased
    built "$here/bench/attention.moe" --model Pointwise -o programs/pointwise
    "$peers/python" "$here/bench/compare.py" "$work/data" programs "$peers" "${ROUNDS_OF_PEERS:-5}" | tee compared
fi

processors="vectors of $(LC_ALL=C lscpu | grep -q avx512f && echo 512 || echo 256) bits"
[ -z "$level" ] || processors="programs and peers for $BENCH_CPU (AVX2: vectors of 256 bits, no products of bf16)"
{
    echo "# Benchmarks"
    echo
    echo "Written by \`make bench\` on $(date +%F): $(LC_ALL=C lscpu | sed -n 's/^Model name: *//p' | head -n 1), $(nproc) cores,"
    echo "$processors. Medians of $rounds processes each; files in the page cache."
    echo
    cat table
    if [ -s compared ]; then
        echo
        echo "## Beside others"
        echo
        echo "Layers of SwiGLU experts (E = 8, K = 2, D = 512, H = 1792; eight layers one after the other, 88 MB each in f32), and single products."
        echo "In bf16, weights and what meets them are rounded to it; sums are f32, floors by twice the operations a second."
        echo "Milliseconds a layer, matrix or product. A row's programs run by turns, each in a process of its own with so many threads;"
        echo "medians of the rounds, of two for those that then take twice as long as another. A ratio above 1: ours is faster. The floor"
        echo "is what reading the weights or the arithmetic takes at least; for the product its share of our time is that of the peak."
        echo "All answers are checked against float64 (to 1e-5; in bf16 the middle row to 1e-2)."
        [ -z "$level" ] || echo "ONNX Runtime and OpenVINO are left out: their products have no setting that keeps them from vectors of 512 bits."
        echo
        cat compared
    fi
    echo
    echo "Operations of the fashion model for 512 pictures, counted by the program while it ran (\`--count\`). The two grouped products are the"
    echo "experts; done densely they would take 512 pictures · 8 experts · 2 matrices · 128 · 64 · 2 = 134217728 operations, four times as many."
    echo
    echo '```'
    cat counted
    echo '```'
} >"$here/BENCHMARKS$level.md"
echo "written to compiler/BENCHMARKS$level.md"
