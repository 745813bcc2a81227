"""Attention over paged keys and values: one token with the context split over programs, many tokens in tiles.

Shapes and meaning: `ops.attention`. Softmax runs online in base 2; a sink is where it begins, a key whose value is 0.

T tokens, H query heads, G key-value heads, M = H / G query heads a key-value head, C head size, P pages, S slots a page,
N pages of a sequence, J keys at a time, R rows of a tile (tokens x M), W parts of a context.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from gptoss_chat.kernels.cuda.tuning import tuning
from gptoss_chat.kernels.cuda.types import TRITON_TYPE

_LOG2E = tl.constexpr(math.log2(math.e))


@triton.jit
def _product(left, right, total, OPERAND: tl.constexpr, EXACT: tl.constexpr):
    """total + left @ right; EXACT keeps what left loses when it is rounded as a second product."""
    high = left.to(OPERAND)
    total = tl.dot(high, right, total)
    if EXACT:
        total = tl.dot((left - high.to(tl.float32)).to(OPERAND), right, total)
    return total


@triton.jit
def _attend(
    q_RC,
    best_R,
    total_R,
    mixed_RC,
    position_R,
    keys,
    first,
    last,
    k_PSGC,
    v_PSGC,
    table_N,
    g,
    window,
    G: tl.constexpr,
    S: tl.constexpr,
    C: tl.constexpr,
    BLOCK_C: tl.constexpr,
    OPERAND: tl.constexpr,
    EXACT: tl.constexpr,
):
    """One step of the online softmax over `keys` (positions [J]), of which first..last are there to be read."""
    exists = (keys >= first) & (keys <= last)
    page = tl.load(table_N + keys // S, mask=exists, other=0).to(tl.int64)
    row = ((page * S + keys % S) * G + g) * C
    c = tl.arange(0, BLOCK_C)
    k_CJ = tl.load(k_PSGC + row[None, :] + c[:, None], mask=exists[None, :] & (c < C)[:, None], other=0.0).to(OPERAND)
    v_JC = tl.load(v_PSGC + row[:, None] + c[None, :], mask=exists[:, None] & (c < C)[None, :], other=0.0).to(OPERAND)
    scores_RJ = _product(q_RC, k_CJ, tl.zeros([q_RC.shape[0], k_CJ.shape[1]], tl.float32), OPERAND, EXACT)
    distance_RJ = position_R[:, None] - keys[None, :]
    seen_RJ = exists[None, :] & (distance_RJ >= 0) & ((distance_RJ < window) | (window == 0))
    scores_RJ = tl.where(seen_RJ, scores_RJ, -float("inf"))
    higher_R = tl.maximum(best_R, tl.max(scores_RJ, axis=1))
    shrink_R = tl.exp2(best_R - higher_R)
    share_RJ = tl.exp2(scores_RJ - higher_R[:, None])
    total_R = total_R * shrink_R + tl.sum(share_RJ, axis=1)
    mixed_RC = _product(share_RJ, v_JC, mixed_RC * shrink_R[:, None], OPERAND, EXACT)
    return higher_R, total_R, mixed_RC


# Below every score, and finite, so that the first step's difference is a number.
_NOTHING = tl.constexpr(-1e30)


@triton.jit(do_not_specialize=["position"])
def _one_token(
    q_HC,
    k_PSGC,
    v_PSGC,
    table_N,
    position,
    window,
    sinks_H,
    best_HW,
    total_HW,
    mixed_HWC,
    READS: tl.constexpr,
    M: tl.constexpr,
    G: tl.constexpr,
    S: tl.constexpr,
    C: tl.constexpr,
    W: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_J: tl.constexpr,
    OPERAND: tl.constexpr,
    EXACT: tl.constexpr,
):
    g, part = tl.program_id(0), tl.program_id(1)
    at = tl.load(position).to(tl.int32) if READS else position
    first = tl.where(window == 0, 0, tl.maximum(at - window + 1, 0))
    # The blocks of keys that are seen, shared out evenly; nothing about the launch depends on how many there are. They are
    # counted from the first key that is seen: a window is as many blocks as it holds, wherever its end is.
    blocks = tl.cdiv(at - first + 1, BLOCK_J)
    each = tl.cdiv(blocks, W)
    begin = part * each
    beyond = tl.minimum(begin + each, blocks)

    m, c = tl.arange(0, BLOCK_R), tl.arange(0, BLOCK_C)
    inside_RC = (m < M)[:, None] & (c < C)[None, :]
    q_RC = tl.load(q_HC + (g * M + m)[:, None] * C + c[None, :], mask=inside_RC, other=0.0) * (
        _LOG2E / tl.sqrt(C * 1.0)
    )
    sink_R = tl.maximum(tl.load(sinks_H + g * M + m, mask=m < M, other=0.0).to(tl.float32) * _LOG2E, _NOTHING)
    best_R = tl.where(part == 0, sink_R, _NOTHING)
    total_R = tl.where(part == 0, 1.0, 0.0) + tl.zeros([BLOCK_R], tl.float32)
    mixed_RC = tl.zeros([BLOCK_R, BLOCK_C], tl.float32)
    position_R = at + tl.zeros([BLOCK_R], tl.int32)
    for b in range(begin, beyond):
        keys = first + b * BLOCK_J + tl.arange(0, BLOCK_J)
        best_R, total_R, mixed_RC = _attend(
            q_RC, best_R, total_R, mixed_RC, position_R, keys, first, at,
            k_PSGC, v_PSGC, table_N, g, window, G, S, C, BLOCK_C, OPERAND, EXACT,
        )  # fmt: skip
    h = g * M + m
    if W == 1:
        mixed_RC = mixed_RC / total_R[:, None]
    else:
        tl.store(best_HW + h * W + part, best_R, mask=m < M)
        tl.store(total_HW + h * W + part, total_R, mask=m < M)
    tl.store(mixed_HWC + (h * W + part)[:, None] * C + c[None, :], mixed_RC, mask=inside_RC)


@triton.jit
def _join(
    best_HW, total_HW, mixed_HWC, y_HC, W: tl.constexpr, C: tl.constexpr, BLOCK_W: tl.constexpr, BLOCK_C: tl.constexpr
):
    h, w, c = tl.program_id(0), tl.arange(0, BLOCK_W), tl.arange(0, BLOCK_C)
    best_W = tl.load(best_HW + h * W + w, mask=w < W, other=_NOTHING)
    share_W = tl.exp2(best_W - tl.max(best_W, axis=0))
    total = tl.sum(share_W * tl.load(total_HW + h * W + w, mask=w < W, other=0.0), axis=0)
    inside_WC = (w < W)[:, None] & (c < C)[None, :]
    mixed_WC = tl.load(mixed_HWC + (h * W + w)[:, None] * C + c[None, :], mask=inside_WC, other=0.0)
    tl.store(y_HC + h * C + c, tl.sum(mixed_WC * share_W[:, None], axis=0) / total, mask=c < C)


@triton.jit(do_not_specialize=["T", "start"])
def _many_tokens(
    q_THC,
    k_PSGC,
    v_PSGC,
    table_N,
    T,
    start,
    window,
    sinks_H,
    y_THC,
    M: tl.constexpr,
    G: tl.constexpr,
    S: tl.constexpr,
    C: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_J: tl.constexpr,
    OPERAND: tl.constexpr,
):
    g = tl.program_id(0)
    # The last tokens see the most keys: their tiles start first.
    tile = tl.num_programs(1) - 1 - tl.program_id(1)
    r, c = tl.arange(0, BLOCK_T * BLOCK_M), tl.arange(0, BLOCK_C)
    t, m = tile * BLOCK_T + r // BLOCK_M, r % BLOCK_M
    there_R = (t < T) & (m < M)
    inside_RC = there_R[:, None] & (c < C)[None, :]
    head_R = t.to(tl.int64) * (G * M) + g * M + m
    q_RC = tl.load(q_THC + head_R[:, None] * C + c[None, :], mask=inside_RC, other=0.0) * (_LOG2E / tl.sqrt(C * 1.0))
    sink_R = tl.load(sinks_H + g * M + m, mask=m < M, other=0.0).to(tl.float32) * _LOG2E
    best_R = tl.maximum(sink_R, _NOTHING)
    total_R = tl.full([BLOCK_T * BLOCK_M], 1.0, tl.float32)
    mixed_RC = tl.zeros([BLOCK_T * BLOCK_M, BLOCK_C], tl.float32)
    position_R = start + t
    first = tl.where(window == 0, 0, tl.maximum(start + tile * BLOCK_T - window + 1, 0))
    last = start + tl.minimum((tile + 1) * BLOCK_T, T) - 1
    for at in range(first // BLOCK_J * BLOCK_J, last + 1, BLOCK_J):
        best_R, total_R, mixed_RC = _attend(
            q_RC, best_R, total_R, mixed_RC, position_R, at + tl.arange(0, BLOCK_J), first, last,
            k_PSGC, v_PSGC, table_N, g, window, G, S, C, BLOCK_C, OPERAND, False,
        )  # fmt: skip
    tl.store(y_THC + head_R[:, None] * C + c[None, :], mixed_RC / total_R[:, None], mask=inside_RC)


def attention(
    q_THC: Tensor,
    k_PSGC: Tensor,
    v_PSGC: Tensor,
    page_table_N: Tensor,
    start: int | Tensor,
    window: int,
    sinks_H: Tensor,
) -> Tensor:
    """See `ops.attention`; the pages have to be contiguous. With a tensor, `start` is read on the device (T = 1)."""
    (T, H, C), (_, S, G, _) = q_THC.shape, k_PSGC.shape
    assert k_PSGC.is_contiguous()
    assert v_PSGC.is_contiguous()
    q_THC, M = q_THC.contiguous(), H // G
    tuned = tuning(q_THC.device)
    operand, block_c = TRITON_TYPE[tuned.operand], max(16, triton.next_power_of_2(C))
    y_TA = torch.empty(T, H * C, dtype=torch.float32, device=q_THC.device)
    if T > 1:
        assert not isinstance(start, Tensor)
        block_m = triton.next_power_of_2(M)
        block_t = max(1, tuned.attention_rows // block_m)
        _many_tokens[(G, triton.cdiv(T, block_t))](
            q_THC, k_PSGC, v_PSGC, page_table_N, T, start, window, sinks_H, y_TA,
            M, G, S, C, block_m, block_t, block_c, tuned.attention_keys, operand,
            num_warps=tuned.attention_warps, num_stages=2,
        )  # fmt: skip
        return y_TA
    # Two pages at a time, or all of gpt-oss's window at once: one wait for memory.
    keys = max(16, min(tuned.window_keys, triton.next_power_of_2(window))) if window else 2 * S
    blocks = triton.cdiv(min(page_table_N.shape[0] * S, window or 1 << 30), keys)
    # A few blocks: their loop ends before a second launch would start.
    W = 1 if blocks <= 4 else min(tuned.splits, blocks)
    best_HW, total_HW, mixed_HWC = (y_TA.new_empty(H * W * size) for size in (1, 1, C)) if W > 1 else (y_TA, y_TA, y_TA)
    _one_token[(G, W)](
        q_THC, k_PSGC, v_PSGC, page_table_N, start, window, sinks_H, best_HW, total_HW, mixed_HWC,
        isinstance(start, Tensor), M, G, S, C, W, max(16, triton.next_power_of_2(M)), block_c, keys, operand,
        tuned.operand != torch.float32, num_warps=4, num_stages=2 if window else 5,
    )  # fmt: skip
    if W > 1:
        _join[(H,)](best_HW, total_HW, mixed_HWC, y_TA, W, C, triton.next_power_of_2(W), block_c, num_warps=2)
    return y_TA
