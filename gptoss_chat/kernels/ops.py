"""Schemas, fakes and typed callers of the `gptoss` operators; they know nothing of how a backend computes them.

The PyTorch reference is registered for every device (CompositeExplicitAutograd); a faster backend registers the same
name under its own dispatch key (CPU, CUDA) and takes over, on the CPU even without the dispatcher (`call_compiled`).
Activations are float32 everywhere; weights stay in the checkpoint's own type and are converted inside the operator, a
panel at a time.

T tokens, I inputs, O outputs, D model, F expert width, E experts, K experts a token, B bytes of a block (16),
P pages, S slots a page, H query heads, G key-value heads, C head size, N pages of a sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gptoss_chat.kernels import reference
from gptoss_chat.kernels.int8 import Int8Matrix
from gptoss_chat.kernels.part_sums import PART

_LIBRARY: Any = torch.library.Library("gptoss", "DEF")  # type: ignore[no-untyped-call]
_EXPERTS = "Tensor x, Tensor ids, Tensor weights"

_LIBRARY.define("linear(Tensor x, Tensor weight, Tensor? bias) -> Tensor")
_LIBRARY.define("linear_int8(Tensor x, Tensor values, Tensor scales, Tensor? bias, int rows) -> Tensor")
_LIBRARY.define(
    "attention(Tensor q, Tensor k_pages, Tensor v_pages, Tensor page_table, int start, int window, Tensor sinks)"
    " -> Tensor"
)
_LIBRARY.define(
    f"moe_mxfp4({_EXPERTS}, Tensor gate_up_blocks, Tensor gate_up_scales, Tensor gate_up_bias,"
    " Tensor down_blocks, Tensor down_scales, Tensor down_bias, float limit) -> Tensor"
)
_LIBRARY.define(
    f"moe_dense({_EXPERTS}, Tensor gate_up, Tensor gate_up_bias, Tensor down, Tensor down_bias, float limit) -> Tensor"
)

_LIBRARY.define("rms_norm(Tensor(a!) x, Tensor? delta, Tensor scale, float eps) -> Tensor")
_LIBRARY.define(
    "rope_store(Tensor qkv, Tensor rope, Tensor page_table, int start, Tensor(a!) k_pages, Tensor(b!) v_pages) -> Tensor"
)
# The same two for one token whose position only the device knows, so that a captured graph can be replayed at the next.
_LIBRARY.define(
    "attention_at(Tensor q, Tensor k_pages, Tensor v_pages, Tensor page_table, Tensor position, int window, Tensor sinks)"
    " -> Tensor"
)
_LIBRARY.define(
    "rope_store_at(Tensor qkv, Tensor rope, Tensor page_table, Tensor position, Tensor(a!) k_pages, Tensor(b!) v_pages)"
    " -> Tensor"
)
_LIBRARY.define("route(Tensor scores, int chosen) -> (Tensor, Tensor, Tensor)")
_LIBRARY.define("part_sums(Tensor scores, Tensor factor) -> Tensor")

OPERATORS = ("linear", "linear_int8", "attention", "moe_mxfp4", "moe_dense", "rms_norm", "rope_store", "route")
DEVICE_OPERATORS = ("attention_at", "rope_store_at", "part_sums")

for _name in (*OPERATORS, *DEVICE_OPERATORS):
    _LIBRARY.impl(_name, getattr(reference, _name), "CompositeExplicitAutograd")


def _linear_fake(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[0])


def _linear_int8_fake(x: Tensor, values: Tensor, scales: Tensor, bias: Tensor | None, rows: int) -> Tensor:
    return x.new_empty(x.shape[0], rows)


def _attention_fake(
    q: Tensor, k_pages: Tensor, v_pages: Tensor, page_table: Tensor, start: int | Tensor, window: int, sinks: Tensor
) -> Tensor:
    return q.new_empty(q.shape[0], q.shape[1] * q.shape[2])


def _moe_fake(x: Tensor, *_weights: Tensor | float) -> Tensor:
    return torch.empty_like(x)


def _rms_norm_fake(x: Tensor, delta: Tensor | None, scale: Tensor, eps: float) -> Tensor:
    return torch.empty_like(x)


def _rope_store_fake(
    qkv: Tensor, rope: Tensor, page_table: Tensor, start: int | Tensor, k_pages: Tensor, v_pages: Tensor
) -> Tensor:
    C = k_pages.shape[3]
    return qkv.new_empty(qkv.shape[0], qkv.shape[1] // C - 2 * k_pages.shape[2], C)


def _route_fake(scores: Tensor, chosen: int) -> tuple[Tensor, Tensor, Tensor]:
    ids = scores.new_empty(scores.shape[0], chosen, dtype=torch.int64)
    return ids, scores.new_empty(ids.shape), scores.new_empty(scores.shape[0])


def _part_sums_fake(scores: Tensor, factor: Tensor) -> Tensor:
    return scores.new_empty(3, -(-scores.shape[0] // PART))


for _name, _fake in (
    ("linear", _linear_fake),
    ("linear_int8", _linear_int8_fake),
    ("attention", _attention_fake),
    ("attention_at", _attention_fake),
    ("moe_mxfp4", _moe_fake),
    ("moe_dense", _moe_fake),
    ("rms_norm", _rms_norm_fake),
    ("rope_store", _rope_store_fake),
    ("rope_store_at", _rope_store_fake),
    ("route", _route_fake),
    ("part_sums", _part_sums_fake),
):
    torch.library.register_fake(f"gptoss::{_name}", _fake, lib=_LIBRARY)


class _Operator:
    """Runs an operator through torch's dispatcher or, for tensors of the CPU, calls the compiled function itself.

    The dispatcher takes 7 to 15 us a call on a slow processor: more than the work of most operators in a small model's step.
    """

    __slots__ = ("_dispatched", "compiled")

    def __init__(self, name: str) -> None:
        self._dispatched = getattr(torch.ops.gptoss, name).default
        self.compiled: Callable[..., Any] | None = None

    def __call__(self, x: Tensor, *rest: object) -> Any:
        # Subclasses of Tensor, such as fakes, have no memory that a compiled function could read.
        run = self.compiled if self.compiled is not None and type(x) is Tensor and x.is_cpu else self._dispatched
        return run(x, *rest)


_callers = {name: _Operator(name) for name in (*OPERATORS, *DEVICE_OPERATORS)}
_linear, _linear_int8 = _callers["linear"], _callers["linear_int8"]
_attention, _attention_at = _callers["attention"], _callers["attention_at"]
_moe_mxfp4, _moe_dense = _callers["moe_mxfp4"], _callers["moe_dense"]
_rms_norm, _route = _callers["rms_norm"], _callers["route"]
_rope_store, _rope_store_at = _callers["rope_store"], _callers["rope_store_at"]
_part_sums = _callers["part_sums"]


def call_compiled(operators: object | None) -> None:
    """From now on tensors of the CPU go to the methods of `operators`, by name and with no dispatcher between; None: no more."""
    for name in OPERATORS:
        _callers[name].compiled = None if operators is None else getattr(operators, name)


def rms_norm(x_TD: Tensor, scale_D: Tensor, eps: float, delta_TD: Tensor | None = None) -> Tensor:
    """float32 [T, D]: `x / sqrt(mean(x * x) + eps) * scale`; first adds delta to x, in place, where there is one."""
    y_TD: Tensor = _rms_norm(x_TD, delta_TD, scale_D, eps)
    return y_TD


def rope_store(
    qkv_TA: Tensor, rope_TC: Tensor, page_table_N: Tensor, start: int | Tensor, k_PSGC: Tensor, v_PSGC: Tensor
) -> Tensor:
    """float32 [T, H, C], the queries rotated; writes the rotated keys and the values into their pages, in the pages' type.

    qkv float32 [T, (H + 2G) * C]: each token's heads of queries, keys and values. rope float32 [T, C]: cos of C / 2 angles, then
    their sin; the pairs are (i, i + C / 2): `(a cos - b sin, b cos + a sin)`. Token t goes to position start + t, which lives
    where `attention` says. Raises IndexError when the compiled form finds no such page.
    """
    q_THC: Tensor
    if isinstance(start, Tensor):
        q_THC = _rope_store_at(qkv_TA, rope_TC, page_table_N, start, k_PSGC, v_PSGC)
    else:
        q_THC = _rope_store(qkv_TA, rope_TC, page_table_N, start, k_PSGC, v_PSGC)
    return q_THC


def route(scores_TE: Tensor, chosen: int) -> tuple[Tensor, Tensor, Tensor]:
    """The `chosen` experts with the highest scores: ids int64 [T, K], the highest first, and float32 [T, K] their softmax.

    Third comes the entropy in bits of the softmax over all experts, float32 [T]; one that is banned (-inf) adds nothing.
    Scores are float32; a NaN among a token's makes its weights or its entropy NaN, and its ids are still experts.
    """
    ids_TK, weights_TK, entropy_T = _route(scores_TE, chosen)
    return ids_TK, weights_TK, entropy_T


def part_sums(scores_V: Tensor, factor_1: Tensor) -> Tensor:
    """float32 [3, X] of each of X = V / 128 parts of the scores, the last of which may be shorter: the highest score h, the
    sum of `exp(score - h)` and the sum of `exp((score - h) * factor)`.

    Scores float32 [V]; factor float32 [1]. Of a part with a NaN both sums are NaN; of one of minus infinities they are 0.
    """
    sums_3X: Tensor = _part_sums(scores_V, factor_1)
    return sums_3X


def linear(x_TI: Tensor, w_OI: Tensor | Int8Matrix, bias_O: Tensor | None = None) -> Tensor:
    """float32 [T, O]: `x @ w.T + bias`, x and bias float32, w of any float type (exactly converted) or int8.

    Compiled int8 kernels also round x to int8, in blocks of 32 with the scale largest magnitude / 127; a block with a
    NaN or an infinity makes its token's outputs NaN.
    """
    y_TO: Tensor
    if isinstance(w_OI, Int8Matrix):
        y_TO = _linear_int8(x_TI, w_OI.values, w_OI.scales, bias_O, w_OI.rows)
    else:
        y_TO = _linear(x_TI, w_OI, bias_O)
    return y_TO


def attention(
    q_THC: Tensor,
    k_PSGC: Tensor,
    v_PSGC: Tensor,
    page_table_N: Tensor,
    start: int | Tensor,
    window: int,
    sinks_H: Tensor,
) -> Tensor:
    """float32 [T, H * C]: causal grouped-query attention with sinks over paged keys and values.

    Query t stands at position start + t; position p lives in page `page_table[p // S]`, slot `p % S`, and all of
    0 .. start + T - 1 are already written. window 0 attends to everything before, else key j is seen when
    `0 <= i - j < window`. Scores are scaled by 1/sqrt(C); the sink is one more logit, unscaled, whose probability is
    dropped (openai/gpt-oss, torch/model.py: sdpa). page_table is int32, the pages of any float type. With T = 1, start may
    be an integer tensor [1] on the tensors' device: nothing about the call then depends on its value, and page_table may
    be longer than the position needs.
    """
    y_TA: Tensor
    if isinstance(start, Tensor):
        y_TA = _attention_at(q_THC, k_PSGC, v_PSGC, page_table_N, start, window, sinks_H)
    else:
        y_TA = _attention(q_THC, k_PSGC, v_PSGC, page_table_N, start, window, sinks_H)
    return y_TA


def moe_mxfp4(
    x_TD: Tensor,
    ids_TK: Tensor,
    weights_TK: Tensor,
    gate_up_blocks_EOB: Tensor,
    gate_up_scales_EO: Tensor,
    gate_up_bias_EO: Tensor,
    down_blocks_EDB: Tensor,
    down_scales_ED: Tensor,
    down_bias_ED: Tensor,
    limit: float,
) -> Tensor:
    """float32 [T, D]: the weighted sum of the chosen experts' outputs, experts in MXFP4.

    blocks uint8 [E, rows, inputs / 32, 16], scales uint8 [E, rows, inputs / 32]; gate_up has 2F interleaved rows
    (gate even, up odd); ids int64, weights float32. Only the chosen experts are read. Compiled kernels round x and the
    hidden values to int8, as for `linear`.
    """
    y_TD: Tensor = _moe_mxfp4(
        x_TD,
        ids_TK,
        weights_TK,
        gate_up_blocks_EOB,
        gate_up_scales_EO,
        gate_up_bias_EO,
        down_blocks_EDB,
        down_scales_ED,
        down_bias_ED,
        limit,
    )
    return y_TD


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
    """As `moe_mxfp4`, experts of any float type: gate_up [E, 2F, D], down [E, D, F], any strides."""
    y_TD: Tensor = _moe_dense(x_TD, ids_TK, weights_TK, gate_up_EOD, gate_up_bias_EO, down_EDF, down_bias_ED, limit)
    return y_TD
