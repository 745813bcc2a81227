"""The operators in plain PyTorch: correct on every device and the yardstick of every other backend.

T tokens, I inputs, O outputs, D model, F expert width, E experts, K experts a token, R chosen rows (T * K),
P pages, S slots a page, H query heads, G key-value heads, M query heads a key-value head, C head size, J keys.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import linear as dense_linear

from gptoss_chat.kernels.int8 import GROUP, unpack
from gptoss_chat.kernels.mxfp4 import dequantise
from gptoss_chat.kernels.part_sums import part_sums as summed

# float32 weights are made a panel at a time: small enough to stay in the second-level cache between being written and
# being multiplied, so memory sees each stored weight once. Also the bound on what an expert is ever expanded to.
_PANEL_BYTES = 2 << 20
# Attention scores of one call at a time.
_SCORE_BYTES = 64 << 20
# Experts held in float32 are gathered for a single token while the copy is cheaper than one call an expert.
_GATHER_BYTES = 16 << 20
# openai/gpt-oss, torch/model.py: swiglu
_SWIGLU_ALPHA = 1.702

_Fill = Callable[[int, int, Tensor], object]


def _panelled(x_TI: Tensor, rows: int, fill: _Fill) -> Tensor:
    """float32 [T, rows] of `x @ w.T`, where `fill(a, b, panel)` writes rows a..b of w into a float32 panel."""
    inputs = x_TI.shape[1]
    step = max(1, min(rows, _PANEL_BYTES // (4 * inputs)))
    panel = x_TI.new_empty(step, inputs)
    y_OT = x_TI.new_empty(rows, x_TI.shape[0])
    x_IT = x_TI.T
    for a in range(0, rows, step):
        b = min(rows, a + step)
        fill(a, b, panel[: b - a])
        torch.mm(panel[: b - a], x_IT, out=y_OT[a:b])
    return y_OT.T


def _dense(x_TI: Tensor, w_OI: Tensor) -> Tensor:
    if w_OI.dtype == torch.float32:
        return dense_linear(x_TI, w_OI)
    return _panelled(x_TI, w_OI.shape[0], lambda a, b, panel: panel.copy_(w_OI[a:b]))


def linear(x_TI: Tensor, w_OI: Tensor, bias_O: Tensor | None) -> Tensor:
    """See `ops.linear`."""
    if w_OI.dtype == torch.float32:
        return dense_linear(x_TI, w_OI, bias_O)
    y_TO = _dense(x_TI, w_OI)
    return y_TO.contiguous() if bias_O is None else (y_TO + bias_O).contiguous()


def linear_int8(x_TI: Tensor, values: Tensor, scales: Tensor, bias_O: Tensor | None, rows: int) -> Tensor:
    """See `ops.linear`; x is not rounded."""
    step = max(1, _PANEL_BYTES // (4 * GROUP * x_TI.shape[1]))
    parts = [x_TI @ unpack(values[a : a + step], scales[a : a + step]).T for a in range(0, values.shape[0], step)]
    y_TO = torch.cat(parts, dim=1)[:, :rows]
    return y_TO.contiguous() if bias_O is None else y_TO + bias_O


def attention(
    q_THC: Tensor, k_PSGC: Tensor, v_PSGC: Tensor, page_table_N: Tensor, start: int, window: int, sinks_H: Tensor
) -> Tensor:
    """See `ops.attention`."""
    T, H, _ = q_THC.shape
    keys = start + T if window == 0 else min(start + T, T + window)
    step = max(1, _SCORE_BYTES // (4 * H * keys))
    if step >= T:
        return _attend(q_THC, k_PSGC, v_PSGC, page_table_N, start, window, sinks_H)
    return torch.cat(
        [
            _attend(q_THC[t : t + step], k_PSGC, v_PSGC, page_table_N, start + t, window, sinks_H)
            for t in range(0, T, step)
        ]
    )


def _attend(
    q_THC: Tensor, k_PSGC: Tensor, v_PSGC: Tensor, page_table_N: Tensor, start: int, window: int, sinks_H: Tensor
) -> Tensor:
    (T, H, C), (_, S, G, _) = q_THC.shape, k_PSGC.shape
    M, end = H // G, start + T
    first = max(0, start - window + 1) if window else 0  # the earliest key that any of these queries sees
    base = first // S
    pages = page_table_N[base : (end + S - 1) // S]
    k_JGC = k_PSGC.index_select(0, pages).flatten(0, 1)[first - base * S : end - base * S].float()
    v_JGC = v_PSGC.index_select(0, pages).flatten(0, 1)[first - base * S : end - base * S].float()
    J = end - first

    q_GRC = q_THC.reshape(T, G, M, C).transpose(0, 1).reshape(G, T * M, C)
    nothing = q_GRC.new_empty(())  # beta 0 ignores it
    scores_GTMJ = torch.baddbmm(nothing, q_GRC, k_JGC.permute(1, 2, 0), beta=0, alpha=C**-0.5).view(G, T, M, J)
    if T > 1:
        distance_TJ = torch.arange(start, end, device=q_THC.device)[:, None] - torch.arange(
            first, end, device=q_THC.device
        )
        hidden_TJ = distance_TJ < 0
        if window:
            hidden_TJ |= distance_TJ >= window
        scores_GTMJ.masked_fill_(hidden_TJ[:, None, :], -math.inf)
    sinks_GTM1 = sinks_H.view(G, 1, M, 1).expand(G, T, M, 1)
    probs = torch.softmax(torch.cat([scores_GTMJ, sinks_GTM1], dim=-1), dim=-1)
    probs_GRJ = probs.view(G, T * M, J + 1)[..., :J]
    out_GRC = torch.bmm(probs_GRJ, v_JGC.transpose(0, 1))
    return out_GRC.view(G, T, M, C).transpose(0, 1).reshape(T, H * C)


def _swiglu(gate_up_RO: Tensor, limit: float) -> Tensor:
    """[R, F] of interleaved [R, 2F]: gate at even, up at odd columns."""
    capped_RO = gate_up_RO.clamp(max=limit)
    gate_RF, up_RF = capped_RO[:, 0::2], capped_RO[:, 1::2].clamp(min=-limit)
    swish_RF = (gate_RF * _SWIGLU_ALPHA).sigmoid_().mul_(gate_RF)
    return torch.addcmul(swish_RF, swish_RF, up_RF)


def _by_expert(x_TD: Tensor, ids_TK: Tensor, weights_TK: Tensor, expert: Callable[[int, Tensor], Tensor]) -> Tensor:
    """Weighted sum of `expert(e, rows)` over each token's experts, one call for each expert that was hit.

    The sum runs in the router's order, whatever the batch, so a token's result does not depend on its neighbours.
    """
    T, K = ids_TK.shape
    flat_R = ids_TK.flatten()
    order_R = flat_R.argsort(stable=True)
    tokens_R = order_R // K
    y_RD = x_TD.new_empty(T * K, x_TD.shape[1])
    row = 0
    for e, count in enumerate(torch.bincount(flat_R).tolist()):
        if count:
            y_RD[order_R[row : row + count]] = expert(e, x_TD[tokens_R[row : row + count]])
            row += count
    return torch.bmm(weights_TK.unsqueeze(1), y_RD.view(T, K, -1)).squeeze(1)


def moe_mxfp4(
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
    """See `ops.moe_mxfp4`."""

    def matmul(x_RI: Tensor, blocks: Tensor, scales: Tensor) -> Tensor:
        return _panelled(x_RI, blocks.shape[0], lambda a, b, panel: dequantise(blocks[a:b], scales[a:b], panel))

    def expert(e: int, x_RD: Tensor) -> Tensor:
        h_RF = _swiglu(matmul(x_RD, gate_up_blocks[e], gate_up_scales[e]) + gate_up_bias[e], limit)
        return matmul(h_RF, down_blocks[e], down_scales[e]) + down_bias[e]

    return _by_expert(x_TD, ids_TK, weights_TK, expert)


def moe_dense(
    x_TD: Tensor,
    ids_TK: Tensor,
    weights_TK: Tensor,
    gate_up_EOD: Tensor,
    gate_up_bias_EO: Tensor,
    down_EDF: Tensor,
    down_bias_ED: Tensor,
    limit: float,
) -> Tensor:
    """See `ops.moe_dense`."""
    small = 4 * ids_TK.shape[1] * gate_up_EOD[0].numel() <= _GATHER_BYTES
    if ids_TK.shape[0] == 1 and small and gate_up_EOD.dtype == torch.float32:
        return _one_token(x_TD, ids_TK[0], weights_TK, gate_up_EOD, gate_up_bias_EO, down_EDF, down_bias_ED, limit)

    def expert(e: int, x_RD: Tensor) -> Tensor:
        h_RF = _swiglu(_dense(x_RD, gate_up_EOD[e]) + gate_up_bias_EO[e], limit)
        return _dense(h_RF, down_EDF[e]) + down_bias_ED[e]

    return _by_expert(x_TD, ids_TK, weights_TK, expert)


def _one_token(
    x_1D: Tensor,
    ids_K: Tensor,
    weights_1K: Tensor,
    gate_up_EOD: Tensor,
    gate_up_bias_EO: Tensor,
    down_EDF: Tensor,
    down_bias_ED: Tensor,
    limit: float,
) -> Tensor:
    """The chosen experts of one token as two matrix-vector products: stack the gates, then fold the weighted sum."""
    K, D = ids_K.shape[0], x_1D.shape[1]
    gate_up_KO = dense_linear(
        x_1D, gate_up_EOD.index_select(0, ids_K).view(-1, D), gate_up_bias_EO.index_select(0, ids_K).view(-1)
    )
    h_KF = _swiglu(gate_up_KO.view(K, -1), limit).mul_(weights_1K.T)
    down_KFD = down_EDF.transpose(1, 2).index_select(0, ids_K)
    bias_1D = torch.mm(weights_1K, down_bias_ED.index_select(0, ids_K))
    return torch.addmm(bias_1D, h_KF.view(1, -1), down_KFD.view(-1, D))


def rms_norm(x_TD: Tensor, delta_TD: Tensor | None, scale_D: Tensor, eps: float) -> Tensor:
    """See `ops.rms_norm`."""
    if delta_TD is not None:
        x_TD += delta_TD
    inverse_T1 = x_TD.square().mean(dim=-1, keepdim=True).add_(eps).rsqrt_()
    return (x_TD * inverse_T1).mul_(scale_D)


def rope_store(
    qkv_TA: Tensor, rope_TC: Tensor, page_table_N: Tensor, start: int, k_PSGC: Tensor, v_PSGC: Tensor
) -> Tensor:
    """See `ops.rope_store`."""
    (_, S, G, C), T = k_PSGC.shape, qkv_TA.shape[0]
    qkv_TXC = qkv_TA.view(T, -1, C)
    cos_T1Z, sin_T1Z = rope_TC.unsqueeze(1).chunk(2, dim=-1)
    a_TXZ, b_TXZ = qkv_TXC[:, :-G].chunk(2, dim=-1)
    qk_TXC = torch.cat([a_TXZ * cos_T1Z - b_TXZ * sin_T1Z, b_TXZ * cos_T1Z + a_TXZ * sin_T1Z], dim=-1)
    positions_T = torch.arange(start, start + T, device=qkv_TA.device)
    at = (page_table_N[positions_T // S].long(), positions_T % S)
    k_PSGC[at] = qk_TXC[:, -G:].to(k_PSGC.dtype)
    v_PSGC[at] = qkv_TXC[:, -G:].to(v_PSGC.dtype)
    return qk_TXC[:, :-G].contiguous()


def attention_at(
    q_1HC: Tensor,
    k_PSGC: Tensor,
    v_PSGC: Tensor,
    page_table_N: Tensor,
    position_1: Tensor,
    window: int,
    sinks_H: Tensor,
) -> Tensor:
    """See `ops.attention`; waits for the device to tell the position."""
    y_1A: Tensor = torch.ops.gptoss.attention(q_1HC, k_PSGC, v_PSGC, page_table_N, int(position_1), window, sinks_H)
    return y_1A


def rope_store_at(
    qkv_1A: Tensor, rope_1C: Tensor, page_table_N: Tensor, position_1: Tensor, k_PSGC: Tensor, v_PSGC: Tensor
) -> Tensor:
    """See `ops.rope_store`; waits for the device to tell the position."""
    q_1HC: Tensor = torch.ops.gptoss.rope_store(qkv_1A, rope_1C, page_table_N, int(position_1), k_PSGC, v_PSGC)
    return q_1HC


def route(scores_TE: Tensor, chosen: int) -> tuple[Tensor, Tensor, Tensor]:
    """See `ops.route`."""
    scores_TK, ids_TK = scores_TE.topk(chosen, dim=-1)
    nats_T = torch.special.entr(scores_TE.softmax(dim=-1)).sum(dim=-1)
    return ids_TK, scores_TK.softmax(dim=-1), nats_T / math.log(2)


def part_sums(scores_V: Tensor, factor_1: Tensor) -> Tensor:
    """See `ops.part_sums`."""
    return summed(scores_V, factor_1)
