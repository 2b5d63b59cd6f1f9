"""numpy with its OpenBLAS, an expert at a time: `python peer_numpy.py FOLDER ROWS THREADS SECONDS OUTPUT`.

Prints the median and the shortest time of a call of all layers, in milliseconds.
"""
import os
import sys

folder, rows, threads, seconds, output = sys.argv[1:]
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = threads

import numpy as np

import workload
from timing import measure

stacks = [np.array(stack) for stack in workload.weights(folder)]
x = np.load(os.path.join(folder, f"x{rows}.npy"))


def call():
    y = x
    for layer in range(workload.LAYERS):
        y = workload.mixture(y, *(stack[layer] for stack in stacks))
    return y


measure(call, seconds, output)
