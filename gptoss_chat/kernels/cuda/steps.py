"""What a step does between its products: norms, rotation with the cache's writes, and the choice of experts.

One program a token (and head); all arithmetic is float32. Shapes and meaning: `ops.rms_norm`, `ops.rope_store`, `ops.route`.

T tokens, D model, E experts, K experts a token, H query heads, G key-value heads, C head size, Z = C / 2, S slots a page,
N pages of a sequence, A = (H + 2G) * C.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

_BITS_A_NAT = tl.constexpr(1 / math.log(2))


@triton.jit
def _rms_norm(x_TD, delta_TD, scale_D, y_TD, eps, ADDS: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * D
    column = tl.arange(0, BLOCK)
    inside = column < D
    x = tl.load(x_TD + row + column, mask=inside, other=0.0)
    if ADDS:
        x += tl.load(delta_TD + row + column, mask=inside, other=0.0)
        tl.store(x_TD + row + column, x, mask=inside)
    inverse = tl.rsqrt(tl.sum(x * x, axis=0) / D + eps)
    scale = tl.load(scale_D + column, mask=inside, other=0.0).to(tl.float32)
    tl.store(y_TD + row + column, x * inverse * scale, mask=inside)


def rms_norm(x_TD: Tensor, delta_TD: Tensor | None, scale_D: Tensor, eps: float) -> Tensor:
    """See `ops.rms_norm`."""
    T, D = x_TD.shape
    y_TD = torch.empty_like(x_TD)
    warps = 4 if D <= 4096 else 8
    _rms_norm[(T,)](
        x_TD, delta_TD, scale_D, y_TD, eps, delta_TD is not None, D, triton.next_power_of_2(D), num_warps=warps
    )
    return y_TD


@triton.jit(do_not_specialize=["position"])
def _rope_store(
    qkv_TA,
    rope_TC,
    table_N,
    position,
    q_THC,
    k_PSGC,
    v_PSGC,
    READS: tl.constexpr,
    H: tl.constexpr,
    G: tl.constexpr,
    S: tl.constexpr,
    Z: tl.constexpr,
    HEADS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    C: tl.constexpr = 2 * Z
    t = tl.program_id(0).to(tl.int64)
    at = tl.load(position).to(tl.int32) if READS else position + tl.program_id(0)
    head = tl.program_id(1) * HEADS + tl.arange(0, HEADS)[:, None]
    z = tl.arange(0, BLOCK)[None, :]
    rotates = (head < H + G) & (z < Z)
    exists = (head < H + 2 * G) & (z < Z)
    a = tl.load(qkv_TA + (t * (H + 2 * G) + head) * C + z, mask=exists, other=0.0)
    b = tl.load(qkv_TA + (t * (H + 2 * G) + head) * C + Z + z, mask=exists, other=0.0)
    cos = tl.load(rope_TC + t * C + z, mask=z < Z, other=0.0)
    sin = tl.load(rope_TC + t * C + Z + z, mask=z < Z, other=0.0)
    first = tl.where(rotates, a * cos - b * sin, a)
    second = tl.where(rotates, b * cos + a * sin, b)

    is_query = exists & (head < H)
    tl.store(q_THC + (t * H + head) * C + z, first, mask=is_query)
    tl.store(q_THC + (t * H + head) * C + Z + z, second, mask=is_query)
    page = tl.load(table_N + at // S).to(tl.int64)
    slot = (page * S + at % S) * G * C + z
    is_key = exists & (head >= H) & (head < H + G)
    key = slot + (head - H) * C
    tl.store(k_PSGC + key, first.to(k_PSGC.dtype.element_ty), mask=is_key)
    tl.store(k_PSGC + key + Z, second.to(k_PSGC.dtype.element_ty), mask=is_key)
    is_value = exists & (head >= H + G)
    value = slot + (head - H - G) * C
    tl.store(v_PSGC + value, first.to(v_PSGC.dtype.element_ty), mask=is_value)
    tl.store(v_PSGC + value + Z, second.to(v_PSGC.dtype.element_ty), mask=is_value)


def rope_store(
    qkv_TA: Tensor, rope_TC: Tensor, page_table_N: Tensor, start: int | Tensor, k_PSGC: Tensor, v_PSGC: Tensor
) -> Tensor:
    """See `ops.rope_store`; the pages have to be contiguous. With a tensor, `start` is read on the device (T = 1)."""
    (_, S, G, C), T = k_PSGC.shape, qkv_TA.shape[0]
    assert k_PSGC.is_contiguous()
    assert v_PSGC.is_contiguous()
    assert qkv_TA.is_contiguous()
    H, heads = qkv_TA.shape[1] // C - 2 * G, 16
    q_THC = qkv_TA.new_empty(T, H, C)
    _rope_store[(T, triton.cdiv(H + 2 * G, heads))](
        qkv_TA,
        rope_TC,
        page_table_N,
        start,
        q_THC,
        k_PSGC,
        v_PSGC,
        isinstance(start, Tensor),
        H,
        G,
        S,
        C // 2,
        heads,
        triton.next_power_of_2(C // 2),
        num_warps=2,
    )
    return q_THC


@triton.jit
def _route(scores_TE, ids_TK, weights_TK, entropy_T, E: tl.constexpr, K: tl.constexpr, BLOCK: tl.constexpr):
    t = tl.program_id(0).to(tl.int64)
    expert = tl.arange(0, BLOCK)
    inside = expert < E
    scores = tl.load(scores_TE + t * E + expert, mask=inside, other=-float("inf"))

    # The bits of a float, ordered as the floats are (a NaN above all); below them the expert, so that no two are equal
    # and of equal scores the first is taken.
    bits = scores.to(tl.int32, bitcast=True)
    rank = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(tl.int64) * (2 * BLOCK) + (BLOCK - 1 - expert)
    lowest: tl.constexpr = -(2**62)
    rank = tl.where(inside, rank, lowest)
    place = tl.full([BLOCK], K, tl.int32)
    for k in tl.static_range(K):
        chosen = rank == tl.max(rank, axis=0)
        place = tl.where(chosen, k, place)
        rank = tl.where(chosen, lowest, rank)
    taken = place < K
    share = tl.exp(scores - tl.max(scores, axis=0))
    weight = tl.where(taken, share, 0.0)
    tl.store(ids_TK + t * K + place, expert.to(tl.int64), mask=taken)
    tl.store(weights_TK + t * K + place, weight / tl.sum(weight, axis=0), mask=taken)

    # A share of 0, a banned expert's, has no information; a NaN isn't 0 and stays.
    share = share / tl.sum(share, axis=0)
    nats = tl.where(share == 0.0, 0.0, -share * tl.log(tl.where(share == 0.0, 1.0, share)))
    tl.store(entropy_T + t, tl.sum(nats, axis=0) * _BITS_A_NAT)


def route(scores_TE: Tensor, chosen: int) -> tuple[Tensor, Tensor, Tensor]:
    """See `ops.route`."""
    T, E = scores_TE.shape
    ids_TK = scores_TE.new_empty(T, chosen, dtype=torch.int64)
    weights_TK, entropy_T = scores_TE.new_empty(T, chosen), scores_TE.new_empty(T)
    _route[(T,)](
        scores_TE.contiguous(), ids_TK, weights_TK, entropy_T, E, chosen, triton.next_power_of_2(E), num_warps=1
    )
    return ids_TK, weights_TK, entropy_T
