"""A model of the CPU as one compiled call a token; it knows which weights that call takes, not what it does with them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gptoss_chat.kernels.cpu.library import Functions
from gptoss_chat.kernels.cpu.operators import takes_float_experts
from gptoss_chat.kernels.cpu.step import Step, StepLayer, StepModel, UnfitError, put
from gptoss_chat.kernels.int8 import Int8Matrix
from gptoss_chat.model.kv import PAGE_TOKENS, KVPool
from gptoss_chat.model.spec import ModelSpec
from gptoss_chat.model.weights import DenseExperts, LayerWeights


def host_step(
    functions: Functions,
    spec: ModelSpec,
    layers: Sequence[LayerWeights],
    windows: Sequence[int],
    norm_D: Tensor,
    head_VD: Tensor | Int8Matrix,
    kv: KVPool,
) -> Step | None:
    """The call for these weights and this pool, bit-equal to the separate operators; None where they can do what it can't."""
    model = StepModel()
    try:
        if kv.k[0].dtype not in (torch.float32, torch.bfloat16):
            return None
        put(model, norm=norm_D, head=head_VD, bf16_pages=kv.k[0].dtype == torch.bfloat16)
        put(model, D=spec.hidden, H=spec.q_heads, G=spec.kv_heads, C=spec.head_dim, S=PAGE_TOKENS, P=len(kv.k[0]))
        put(model, E=spec.experts, K=spec.experts_per_token, F=spec.intermediate, V=spec.vocab)
        put(model, eps=spec.eps, limit=spec.swiglu_limit)
        filled = [_layer(w, k, v, window) for w, k, v, window in zip(layers, kv.k, kv.v, windows, strict=True)]
    except UnfitError:
        return None
    return Step(functions, model, filled, (layers, norm_D, head_VD, kv))


def _layer(w: LayerWeights, k_PSGC: Tensor, v_PSGC: Tensor, window: int) -> StepLayer:
    layer, experts = StepLayer(), w.experts
    put(layer, attn_norm=w.attn_norm, qkv=w.qkv_w, qkv_bias=w.qkv_b, sinks=w.sinks, out=w.out_w, out_bias=w.out_b)
    put(layer, mlp_norm=w.mlp_norm, router=w.router_w, router_bias=w.router_b)
    put(layer, gate_up_bias=experts.gate_up_b, down_bias=experts.down_b)
    put(layer, k_pages=k_PSGC, v_pages=v_PSGC, window=window)
    if isinstance(experts, DenseExperts):
        if not takes_float_experts(experts.gate_up, experts.down):
            raise UnfitError("experts for the reference")
        put(layer, gate_up=experts.gate_up, down=experts.down.transpose(1, 2))
    else:
        put(layer, gate_up=experts.gate_up_blocks, gate_up_scales=experts.gate_up_scales)
        put(layer, down=experts.down_blocks, down_scales=experts.down_scales)
    return layer
