"""The experts of many tokens on tensor cores: tokens sorted by expert on the device, a grouped product, scatter fused.

The host never learns how many tokens an expert got: the grid is the worst case, and a program beyond the last tile leaves at
once. Weights are the left operand of a product, which tensor cores take from registers: there MXFP4 is unpacked, and a
byte's two numbers stay in the thread that loaded it.

T tokens, D model, F expert width, E experts, K experts a token, R chosen rows (T * K) in order of their experts,
O rows of a matrix; ROWS of them, TOKENS rows of R and STEP inputs at a time.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from gptoss_chat.kernels.cuda.experts_vector import swiglu
from gptoss_chat.kernels.cuda.fp4 import power, unpack
from gptoss_chat.kernels.cuda.tuning import tile_for, tuning
from gptoss_chat.kernels.cuda.types import TRITON_TYPE


@triton.jit
def _tile(starts_E1, TOKENS: tl.constexpr, E: tl.constexpr, BLOCK_E: tl.constexpr):
    """The expert of this program's tile, the tile's first row of R, and the expert's end; the first isn't below the end
    where the program has nothing to do."""
    tile, e = tl.program_id(1), tl.arange(0, BLOCK_E)
    begin_E = tl.load(starts_E1 + e, mask=e < E, other=0)
    end_E = tl.load(starts_E1 + e + 1, mask=e < E, other=0)
    tiles_E = tl.cdiv(end_E - begin_E, TOKENS)
    last_E = tl.cumsum(tiles_E, axis=0)
    expert = tl.sum((last_E <= tile).to(tl.int32), axis=0)
    mine_E = e == expert
    before = tl.sum(tl.where(mine_E, last_E - tiles_E, 0), axis=0)
    first = tl.sum(tl.where(mine_E, begin_E, 0), axis=0) + (tile - before) * TOKENS
    return expert.to(tl.int64), first, tl.sum(tl.where(mine_E, end_E, 0), axis=0)


@triton.jit
def _weights(
    w,
    scales,
    row,
    exists,
    at,
    stride,
    INPUTS: tl.constexpr,
    STEP: tl.constexpr,
    PACKED: tl.constexpr,
    OPERAND: tl.constexpr,
):
    """[ROWS, STEP]: rows `row` from column `at` on. Of MXFP4, row is the number of a row, else where in w it begins."""
    if PACKED:
        pair = at // 2 + tl.arange(0, STEP // 2)
        mask = exists[:, None] & (pair < INPUTS // 2)[None, :]
        pairs = tl.load(w + row[:, None] * (INPUTS // 2) + pair[None, :], mask=mask, other=0).to(tl.int32)
        block = at // 32 + tl.arange(0, STEP // 32)
        mask = exists[:, None] & (block < INPUTS // 32)[None, :]
        # unpack's 2^-126 is undone here but for 2^-32, left to the sum: a scale up to 2^33 stays within float32.
        factor = power(tl.load(scales + row[:, None] * (INPUTS // 32) + block[None, :], mask=mask, other=0), 94)
        factor = tl.reshape(
            tl.broadcast_to(factor[:, :, None], [row.shape[0], STEP // 32, 16]), [row.shape[0], STEP // 2]
        )
        both = tl.join((unpack(pairs, 0) * factor).to(OPERAND), (unpack(pairs, 1) * factor).to(OPERAND))
        values = tl.reshape(both, [row.shape[0], STEP])
    else:
        column = at + tl.arange(0, STEP)
        mask = exists[:, None] & (column < INPUTS)[None, :]
        values = tl.load(w + row[:, None] + column[None, :] * stride, mask=mask, other=0.0).to(OPERAND)
    return values


@triton.jit
def _columns(x, exists, at, INPUTS: tl.constexpr, STEP: tl.constexpr):
    """[STEP, TOKENS]: activations at the pointers x [TOKENS]."""
    column = at + tl.arange(0, STEP)
    return tl.load(x[None, :] + column[:, None], mask=exists[None, :] & (column < INPUTS)[:, None], other=0.0)


@triton.jit
def _gate_up(
    x_TD,
    starts_E1,
    order_R,
    w_EOD,
    scales,
    bias_EO,
    hidden_RF,
    limit,
    stride_e,
    stride_o,
    stride_i,
    K: tl.constexpr,
    D: tl.constexpr,
    F: tl.constexpr,
    E: tl.constexpr,
    PACKED: tl.constexpr,
    UNIT: tl.constexpr,
    OPERAND: tl.constexpr,
    BLOCK_E: tl.constexpr,
    ROWS: tl.constexpr,
    TOKENS: tl.constexpr,
    STEP: tl.constexpr,
):
    expert, first, end = _tile(starts_E1, TOKENS, E, BLOCK_E)
    if first < end:
        r = first + tl.arange(0, TOKENS)
        f = tl.program_id(0) * (ROWS // 2) + tl.arange(0, ROWS // 2)
        x = x_TD + (tl.load(order_R + r, mask=r < end, other=0) // K).to(tl.int64) * D
        if PACKED:
            row = expert * (2 * F) + 2 * f
            next_row = row + 1
        else:
            row = expert * stride_e + (2 * f).to(tl.int64) * stride_o
            next_row = row + stride_o
        gate = tl.zeros([ROWS // 2, TOKENS], tl.float32)
        up = tl.zeros([ROWS // 2, TOKENS], tl.float32)
        for at in range(0, D, STEP):
            columns = _columns(x, r < end, at, D, STEP)
            gate = tl.dot(_weights(w_EOD, scales, row, f < F, at, stride_i, D, STEP, PACKED, OPERAND), columns, gate)
            up = tl.dot(_weights(w_EOD, scales, next_row, f < F, at, stride_i, D, STEP, PACKED, OPERAND), columns, up)
        bias = bias_EO + expert * (2 * F) + 2 * f
        gate = gate * UNIT + tl.load(bias, mask=f < F, other=0.0).to(tl.float32)[:, None]
        up = up * UNIT + tl.load(bias + 1, mask=f < F, other=0.0).to(tl.float32)[:, None]
        out = hidden_RF + r.to(tl.int64)[None, :] * F + f[:, None]
        tl.store(out, swiglu(gate, up, limit).to(OPERAND), mask=(f < F)[:, None] & (r < end)[None, :])


@triton.jit
def _down(
    hidden_RF,
    starts_E1,
    order_R,
    weights_R,
    w_EDF,
    scales,
    bias_ED,
    y_RD,
    stride_e,
    stride_o,
    stride_i,
    D: tl.constexpr,
    F: tl.constexpr,
    E: tl.constexpr,
    PACKED: tl.constexpr,
    UNIT: tl.constexpr,
    OPERAND: tl.constexpr,
    BLOCK_E: tl.constexpr,
    ROWS: tl.constexpr,
    TOKENS: tl.constexpr,
    STEP: tl.constexpr,
):
    expert, first, end = _tile(starts_E1, TOKENS, E, BLOCK_E)
    if first < end:
        r = first + tl.arange(0, TOKENS)
        d = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
        x = hidden_RF + r.to(tl.int64) * F
        row = expert * D + d if PACKED else expert * stride_e + d.to(tl.int64) * stride_o
        y = tl.zeros([ROWS, TOKENS], tl.float32)
        for at in range(0, F, STEP):
            weights = _weights(w_EDF, scales, row, d < D, at, stride_i, F, STEP, PACKED, OPERAND)
            y = tl.dot(weights, _columns(x, r < end, at, F, STEP), y)
        y = y * UNIT + tl.load(bias_ED + expert * D + d, mask=d < D, other=0.0).to(tl.float32)[:, None]
        chosen = tl.load(order_R + r, mask=r < end, other=0)
        y *= tl.load(weights_R + chosen, mask=r < end, other=0.0)[None, :]
        out = y_RD + chosen.to(tl.int64)[None, :] * D + d[:, None]
        tl.store(out, y, mask=(d < D)[:, None] & (r < end)[None, :])


def _sorted(ids_TK: Tensor, experts: int) -> tuple[Tensor, Tensor]:
    """Which of the T * K choices come first when sorted by expert, and where each expert's begin (int32 [E + 1])."""
    sorted_R, order_R = ids_TK.flatten().to(torch.int16).sort(stable=True)
    edges_E1 = torch.arange(experts + 1, dtype=torch.int16, device=ids_TK.device)
    return order_R.to(torch.int32), torch.searchsorted(sorted_R, edges_E1, out_int32=True)


def many_tokens(
    x_TD: Tensor,
    ids_TK: Tensor,
    weights_TK: Tensor,
    gate_up: tuple[Tensor, Tensor | None, Tensor],
    down: tuple[Tensor, Tensor | None, Tensor],
    limit: float,
) -> Tensor:
    """See `ops.moe_mxfp4` and `ops.moe_dense`: for any T; gate_up and down are (blocks, scales, bias) or (matrix, None, bias)."""
    (T, D), K = x_TD.shape, ids_TK.shape[1]
    (w_up, up_scales, up_bias), (w_down, down_scales, down_bias) = gate_up, down
    E, F, packed = up_bias.shape[0], up_bias.shape[1] // 2, up_scales is not None
    tuned = tuning(x_TD.device)
    rows, tokens, step, warps = tile_for(tuned, T * K / E)
    order_R, starts_E1 = _sorted(ids_TK, E)
    x = x_TD.to(tuned.operand)
    hidden_RF = torch.empty(T * K, F, dtype=tuned.operand, device=x_TD.device)
    y_RD = torch.empty(T * K, D, dtype=torch.float32, device=x_TD.device)
    # Every expert that was hit may end with a tile that isn't full.
    tiles = T * K // tokens + min(E, T * K)
    unit = 2.0**32 if packed else 1.0
    shared = (packed, unit, TRITON_TYPE[tuned.operand], triton.next_power_of_2(E), rows, tokens, step)
    # Gate and up are two products of half the rows: one group of four warps unpacks each weight once.
    _gate_up[(triton.cdiv(2 * F, rows), tiles)](
        x, starts_E1, order_R, w_up, up_scales, up_bias, hidden_RF, limit, *w_up.stride()[:3],
        K, D, F, E, *shared, num_warps=min(warps, 4), num_stages=tuned.stages,
    )  # fmt: skip
    _down[(triton.cdiv(D, rows), tiles)](
        hidden_RF, starts_E1, order_R, weights_TK, w_down, down_scales, down_bias, y_RD, *w_down.stride()[:3],
        D, F, E, *shared, num_warps=warps, num_stages=tuned.stages,
    )  # fmt: skip
    return y_RD.view(T, K, D).sum(dim=1)
