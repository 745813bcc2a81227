"""The chosen MXFP4 experts of a few tokens, a token at a time, in float32: two launches that only wait for memory.

Each packed word of eight weights is loaded once, in 16-byte pieces, and multiplied where it lies in registers; a program
is one warp with a few rows, so that all multiprocessors have work at one token (4 experts x 5760 rows).

T tokens, D model, F expert width, E experts, K experts a token, R chosen rows (T * K), O = 2F interleaved rows; a block
of 32 weights is 4 int32 words.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from gptoss_chat.kernels.cuda.fp4 import eighths, power, unpack
from gptoss_chat.kernels.cuda.tuning import tuning

# unpack's 2^-126 is undone in three parts, none of which leaves float32's range: by x, by the scale, by the sum.
_BY_X = tl.constexpr(2.0**63)
_BY_SCALE = tl.constexpr(31)
_BY_SUM = tl.constexpr(2.0**32)


@triton.jit
def swiglu(gate, up, limit):
    """openai/gpt-oss, torch/model.py: swiglu, of values apart from each other; all float32."""
    gate = tl.minimum(gate, limit)
    up = tl.minimum(tl.maximum(up, -limit), limit)
    return gate / (1.0 + tl.exp(-1.702 * gate)) * (up + 1.0)


@triton.jit
def _products(
    x,
    words_EOB,
    scales_EO,
    row_AR,
    exists_AR,
    INPUTS: tl.constexpr,
    A: tl.constexpr,
    ROWS: tl.constexpr,
    WORDS: tl.constexpr,
):
    """float32 [A, ROWS]: rows `row_AR` of the packed matrix times the vectors at `x` (pointers [A])."""
    row_ARW = row_AR[:, :, None]
    total = tl.zeros([A, ROWS, WORDS // 4], tl.float32)
    for at in range(0, INPUTS // 8, WORDS):
        w = at + tl.arange(0, WORDS)
        inside = w < INPUTS // 8
        exists = exists_AR[:, :, None] & inside[None, None, :]
        words = tl.load(words_EOB + row_ARW * (INPUTS // 8) + w[None, None, :], mask=exists, other=0)
        # A block's four words lie in one thread: they are summed there, and the scale is applied once.
        block = at // 4 + tl.arange(0, WORDS // 4)
        exists = exists_AR[:, :, None] & (block < INPUTS // 32)[None, None, :]
        scales = tl.load(scales_EO + row_ARW * (INPUTS // 32) + block[None, None, :], mask=exists, other=0)
        column = w[:, None] * 8 + tl.arange(0, 8)[None, :]
        eight = tl.load(x[:, None, None] + column[None, :, :], mask=inside[None, :, None], other=0.0) * _BY_X
        x0, x1, x2, x3, x4, x5, x6, x7 = eighths(eight, A, WORDS)
        part = unpack(words, 0) * x0[:, None, :]
        part += unpack(words, 1) * x1[:, None, :]
        part += unpack(words, 2) * x2[:, None, :]
        part += unpack(words, 3) * x3[:, None, :]
        part += unpack(words, 4) * x4[:, None, :]
        part += unpack(words, 5) * x5[:, None, :]
        part += unpack(words, 6) * x6[:, None, :]
        part += unpack(words, 7) * x7[:, None, :]
        total += tl.sum(tl.reshape(part, [A, ROWS, WORDS // 4, 4]), axis=3) * power(scales, _BY_SCALE)
    return tl.sum(total, axis=2) * _BY_SUM


@triton.jit
def _gate_up(
    x_TD,
    ids_R,
    words_EOB,
    scales_EO,
    bias_EO,
    hidden_RF,
    limit,
    K: tl.constexpr,
    D: tl.constexpr,
    F: tl.constexpr,
    ROWS: tl.constexpr,
    WORDS: tl.constexpr,
):
    r = tl.program_id(1).to(tl.int64)
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    at = tl.load(ids_R + r) * (2 * F) + row
    x = x_TD + (r // K + tl.zeros([1], tl.int64)) * D
    both = _products(x, words_EOB, scales_EO, at[None, :], (row < 2 * F)[None, :], D, 1, ROWS, WORDS)
    both = tl.reshape(both, [ROWS]) + tl.load(bias_EO + at, mask=row < 2 * F, other=0.0).to(tl.float32)
    gate, up = tl.split(tl.reshape(both, [ROWS // 2, 2]))
    f = tl.program_id(0) * (ROWS // 2) + tl.arange(0, ROWS // 2)
    tl.store(hidden_RF + r * F + f, swiglu(gate, up, limit), mask=f < F)


@triton.jit
def _down(
    hidden_RF,
    ids_R,
    weights_R,
    words_EDB,
    scales_ED,
    bias_ED,
    y_TD,
    K: tl.constexpr,
    D: tl.constexpr,
    F: tl.constexpr,
    BLOCK_K: tl.constexpr,
    ROWS: tl.constexpr,
    WORDS: tl.constexpr,
):
    # A token's experts side by side in one program: their loads are all under way together, and their sum needs no second launch.
    t = tl.program_id(1).to(tl.int64)
    k = tl.arange(0, BLOCK_K)
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    exists = (k < K)[:, None] & (row < D)[None, :]
    r = t * K + tl.minimum(k, K - 1)
    at = tl.load(ids_R + r)[:, None] * D + row[None, :]
    y = _products(hidden_RF + r * F, words_EDB, scales_ED, at, exists, F, BLOCK_K, ROWS, WORDS)
    y += tl.load(bias_ED + at, mask=exists, other=0.0).to(tl.float32)
    weight = tl.load(weights_R + r, mask=k < K, other=0.0)
    tl.store(y_TD + t * D + row, tl.sum(y * weight[:, None], axis=0), mask=row < D)


def few_tokens(
    x_TD: Tensor,
    ids_TK: Tensor,
    weights_TK: Tensor,
    gate_up_blocks: Tensor,
    gate_up_scales: Tensor,
    gate_up_bias: Tensor,
    down_blocks: Tensor,
    down_scales: Tensor,
    down_bias: Tensor,
    limit: float,
) -> Tensor:
    """See `ops.moe_mxfp4`: for any T, and the fastest for a few."""
    (T, D), K, F = x_TD.shape, ids_TK.shape[1], down_scales.shape[2] * 32
    tuned = tuning(x_TD.device)
    hidden_RF = torch.empty(T * K, F, dtype=torch.float32, device=x_TD.device)
    y_TD = torch.empty_like(x_TD)
    rows, words = tuned.gate_up_tile
    _gate_up[(triton.cdiv(2 * F, rows), T * K)](
        x_TD, ids_TK, gate_up_blocks.view(torch.int32), gate_up_scales, gate_up_bias, hidden_RF, limit,
        K, D, F, rows, words, num_warps=1,
    )  # fmt: skip
    rows, words = tuned.down_tile
    _down[(triton.cdiv(D, rows), T)](
        hidden_RF, ids_TK, weights_TK, down_blocks.view(torch.int32), down_scales, down_bias, y_TD,
        K, D, F, triton.next_power_of_2(K), rows, words, num_warps=1,
    )  # fmt: skip
    return y_TD
