"""Attention by blocks of queries: `python peer_attention.py FOLDER LIBRARY KIND POSITIONS THREADS SECONDS OUTPUT`.

LIBRARY is `numpy`, `torch` or `torch by blocks`, KIND `softmax`, `biased` or `pointwise`. torch's softmax is its fused operator, the bias
a mask for it that is made once, outside of the timing; a mask does not tell it what is hidden, which costs it twice the time, so that the
operator is also called for blocks. Everything else goes over blocks of 256 queries and the keys that they see, several times as fast as
all scores at once. Prints the median and the shortest time of a call, in milliseconds.
"""
import os
import sys

folder, library, kind, positions, threads, seconds, output = sys.argv[1:]
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = threads

import numpy as np

from timing import measure

BLOCK = 256
q, k, v, bias = (np.load(os.path.join(folder, f"{name}{positions}.npy")) for name in ("q", "k", "v", "bias"))
count, width = q.shape[1:]
place = np.arange(count, dtype=np.int32)
distance = place[:, None] - place
# What is added to scores, and for the softmax -inf where a key is not seen.
added = np.zeros((count, count), np.float32) if kind == "softmax" else bias[np.maximum(distance, 0)]
sees = distance >= 0
if kind != "pointwise":
    added[~sees] = -np.inf


def weights_in_numpy(scores, first, last):
    scores += added[first:last, :last]
    if kind == "pointwise":
        weights = scores / ((1 + np.exp(-scores)) * count)
        weights *= sees[first:last, :last]
        return weights
    scores -= scores.max(-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(-1, keepdims=True)
    return scores


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
    a, b, c, mask = (torch.from_numpy(each) for each in (q, k, v, added))
    if kind == "softmax":
        return lambda: scaled_dot_product_attention(a[None], b[None], c[None], is_causal=True)[0].numpy()
    if kind == "biased" and library == "torch":
        return lambda: scaled_dot_product_attention(a[None], b[None], c[None], attn_mask=mask)[0].numpy()
    seen = torch.from_numpy(sees.astype(np.float32))

    def softmax(first, last):
        part = mask[first:last, :last]
        return scaled_dot_product_attention(a[None, :, first:last], b[None, :, :last], c[None, :, :last], attn_mask=part)[0]

    def pointwise(first, last):
        part = mask[first:last, :last].expand(len(a), -1, -1)
        scores = torch.baddbmm(part, a[:, first:last], b[:, :last].transpose(1, 2), alpha=width**-0.5)
        return (silu(scores) * seen[first:last, :last] / count) @ c[:, :last]

    block = softmax if kind == "biased" else pointwise

    def call():
        result = torch.empty_like(c)
        for first in range(0, count, BLOCK):
            last = min(first + BLOCK, count)
            result[:, first:last] = block(first, last)
        return result.numpy()

    return call


call = in_numpy if library == "numpy" else in_torch()
measure(call, seconds, output)
