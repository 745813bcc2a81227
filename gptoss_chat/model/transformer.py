"""The forward pass of gpt-oss over a paged key-value cache; knows nothing of sampling, text or whose pages these are.

T tokens, D model, V vocabulary, L layers, E experts, K of them a token, P pages, S = 32 slots a page, H / G query / key-value
heads, C head size, A columns of the products before and after attention, N pages of a sequence. Arithmetic is float32; weights
and cache keep their own types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gptoss_chat.kernels import backend_name, ops
from gptoss_chat.kernels.int8 import Int8Matrix
from gptoss_chat.model.rope import Rope
from gptoss_chat.model.route import NO_EXPERT, Route
from gptoss_chat.model.spec import SLIDING, ModelSpec
from gptoss_chat.model.steering import RouterSteering

PAGE_TOKENS = 32


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
    """One block. Matrices are [outputs, inputs] of any float type or int8; all else is float32."""

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


@dataclass(frozen=True, slots=True)
class KVPool:
    """Keys (rotated) and values of each layer, [P, S, G, C], where the layer's attention is computed.

    On the CPU memory is touched only where a page is written.
    """

    k: tuple[Tensor, ...]
    v: tuple[Tensor, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all pages of all layers."""
        return sum(layer.nbytes for layer in (*self.k, *self.v))

    def copy_page(self, source: int, target: int) -> None:
        """Make page `target` what page `source` is, in every layer."""
        for layer in (*self.k, *self.v):
            layer[target] = layer[source]


class Transformer:
    """A loaded model. Not thread-safe: one thread runs `forward`."""

    def __init__(
        self,
        spec: ModelSpec,
        *,
        embedding: Tensor,
        layers: Sequence[LayerWeights],
        norm: Tensor,
        head: Tensor | Int8Matrix,
        kv_dtype: torch.dtype,
    ) -> None:
        self.spec = spec
        self.kv_dtype = kv_dtype
        self._embedding_VD = embedding
        self._layers = tuple(layers)
        self._norm_D = norm
        self._head_VD = head
        self._rope = Rope(spec.rope, spec.head_dim)
        self._windows = tuple(spec.window if kind == SLIDING else 0 for kind in spec.layer_types)

    @property
    def backend(self) -> str:
        """What computes, in words for the user."""
        return backend_name(self._embedding_VD.device)

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes of one token's keys and values in every layer, at this model's cache type."""
        return self.spec.kv_bytes_per_token // 2 * self.kv_dtype.itemsize

    def decode_bytes(self, depth: int) -> int:
        """Bytes that decoding one token after `depth` others has to read: the weights it uses, once, and keys and values."""
        spec, weights = self.spec, self._norm_D.nbytes + self._head_VD.nbytes
        for layer in self._layers:
            for name in layer.__slots__:
                part = getattr(layer, name)
                if isinstance(part, Tensor | Int8Matrix):
                    weights += part.nbytes
                else:
                    every = sum(getattr(part, slot).nbytes for slot in part.__slots__)
                    weights += every * spec.experts_per_token // spec.experts
        seen = sum(min(depth, window) if window else depth for window in self._windows)
        return weights + seen * self.kv_bytes_per_token // spec.layers

    def new_kv_pool(self, pages: int) -> KVPool:
        """An uninitialised pool of `pages` pages; costs address space, not memory, until written."""
        spec = self.spec
        shape = (2, spec.layers, pages, PAGE_TOKENS, spec.kv_heads, spec.head_dim)
        k, v = torch.empty(shape, dtype=self.kv_dtype).unbind()
        return KVPool(k.unbind(), v.unbind())

    def steering_for(self, route: Route) -> RouterSteering:
        """What `forward` takes for a route. Raises UsageError when this model can't do it."""
        spec = self.spec
        return RouterSteering(
            route,
            layers=spec.layers,
            experts=spec.experts,
            chosen=spec.experts_per_token,
            device=self._embedding_VD.device,
        )

    @torch.inference_mode()
    def forward(
        self,
        ids_T: Tensor,
        start: int,
        page_table_N: Tensor,
        kv: KVPool,
        *,
        all_logits: bool = False,
        steering: RouterSteering | None = None,
        entropy_out: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run T >= 1 tokens of one sequence, the first at position `start`, after those already in `kv`.

        ids int64 [T]; page_table int32 [N]: position p lives in page `page_table[p // 32]`, slot `p % 32`, and must
        cover start + T. Writes these tokens' keys and values. Returns float32 logits [V] of the last token ([T, V]
        with all_logits) and the routing of all: experts uint8 [T, L, K], most likely first, weights float16 [T, L, K].
        `steering` changes the router's scores; the routing is what came of it, K the most that a layer chose (or the model's
        own K), and places that a layer leaves empty hold NO_EXPERT and weight 0. `entropy_out` (float [T, L]) is filled with
        the entropy in bits of the router's softmax over all experts.
        """
        spec = self.spec
        rope_TC = self._rope.rows(start, ids_T.shape[0])
        routes: list[tuple[Tensor, Tensor]] = []
        entropies: list[Tensor] = []

        x_TD, delta_TD = self._embedding_VD[ids_T].float(), None
        for layer, w in enumerate(self._layers):
            h_TD = ops.rms_norm(x_TD, w.attn_norm, spec.eps, delta_TD)
            qkv_TA = ops.linear(h_TD, w.qkv_w, w.qkv_b)
            k_PSGC, v_PSGC = kv.k[layer], kv.v[layer]
            q_THC = ops.rope_store(qkv_TA, rope_TC, page_table_N, start, k_PSGC, v_PSGC)
            mixed_TA = ops.attention(q_THC, k_PSGC, v_PSGC, page_table_N, start, self._windows[layer], w.sinks)
            h_TD = ops.rms_norm(x_TD, w.mlp_norm, spec.eps, ops.linear(mixed_TA, w.out_w, w.out_b))

            scores_TE = ops.linear(h_TD, w.router_w, w.router_b)
            if steering is not None:
                scores_TE = steering.apply(layer, scores_TE)
            chosen = spec.experts_per_token if steering is None else steering.chosen(layer)
            ids_TK, weights_TK, entropy_T = ops.route(scores_TE, chosen)
            routes.append((ids_TK, weights_TK))
            entropies.append(entropy_T)
            delta_TD = w.experts(h_TD, ids_TK, weights_TK, spec.swiglu_limit)

        assert delta_TD is not None
        if not all_logits:
            x_TD, delta_TD = x_TD[-1:], delta_TD[-1:]
        logits_TV = ops.linear(ops.rms_norm(x_TD, self._norm_D, spec.eps, delta_TD), self._head_VD)
        if entropy_out is not None:
            entropy_out.copy_(torch.stack(entropies, dim=1))
        if steering is not None:
            routes = [(_filled(ids, steering.width, NO_EXPERT), _filled(w, steering.width, 0)) for ids, w in routes]
        experts_TLK = torch.stack([ids for ids, _ in routes], dim=1).to(torch.uint8)
        weights_TLK = torch.stack([weights for _, weights in routes], dim=1).to(torch.float16)
        return logits_TV if all_logits else logits_TV[0], experts_TLK, weights_TLK


def _filled(values_TK: Tensor, width: int, value: int) -> Tensor:
    return torch.nn.functional.pad(values_TK, (0, width - values_TK.shape[1]), value=value)
