"""Times of calls, for the peers that are called from Python."""
import statistics
import time


def timed(call, seconds):
    """The median and the shortest time of at least three calls, in milliseconds."""
    taken, end = [], time.perf_counter() + seconds
    while len(taken) < 3 or time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return round(statistics.median(taken) * 1e3, 4), round(min(taken) * 1e3, 4)
