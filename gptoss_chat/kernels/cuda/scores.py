"""The last launch of a step: scores summed up part by part, so that the host need not go through the vocabulary.

Shapes and meaning: `ops.part_sums`. V vocabulary, X parts of PART scores.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from gptoss_chat.kernels.part_sums import PART

# 4 KiB of scores a program: 197 of them for gpt-oss, more than any GPU has multiprocessors.
_PARTS = 8


@triton.jit
def _part_sums(scores_V, factor, sums_3X, V: tl.constexpr, X: tl.constexpr, PARTS: tl.constexpr, SIZE: tl.constexpr):
    part = tl.program_id(0) * PARTS + tl.arange(0, PARTS)
    at = part[:, None] * SIZE + tl.arange(0, SIZE)[None, :]
    scores = tl.load(scores_V + at, mask=at < V, other=-float("inf"))
    highest = tl.max(scores, axis=1)
    # Neither a part of minus infinities nor a maximum that passed over a NaN makes a difference of infinities, or loses it.
    below = scores - tl.where(highest == -float("inf"), 0.0, highest)[:, None]
    there = part < X
    tl.store(sums_3X + part, highest, mask=there)
    tl.store(sums_3X + X + part, tl.sum(tl.exp(below), axis=1), mask=there)
    tl.store(sums_3X + 2 * X + part, tl.sum(tl.exp(below * tl.load(factor)), axis=1), mask=there)


def part_sums(scores_V: Tensor, factor_1: Tensor) -> Tensor:
    """See `ops.part_sums`."""
    V = scores_V.shape[0]
    X = triton.cdiv(V, PART)
    sums_3X = torch.empty(3, X, dtype=torch.float32, device=scores_V.device)
    _part_sums[(triton.cdiv(X, _PARTS),)](scores_V.contiguous(), factor_1, sums_3X, V, X, _PARTS, PART, num_warps=4)
    return sums_3X
