"""Tile sizes by compute capability, in one table; it knows nothing of the kernels' arithmetic.

Chosen by counting bytes and registers for an H100 and scaled down, without a search at run time: the first token would
wait for one. A tile is (rows of weights, tokens, inputs a step, warps).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Tuning:
    """What the launchers choose by device.

    operand: the type that tensor cores multiply, accumulating in float32. Everything that gpt-oss multiplies is a normed
    activation, a mix of values, or within swiglu's limit, so float16's range serves where bfloat16 is missing.
    """

    operand: torch.dtype
    vector_tokens: int  # up to here one token at a time, weights in float32: bandwidth is all that counts
    library_tokens: int  # beyond it cuBLAS multiplies dense matrices
    splits: int  # parts of a long context that are attended at once, for each key-value head
    small_tile: tuple[int, int, int, int]  # few tokens
    large_tile: tuple[int, int, int, int]
    stages: int  # loads in flight ahead of a product


_INTERPRETED = Tuning(torch.float32, 4, 1 << 30, 3, (16, 16, 32, 1), (32, 32, 32, 1), 1)
_TABLE = {
    (7, 5): Tuning(torch.float16, 4, 1 << 30, 16, (64, 16, 64, 4), (64, 64, 32, 4), 2),
    (8, 0): Tuning(torch.bfloat16, 4, 64, 32, (64, 16, 128, 4), (128, 64, 64, 8), 3),
    (8, 6): Tuning(torch.bfloat16, 4, 64, 16, (64, 16, 64, 4), (64, 64, 64, 4), 2),  # and 8.9: 100 KB of shared memory
    (9, 0): Tuning(torch.bfloat16, 4, 64, 32, (64, 16, 128, 4), (128, 128, 64, 8), 3),
    (12, 0): Tuning(torch.bfloat16, 4, 64, 32, (64, 16, 64, 4), (64, 64, 64, 4), 2),  # 100 KB again
}


def by_capability(capability: tuple[int, int]) -> Tuning:
    """The entry of the newest capability in the table that isn't newer."""
    return _TABLE[max(known for known in _TABLE if known <= capability)]


@functools.cache
def tuning(device: torch.device) -> Tuning:
    """For a CUDA device of capability >= 7.5; any other is Triton's interpreter."""
    return by_capability(torch.cuda.get_device_capability(device)) if device.type == "cuda" else _INTERPRETED
