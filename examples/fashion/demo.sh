#!/usr/bin/env bash
# Compiles the classifier with its weights to a native program, runs it on real pictures, and says how it did.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
moe=${MOE:-$root/target/release/moe}
out=${OUT:-$root/target/demo}
mkdir -p "$out"

echo "compiling examples/fashion/fashion.moe to a program"
"$moe" build "$here/fashion.moe" --weights "$here/weights.safetensors" -o "$out/fashion"

echo "running it on $(("$(stat -c %s "$here/labels.npy")" - 128)) pictures of the Fashion-MNIST test set"
"$out/fashion" --weights "$here/weights.safetensors" --input picture="$here/pictures.npy" \
    --output logits="$out/logits.npy" --output gate="$out/gate.npy"

echo "how it did:"
"$moe" run "$here/score.moe" --input logits="$out/logits.npy" --input gate="$out/gate.npy" --input label="$here/labels.npy"

# Start-up: the whole life of a process that has just one picture to look at, the fastest of twenty.
head -c $((128 + 784)) "$here/pictures.npy" | LC_ALL=C sed '1s/(512, 784)/(1, 784)  /' >"$out/one.npy"
best=
for _ in $(seq 20); do
    from=$(date +%s%N)
    "$out/fashion" --weights "$here/weights.safetensors" --input picture="$out/one.npy" --output logits="$out/one_logits.npy" --output gate="$out/one_gate.npy"
    took=$(($(date +%s%N) - from))
    if [ -z "$best" ] || [ "$took" -lt "$best" ]; then best=$took; fi
done
echo "the program: $(($(stat -c %s "$out/fashion") / 1024)) KiB without weights, $((best / 1000)) microseconds from start to finish for one picture"
