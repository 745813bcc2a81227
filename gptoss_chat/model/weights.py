"""The weights of one layer, as values; knows nothing of where they came from or in which order they are used.

T tokens, D model, K experts a token.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gptoss_chat.kernels import ops
from gptoss_chat.kernels.int8 import Int8Matrix


@dataclass(frozen=True, slots=True)
class Mxfp4Experts:
    """A layer's experts as the checkpoint packs them; see `ops.moe_mxfp4` for the shapes."""

    gate_up_blocks: Tensor
    gate_up_scales: Tensor
    gate_up_b: Tensor
    down_blocks: Tensor
    down_scales: Tensor
    down_b: Tensor

    def __call__(self, x_TD: Tensor, ids_TK: Tensor, weights_TK: Tensor, limit: float) -> Tensor:
        """float32 [T, D]."""
        return ops.moe_mxfp4(
            x_TD,
            ids_TK,
            weights_TK,
            self.gate_up_blocks,
            self.gate_up_scales,
            self.gate_up_b,
            self.down_blocks,
            self.down_scales,
            self.down_b,
            limit,
        )


@dataclass(frozen=True, slots=True)
class DenseExperts:
    """A layer's experts in a float type; see `ops.moe_dense` for the shapes."""

    gate_up: Tensor
    gate_up_b: Tensor
    down: Tensor
    down_b: Tensor

    def __call__(self, x_TD: Tensor, ids_TK: Tensor, weights_TK: Tensor, limit: float) -> Tensor:
        """float32 [T, D]."""
        return ops.moe_dense(x_TD, ids_TK, weights_TK, self.gate_up, self.gate_up_b, self.down, self.down_b, limit)


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One block. Matrices are [outputs, inputs] of any float type or int8; all else is float32.

    What `mlp_norm` and below hold may lie on another device than what stands above.
    """

    attn_norm: Tensor
    qkv_w: Tensor | Int8Matrix  # q, k, v rows stacked
    qkv_b: Tensor
    sinks: Tensor
    out_w: Tensor | Int8Matrix
    out_b: Tensor
    mlp_norm: Tensor
    router_w: Tensor
    router_b: Tensor
    experts: Mxfp4Experts | DenseExperts

    @property
    def attention_bytes(self) -> int:
        """Bytes of what attention reads for a token."""
        return sum(part.nbytes for part in (self.attn_norm, self.qkv_w, self.qkv_b, self.sinks, self.out_w, self.out_b))

    @property
    def router_bytes(self) -> int:
        """Bytes of what every token reads before its experts."""
        return self.mlp_norm.nbytes + self.router_w.nbytes + self.router_b.nbytes

    @property
    def experts_bytes(self) -> int:
        """Bytes of all experts."""
        return sum(getattr(self.experts, name).nbytes for name in self.experts.__slots__)

    @property
    def devices(self) -> tuple[torch.device, torch.device]:
        """Where attention and where experts are computed."""
        return self.attn_norm.device, self.mlp_norm.device
