"""What this machine can do at best, measured: the yardsticks that a model's speed is compared with."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_BANDWIDTH_BYTES = 1 << 30  # far beyond any cache
_ARITHMETIC_SIZE = 1536
_UPLOAD_BYTES = 256 << 20
_DEVICE_ARITHMETIC_SIZE = 8192


@dataclass(frozen=True, slots=True)
class DeviceLimits:
    """Of a GPU: bytes read a second by a sum over 1 GiB, bytes copied to it a second from pinned memory, and bf16 operations a
    second of a square product."""

    bandwidth_bytes_per_s: float
    upload_bytes_per_s: float
    bf16_ops_per_s: float


@dataclass(frozen=True, slots=True)
class Machine:
    """Bytes read a second by a sum over 1 GiB, and float32 operations a second (a multiply-add is two) of a square product."""

    threads: int
    bandwidth_bytes_per_s: float
    float32_ops_per_s: float
    device: DeviceLimits | None = None


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


def probe_device(device: torch.device, repeats: int = 5) -> DeviceLimits:
    """Measure a GPU with torch's own kernels, before a model fills it, and give back what that took. Medians."""
    import torch

    limits = _probe_device(device, repeats)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    return limits


def _probe_device(device: torch.device, repeats: int) -> DeviceLimits:
    import torch

    def median_s(run: Callable[[], object]) -> float:
        times = []
        for _ in range(repeats + 1):
            torch.cuda.synchronize(device)
            began = time.perf_counter()
            run()
            torch.cuda.synchronize(device)
            times.append(time.perf_counter() - began)
        return statistics.median(times[1:])  # the first one starts the libraries

    with torch.inference_mode():
        numbers = torch.ones(_BANDWIDTH_BYTES // 4, device=device)
        read_s = median_s(numbers.sum)
        host = torch.ones(_UPLOAD_BYTES // 4, pin_memory=True)
        upload_s = median_s(lambda: numbers[: len(host)].copy_(host, non_blocking=True))
        a = torch.ones(_DEVICE_ARITHMETIC_SIZE, _DEVICE_ARITHMETIC_SIZE, device=device, dtype=torch.bfloat16)
        product_s = median_s(lambda: a @ a)
    return DeviceLimits(_BANDWIDTH_BYTES / read_s, _UPLOAD_BYTES / upload_s, 2 * _DEVICE_ARITHMETIC_SIZE**3 / product_s)
