"""Runs built programs and their peers by turns and prints the table of ratios: `python compare.py WORK PROGRAMS PEERS [ROUNDS]`.

WORK is a folder that workload.py filled, PROGRAMS one with the built programs, PEERS one with the peers that are there:
`python` (with numpy and perhaps more) and perhaps `peer_ggml` and `peer_ik`. Each process does all calls of one row of the table with its
threads, is checked against float64, and gives its median; the table shows the median over rounds. BENCH_ROWS, a regular expression, chooses
rows by name; what is measured besides is then left out.
"""
import functools
import os
import re
import statistics
import subprocess
import sys
import time

import numpy as np

import workload

HERE = os.path.dirname(os.path.abspath(__file__))
WORK, PROGRAMS, PEERS = sys.argv[1:4]
ROUNDS = int(sys.argv[4]) if len(sys.argv) > 4 else 5
SECONDS = os.environ.get("BENCH_SECONDS", "1.0")
ROWS = os.environ.get("BENCH_ROWS", "")
CPU = os.environ.get("BENCH_CPU", "native")
PYTHON = os.path.join(PEERS, "python")

# What keeps libraries to a kind of processors, and what follows the names of programs that are built for it.
os.environ.update({
    "native": {},
    "x86-64-v3": {
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    },
}[CPU])
LEVEL = "" if CPU == "native" else f"-{CPU}"


def said(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def whole_error(value, answer):
    """The relative error."""
    return float(np.linalg.norm(value - answer) / np.linalg.norm(answer))


def middle_error(value, answer):
    """The relative error of the middle row: rows whose gates chose otherwise, by a hair, are not counted."""
    return float(np.median(np.linalg.norm(value - answer, axis=1) / np.linalg.norm(answer, axis=1)))


def own(program, inputs, weights, answer, error=whole_error, near=1e-5):
    """A built program's way to be run: gives the milliseconds of a call and its result."""

    def command(threads):
        words = [os.path.join(PROGRAMS, program), "--threads", str(threads), "--output", f"output={WORK}/own.npy"]
        words += [word for name, path in inputs for word in ("--input", f"{name}={WORK}/{path}")]
        return words + (["--weights", f"{WORK}/{weights}"] if weights else [])

    def run(threads, repeat):
        text = said([*command(threads), "--repeat", str(repeat)])
        number, unit = re.search(r"median ([0-9.]+) (\S?s)", text).groups()
        return float(number) * {"s": 1e3, "ms": 1.0, "µs": 1e-3}[unit], np.load(f"{WORK}/own.npy")

    def timed(threads):
        # As many calls as fill the time that a peer has.
        once, _ = run(threads, 1)
        return run(threads, max(3, int(float(SECONDS) * 1e3 / once)))

    timed.answer, timed.error, timed.near, timed.command = answer, error, near, command
    return timed


def python(script, *words):
    """A peer in Python."""

    def command(threads, seconds="0"):
        return [PYTHON, os.path.join(HERE, script), WORK, *words, str(threads), seconds, f"{WORK}/peer.npy"]

    def timed(threads):
        return float(said(command(threads, SECONDS)).split()[0]), np.load(f"{WORK}/peer.npy")

    timed.command = command
    return timed


def in_ggml(program, rows, *words):
    """A peer that peer_ggml.c was built to."""

    def command(threads, seconds="0"):
        return [os.path.join(PEERS, program), WORK, str(rows), str(threads), seconds, f"{WORK}/peer.bin", *words]

    def timed(threads):
        text = said(command(threads, SECONDS))
        return float(text.split()[0]), np.fromfile(f"{WORK}/peer.bin", np.float32).reshape(rows, workload.WIDTH)

    timed.command = command
    return timed


def ggmls(rows, *words):
    """Those that are there."""
    programs = {"ggml": f"peer_ggml{LEVEL}", "ik_llama.cpp": f"peer_ik{LEVEL}"}
    return {name: in_ggml(program, rows, *words) for name, program in programs.items() if os.access(os.path.join(PEERS, program), os.X_OK)}


@functools.cache
def has(module):
    return subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True).returncode == 0


def mixture(rows):
    """Ours and the peers on so many rows."""
    peers = {"numpy": python("peer_numpy.py", str(rows))}
    for name, module in (("ONNX Runtime", "onnxruntime"), ("OpenVINO", "openvino")):
        # The products of both are those of MLAS, which takes the widest vectors that there are.
        if CPU == "native" and has(module):
            peers[name] = python(f"peer_{module}.py", str(rows))
    peers.update(ggmls(rows))
    return own("mixture", [("x", f"x{rows}.npy")], "weights.safetensors", f"y{rows}.npy"), peers


def narrow_mixture(rows):
    """The same with experts of bf16."""
    x, answer = [("x", f"x{rows}.npy")], f"narrow{rows}.npy"
    return own("narrow", x, "narrow.safetensors", answer, middle_error, 1e-2), ggmls(rows, "narrow")


def workloads():
    """Name, what a time is divided by, ours, peers, the least bytes read and operations done by one of the parts."""
    matrix = workload.WIDTH * workload.HIDDEN
    for what, bytes_each, kind in (("mixture", 4, mixture), ("mixture in bf16", 2, narrow_mixture)):
        for rows in workload.ROWS:
            ours, peers = kind(rows)
            experts = workload.EXPERTS * (1 - (1 - workload.KEPT / workload.EXPERTS) ** rows)
            # Twice as many operations a second on entries half as wide.
            operations = 6 * matrix * workload.KEPT * rows * bytes_each / 4
            name = f"{what}, {rows} row{'s' * (rows > 1)}"
            yield name, workload.LAYERS, ours, peers, 3 * bytes_each * matrix * experts, operations
    size = workload.CHAIN["layers"]
    ours = own("chain", [("x", "row.npy")], "chain.safetensors", "chain.npy")
    peers = {"numpy": python("peer_products.py", "chain")}
    yield "matrix-vector product, 4096²", size[0], ours, peers, 4 * size[1] * size[2], 2 * size[1] * size[2]
    ours = own("product", [("x", "left.npy"), ("y", "right.npy")], None, "product.npy")
    peers = {"numpy": python("peer_products.py", "product")}
    yield "product, 1024³", 1, ours, peers, 12 << 20, 2 << 30
    for positions in workload.POSITIONS:
        yield from attention(positions)


def attention(positions):
    """Attention over so many positions."""
    given = [(name, f"{name}{positions}.npy") for name in ("q", "k", "v", "bias")]
    # Half of the scores, and of the weighted sums.
    operations = 2 * workload.HEADS * workload.HEAD * positions**2
    torch = ["torch"] * has("torch")
    for kind, what, inputs, libraries in (
        ("softmax", "causal attention", given[:3], torch),
        ("biased", "causal softmax attention with relative bias", given, torch + [f"{name} by blocks" for name in torch]),
        ("pointwise", "causal SiLU attention with relative bias", given, torch),
    ):
        ours = own(kind, inputs, None, f"{kind}{positions}.npy")
        peers = {library: python("peer_attention.py", library, kind, str(positions)) for library in ["numpy", *libraries]}
        yield f"{what}, 4 heads × 64, {positions} positions", 1, ours, peers, 0, operations


def measured(ours, peers, threads):
    """Medians over the rounds by who; ours is checked in each. Those far behind another after two rounds are left at that."""
    answer = np.load(f"{WORK}/{ours.answer}")
    calls = {"ours": ours, **peers}
    taken = {name: [] for name in calls}
    for turn in range(ROUNDS):
        for name, call in calls.items():
            if turn >= 2 and far_behind(name, taken):
                continue
            time, value = call(threads)
            wrong = ours.error(value, answer)
            if not wrong < ours.near:
                print(f"{name}: the result is wrong by {wrong:.1e}", file=sys.stderr)
                continue
            taken[name].append(time)
    return {name: statistics.median(times) for name, times in taken.items() if times}


def far_behind(name, taken):
    """Whether another peer's worst time is less than half of this one's best."""
    others = [max(times) for who, times in taken.items() if times and who not in ("ours", name)]
    return bool(others and taken[name]) and name != "ours" and 2 * min(others) < min(taken[name])


def neighbours():
    """How much longer 128 rows take two threads while another process keeps a core busy, and both do the same next to nobody."""
    ours, peers = mixture(128)
    calls = {"ours": ours, **peers}
    alone, beside = ({name: [] for name in calls} for _ in range(2))
    for _ in range(ROUNDS):
        for name, call in calls.items():
            alone[name].append(call(2)[0])
            busy = subprocess.Popen([PYTHON, "-c", "while True: pass"])
            try:
                beside[name].append(call(2)[0])
            finally:
                busy.kill()
                busy.wait()
    print("| who | alone | beside a busy process | times as long |")
    print("| --- | --- | --- | --- |")
    for name in calls:
        first, second = (statistics.median(taken[name]) / workload.LAYERS for taken in (alone, beside))
        print(f"| {name} | {first:.2f} ms | {second:.2f} ms | **{second / first:.2f}** |", flush=True)


def cost(command):
    """Seconds from start to end, seconds of processors, and the most memory in MiB of a process."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{command[0]} failed")
    return time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def starts():
    """Processes that load the weights, give one row's result and end."""
    ours, peers = mixture(1)
    calls = {"ours": ours, **peers}
    taken = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            taken[name].append(cost(call.command(1)))
    print("| who | start to end | processor time | most memory |")
    print("| --- | --- | --- | --- |")
    for name, costs in taken.items():
        wall, used, memory = (statistics.median(each) for each in zip(*costs))
        print(f"| {name} | {wall:.2f} s | **{used:.2f} s** | {memory:.0f} MiB |", flush=True)


def main():
    bandwidth, peak = (float(os.environ.get(name, 0)) for name in ("BENCH_GIGABYTES", "BENCH_GIGAFLOPS"))
    print("| workload | threads | best peer over ours | ours | best peer | other peers | floor, of ours |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, parts, ours, peers, read, operations in workloads():
        if not re.search(ROWS, name):
            continue
        for threads in (1, 2):
            times = measured(ours, peers, threads)
            if "ours" not in times:
                continue
            own_time = times.pop("ours") / parts
            order = sorted((time / parts, peer) for peer, time in times.items())
            shown = [f"{peer} {time:.2f} ms" for time, peer in order]
            ratio = f"{order[0][0] / own_time:.2f}" if order else ""
            floor = ""
            if bandwidth and peak:
                least = max(read / bandwidth, operations / peak) / threads / 1e6
                floor = f"{least:.2f} ms, {least / own_time:.0%}"
            rest = ", ".join(shown[1:])
            best = shown[0] if shown else ""
            print(f"| {name} | {threads} | **{ratio}** | {own_time:.2f} ms | {best} | {rest} | {floor} |", flush=True)


def besides():
    """What is measured of the mixture besides the time of a call."""
    print()
    print("Two threads, 128 rows of the mixture, alone and while another process keeps one core busy; with a fair share of two cores for three")
    print("that are busy it takes 1.5 times as long:")
    print()
    neighbours()
    print()
    print("Processes that load 704 MB of weights, give one row's result and end, with one thread (the peers do three calls, and ggml's and")
    print("ik_llama.cpp's turn the weights round, which their own files would not need):")
    print()
    starts()


if __name__ == "__main__":
    main()
    if not ROWS:
        besides()
