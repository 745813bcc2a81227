"""Tile sizes by compute capability, in one table; it knows nothing of the kernels' arithmetic.

Chosen by counting bytes, registers and instructions for an H100 and scaled down, without a search at run time: the first
token would wait for one.

What was counted, for one token of the 20b on an H100 (3.35 TB/s, 132 multiprocessors; none of it was measured): a layer reads
29 MB for queries, keys and values, 24 for attention's output, 35 and 18 for four experts, so 32 us at full bandwidth, in
four launches; six or seven more (two norms, rotation with the cache's writes, attention and its join, router, choice) wait for
memory once or twice each, about 2 us apiece in a graph. The head reads 1.16 GB, 350 us. Together 1.1 ms of reading and 0.4 of
waiting in some 260 launches, within the 2.5 ms of 400 tokens/s.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import torch

# Weight rows, tokens, inputs a step (a block of MXFP4, 32, or more), warps.
Tile = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Tuning:
    """What the launchers choose by device.

    operand: what Triton's products multiply, accumulating in float32; library: what cuBLAS multiplies. Everything that
    gpt-oss multiplies is a normed activation, a mix of values, or within swiglu's limit: float16's range serves, too.
    """

    operand: torch.dtype
    library: torch.dtype
    # Each up to its number of tokens: of one expert, on the average, where there are experts.
    small_tile: Tile
    middle_tile: Tile
    large_tile: Tile  # and beyond
    stages: int  # loads in flight ahead of a product
    attention_rows: int  # tokens times query heads a key-value head
    attention_keys: int  # keys at a time, of many tokens
    attention_warps: int
    splits: int  # parts of a long context that are attended at once, for each key-value head
    window_keys: int = 128  # keys at a time of a window, of one token
    vector_tokens: int = 4  # up to here one token at a time, in float32: bandwidth is all that counts
    vector_tile: tuple[int, int] = (4, 512)  # rows and inputs a step of one warp
    # A matrix of no more rows (attention's output, 2,880) has half the rows a program, of two warps, and twice the inputs, or an
    # H100 would have 22 KB a multiprocessor under way, where 25 KB cover the 1 us that its memory takes to answer.
    few_rows: int = 4096
    narrow_rows: int = 512  # a matrix of no more rows (a router's) has four warps a row: it waits for memory only once
    gate_up_tile: tuple[int, int] = (8, 64)  # rows and packed words (of 8 weights) a step of one warp
    # Of each of a token's experts. With twice the words two warps would have to exchange x at every step, and with their
    # registers not all programs would be under way at once: 1,440 for gpt-oss, and an H100 has places for 2,112.
    down_tile: tuple[int, int] = (2, 32)
    library_tokens: int = 64  # beyond it cuBLAS multiplies dense matrices


_AMPERE = Tuning(
    operand=torch.bfloat16,
    library=torch.bfloat16,
    small_tile=(64, 16, 128, 4),
    middle_tile=(128, 32, 64, 4),
    large_tile=(128, 64, 64, 8),
    stages=3,
    attention_rows=128,
    attention_keys=64,
    attention_warps=8,
    splits=32,
)
# 100 KB of shared memory a multiprocessor, or less.
_CONSUMER = replace(
    _AMPERE,
    small_tile=(64, 16, 64, 4),
    middle_tile=(64, 32, 64, 4),
    large_tile=(64, 64, 64, 4),
    stages=2,
    attention_rows=64,
    attention_warps=4,
    splits=16,
)
_TABLE = {
    # Triton has no tensor cores before 8.0, and cuBLAS has them in float16.
    (7, 5): replace(
        _CONSUMER,
        operand=torch.float32,
        window_keys=64,
        library=torch.float16,
        library_tokens=4,
        small_tile=(32, 16, 32, 4),
        middle_tile=(64, 32, 32, 4),
        large_tile=(64, 32, 32, 4),
        attention_rows=32,
        attention_keys=32,
    ),
    (8, 0): _AMPERE,
    (8, 6): _CONSUMER,
    (9, 0): replace(_AMPERE, middle_tile=(128, 64, 64, 8), large_tile=(128, 128, 64, 8)),
    (12, 0): _CONSUMER,
}
_INTERPRETED = Tuning(
    operand=torch.float32,
    library=torch.float32,
    small_tile=(64, 8, 32, 1),
    middle_tile=(64, 16, 32, 1),
    large_tile=(64, 32, 32, 1),
    stages=1,
    attention_rows=16,
    attention_keys=32,
    attention_warps=1,
    splits=3,
    vector_tile=(8, 32),
    narrow_rows=4,
    gate_up_tile=(64, 16),
    down_tile=(64, 16),
    library_tokens=1 << 30,
)


def by_capability(capability: tuple[int, int]) -> Tuning:
    """The entry of the newest capability in the table that isn't newer."""
    return _TABLE[max(known for known in _TABLE if known <= capability)]


def tile_for(tuned: Tuning, tokens: float) -> Tile:
    """The tile for so many tokens of one matrix.

    A chunk of 1,024 gives an expert of gpt-oss-120b 32 of them, and one of the 20b 128: three quarters of the large tile would
    multiply nothing for the 120b.
    """
    for tile in tuned.small_tile, tuned.middle_tile:
        if tokens <= tile[1]:
            return tile
    return tuned.large_tile


@functools.cache
def tuning(device: torch.device) -> Tuning:
    """For a CUDA device of capability >= 7.5; any other is Triton's interpreter."""
    return by_capability(torch.cuda.get_device_capability(device)) if device.type == "cuda" else _INTERPRETED
