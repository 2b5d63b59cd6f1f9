"""The workloads: sizes, weights and inputs drawn from a seed, and the answers in float64.

`python workload.py FOLDER` writes for the mixtures `weights.safetensors` and for each number of rows `x<N>.npy` and `y<N>.npy`; for
those whose experts are bf16 `narrow.safetensors` and `narrow<N>.npy`; for a product `left.npy`, `right.npy` and `product.npy`; for a
chain of matrix-vector products `chain.safetensors`, `row.npy` and `chain.npy`; for attention over each number of positions `q<N>.npy`,
`k<N>.npy`, `v<N>.npy`, `bias<N>.npy`, `softmax<N>.npy`, `biased<N>.npy` and `pointwise<N>.npy`. BENCH_POSITIONS has the numbers of
positions, such as "4096 8192".
"""
import json
import os
import sys

import numpy as np

LAYERS, EXPERTS, KEPT, WIDTH, HIDDEN = 8, 8, 2, 512, 1792
ROWS = (1, 16, 128, 1024)
HEADS, HEAD = 4, 64
POSITIONS = tuple(int(positions) for positions in os.environ.get("BENCH_POSITIONS", "4096").split())
SHAPES = {
    "layers.gate.weight": (LAYERS, WIDTH, EXPERTS),
    "layers.experts.gate": (LAYERS, EXPERTS, WIDTH, HIDDEN),
    "layers.experts.up": (LAYERS, EXPERTS, WIDTH, HIDDEN),
    "layers.experts.down": (LAYERS, EXPERTS, HIDDEN, WIDTH),
}


CHAIN = {"layers": (8, 4096, 4096)}


def stacks(path, shapes):
    """The tensors of a file in float32."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    data = np.memmap(path, mode="r", offset=8 + length)

    def stack(name, shape):
        begin, end = header[name]["data_offsets"]
        if header[name]["dtype"] == "BF16":
            return Widened(data[begin:end].view(np.uint16).reshape(shape))
        return data[begin:end].view(np.float32).reshape(shape)

    return [stack(name, shape) for name, shape in shapes.items()]


class Widened:
    """A stack of bf16 of which layers are read as float32."""

    def __init__(self, upper_halves):
        self.upper_halves = upper_halves

    def __getitem__(self, layer):
        return (self.upper_halves[layer].astype(np.uint32) << 16).view(np.float32)


def rounded(values):
    """The upper halves of float32 values, rounded to nearest, ties to even."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def weights(folder, name="weights"):
    """The mixtures' weights."""
    return stacks(os.path.join(folder, f"{name}.safetensors"), SHAPES)


def chain(folder):
    """The chain's matrices."""
    return stacks(os.path.join(folder, "chain.safetensors"), CHAIN)[0]


def draw(path, shapes, narrow=("no such name",)):
    """Writes weights whose layers keep the size of what goes through them; in bf16 those whose names begin so."""
    random = np.random.default_rng(20)
    header, end = {}, 0
    for name, shape in shapes.items():
        size, element = (2, "BF16") if name.startswith(narrow) else (4, "F32")
        begin, end = end, end + size * int(np.prod(shape))
        header[name] = {"dtype": element, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 64 + 56)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes.items():
            scale = np.float32(shape[-2] ** -0.5 * (0.25 if name.endswith("down") else 1))
            for layer in range(shape[0]):
                values = random.standard_normal(shape[1:], dtype=np.float32) * scale
                (rounded(values) if name.startswith(narrow) else values).tofile(file)


def mixture(x, gate, inner, up, down, kept=KEPT):
    """One layer in the precision of `x`, an expert at a time."""
    scores = x @ gate
    chosen = np.argsort(-scores, axis=1, kind="stable")[:, :kept]
    best = np.take_along_axis(scores, chosen, 1)
    shares = np.exp(best - best.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    result = x.copy()
    for expert in range(gate.shape[1]):
        row, place = np.nonzero(chosen == expert)
        if len(row):
            rows = x[row]
            hidden = rows @ inner[expert]
            hidden /= 1 + np.exp(-hidden)
            hidden *= rows @ up[expert]
            result[row] += (hidden @ down[expert]) * shares[row, place][:, None]
    return result


def single_products(folder, random):
    """What the single products read, and their answers."""
    draw(os.path.join(folder, "chain.safetensors"), CHAIN)
    row = random.standard_normal((1, CHAIN["layers"][1]), dtype=np.float32)
    np.save(os.path.join(folder, "row.npy"), row)
    answer = row.astype(np.float64)
    for matrix in chain(folder):
        answer = answer @ matrix.astype(np.float64)
    np.save(os.path.join(folder, "chain.npy"), answer)
    left, right = random.standard_normal((2, 1024, 1024), dtype=np.float32)
    for name, value in (("left", left), ("right", right), ("product", left.astype(np.float64) @ right)):
        np.save(os.path.join(folder, f"{name}.npy"), value)


def shares(scores):
    """A softmax over the keys."""
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def attention(folder, random, positions):
    """What attention over so many positions reads, and its answers."""

    def save(name, value):
        np.save(os.path.join(folder, f"{name}{positions}.npy"), value)

    q, k, v = random.standard_normal((3, HEADS, positions, HEAD), dtype=np.float32)
    bias = random.standard_normal(positions, dtype=np.float32) * np.float32(0.5)
    for name, value in (("q", q), ("k", k), ("v", v), ("bias", bias)):
        save(name, value)
    answers = {name: np.empty(q.shape) for name in ("softmax", "biased", "pointwise")}
    for place in range(0, positions, 256):
        distance = np.arange(place, place + 256)[:, None] - np.arange(positions)
        scores = q[:, place : place + 256].astype(np.float64) @ k.astype(np.float64).transpose(0, 2, 1) / HEAD**0.5
        near = scores + bias[np.maximum(distance, 0)]
        weights = {
            "softmax": shares(np.where(distance >= 0, scores, -np.inf)),
            "biased": shares(np.where(distance >= 0, near, -np.inf)),
            "pointwise": np.where(distance >= 0, near / (1 + np.exp(-near)) / positions, 0),
        }
        for name, each in weights.items():
            answers[name][:, place : place + 256] = each @ v
    for name, answer in answers.items():
        save(name, answer)


def main(folder):
    os.makedirs(folder, exist_ok=True)
    draw(os.path.join(folder, "weights.safetensors"), SHAPES)
    random = np.random.default_rng(21)
    single_products(folder, random)
    for positions in POSITIONS:
        attention(folder, random, positions)
    draw(os.path.join(folder, "narrow.safetensors"), SHAPES, ("layers.experts",))
    inputs = random.standard_normal((max(ROWS), WIDTH), dtype=np.float32)
    for rows in ROWS:
        np.save(os.path.join(folder, f"x{rows}.npy"), inputs[:rows])
    for name, result in (("weights", "y"), ("narrow", "narrow")):
        answer = inputs.astype(np.float64)
        read = weights(folder, name)
        for layer in range(LAYERS):
            answer = mixture(answer, *(stack[layer].astype(np.float64) for stack in read))
        for rows in ROWS:
            np.save(os.path.join(folder, f"{result}{rows}.npy"), answer[:rows])


if __name__ == "__main__":
    main(sys.argv[1])
