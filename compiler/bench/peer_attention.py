"""Attention by blocks of queries: `python peer_attention.py FOLDER numpy|torch softmax|pointwise THREADS SECONDS OUTPUT`.

torch's softmax is its fused operator; everything else goes over blocks of 256 queries and the keys that they see, which is several times
as fast as all scores at once. Prints the median and the shortest time of a call, in milliseconds.
"""
import os
import sys

folder, library, kind, threads, seconds, output = sys.argv[1:]
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = threads

import numpy as np

from timing import measure

BLOCK = 256
q, k, v, bias = (np.load(os.path.join(folder, f"{name}.npy")) for name in ("q", "k", "v", "bias"))
count, width = q.shape[1:]
distance = np.arange(count)[:, None] - np.arange(count)
near = bias[np.maximum(distance, 0)]
hidden = np.where(distance < 0, np.float32(-np.inf), np.float32(0))


def weights_in_numpy(scores, first, last):
    if kind == "softmax":
        scores += hidden[first:last, :last]
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        return scores
    scores += near[first:last, :last]
    weights = scores / ((1 + np.exp(-scores)) * count)
    weights *= distance[first:last, :last] >= 0
    return weights


def in_numpy():
    result = np.empty_like(v)
    for first in range(0, count, BLOCK):
        last = min(first + BLOCK, count)
        scores = q[:, first:last] @ k[:, :last].transpose(0, 2, 1)
        scores *= np.float32(width**-0.5)
        result[:, first:last] = weights_in_numpy(scores, first, last) @ v[:, :last]
    return result


def in_torch():
    import torch
    from torch.nn.functional import scaled_dot_product_attention, silu

    torch.set_num_threads(int(threads))
    torch.set_grad_enabled(False)
    a, b, c, bias = (torch.from_numpy(each) for each in (q, k, v, near))
    sees = torch.from_numpy((distance >= 0).astype(np.float32))
    if kind == "softmax":
        return lambda: scaled_dot_product_attention(a[None], b[None], c[None], is_causal=True)[0].numpy()

    def call():
        result = torch.empty_like(c)
        for first in range(0, count, BLOCK):
            last = min(first + BLOCK, count)
            part = bias[first:last, :last].expand(len(a), -1, -1)
            scores = torch.baddbmm(part, a[:, first:last], b[:, :last].transpose(1, 2), alpha=width**-0.5)
            weights = silu(scores) * sees[first:last, :last] / count
            result[:, first:last] = weights @ c[:, :last]
        return result.numpy()

    return call


call = in_torch() if library == "torch" else in_numpy
measure(call, seconds, output)
