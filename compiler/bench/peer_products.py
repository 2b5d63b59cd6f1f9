"""numpy with its OpenBLAS on single products: `python peer_products.py FOLDER product|chain THREADS SECONDS OUTPUT`.

Prints the median and the shortest time of a call, in milliseconds.
"""
import os
import sys

folder, what, threads, seconds, output = sys.argv[1:]
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = threads

import numpy as np

from timing import measure

if what == "product":
    x, y = (np.load(os.path.join(folder, f"{name}.npy")) for name in ("left", "right"))
    result = np.empty((len(x), y.shape[1]), np.float32)

    def call():
        return np.matmul(x, y, out=result)

else:
    import workload

    matrices = np.array(workload.chain(folder))
    x = np.load(os.path.join(folder, "row.npy"))

    def call():
        h = x
        for matrix in matrices:
            h = h @ matrix
        return h


measure(call, seconds, output)
