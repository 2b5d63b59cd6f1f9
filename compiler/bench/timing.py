"""Times of calls, for the peers that are called from Python."""
import statistics
import time

import numpy as np


def measure(call, seconds, output):
    """Prints the median and the shortest time of at least three calls, in milliseconds, and writes what the last one gave."""
    call()
    taken, end = [], time.perf_counter() + float(seconds)
    while len(taken) < 3 or time.perf_counter() < end:
        begin = time.perf_counter()
        result = call()
        taken.append(time.perf_counter() - begin)
    np.save(output, result)
    print(f"{statistics.median(taken) * 1e3:.4f} {min(taken) * 1e3:.4f}")
