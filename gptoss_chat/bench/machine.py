"""What this machine can do at best, measured: the yardsticks that a model's speed is compared with."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

_BANDWIDTH_BYTES = 1 << 30  # far beyond any cache
_ARITHMETIC_SIZE = 1536


@dataclass(frozen=True, slots=True)
class Machine:
    """Bytes read a second by a sum over 1 GiB, and float32 operations a second (a multiply-add is two) of a square product."""

    threads: int
    bandwidth_bytes_per_s: float
    float32_ops_per_s: float


def probe(threads: int, repeats: int = 5) -> Machine:
    """Measure this machine with torch's own kernels, in a process of its own: its 1 GiB is not the model's. Medians."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
        return elsewhere.submit(_probe, threads, repeats).result()


def _probe(threads: int, repeats: int) -> Machine:
    import torch

    torch.set_num_threads(threads)

    def median_s(run: object) -> float:
        times = []
        for _ in range(repeats + 1):
            began = time.perf_counter()
            assert callable(run)
            run()
            times.append(time.perf_counter() - began)
        return statistics.median(times[1:])  # the first one touches the memory

    with torch.inference_mode():
        numbers = torch.ones(_BANDWIDTH_BYTES // 4)
        read_s = median_s(numbers.sum)
        del numbers
        a = torch.ones(_ARITHMETIC_SIZE, _ARITHMETIC_SIZE)
        product_s = median_s(lambda: a @ a)
    return Machine(threads, _BANDWIDTH_BYTES / read_s, 2 * _ARITHMETIC_SIZE**3 / product_s)
