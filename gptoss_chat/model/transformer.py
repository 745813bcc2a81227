"""The forward pass of gpt-oss over a paged key-value cache; knows nothing of sampling, text or whose pages these are.

T tokens, D model, V vocabulary, L layers, E experts, K of them a token, P pages, S = 32 slots a page, H / G query / key-value
heads, C head size, A columns of the products before and after attention, N pages of a sequence. Arithmetic is float32; weights
and cache keep their own types. Weights say where they are used: activations go to where a layer's attention, its experts or the
head lie.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch
from torch import Tensor

from gptoss_chat.kernels import backend, backend_name, cuda, ops
from gptoss_chat.kernels.cpu.library import Functions
from gptoss_chat.kernels.cpu.step import Step
from gptoss_chat.kernels.int8 import Int8Matrix
from gptoss_chat.kernels.part_sums import ScoreSums
from gptoss_chat.model.decode_graph import DecodeGraph, Inputs, Recorder, cuda_recorder
from gptoss_chat.model.host_step import host_step
from gptoss_chat.model.kv import PAGE_TOKENS, KVPool, new_pool
from gptoss_chat.model.pauses import WithPauses, at_once
from gptoss_chat.model.placement import Placement
from gptoss_chat.model.rope import Rope
from gptoss_chat.model.route import NO_EXPERT, Route
from gptoss_chat.model.spec import SLIDING, ModelSpec
from gptoss_chat.model.steering import RouterSteering
from gptoss_chat.model.weights import DenseExperts, LayerWeights

_Routing = list[tuple[Tensor, Tensor, Tensor]]  # of each layer: ids [T, K], weights [T, K], entropy [T]
_log = logging.getLogger(__name__)

# Prompt tokens at a time: what a GPU's products need to be busy, and what gives each expert of a CPU's some thirty rows.
_DEVICE_CHUNK, _HOST_CHUNK = 1024, 256
# Up to here a small model's prompt is a single call: 12 tokens take 2.5 ms, and 3.7 as separate operators; 48 take 8.2 and 6.1. But
# the screen takes Python at each of the operators' hundred calls: 12 tokens were 20 to 50 ms in the chat.
_PLAIN_STEPS = 64


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
        self._devices = (*(device for layer in layers for device in layer.devices), norm.device)
        self.device = next((device for device in self._devices if device.type != "cpu"), None)
        """The device that holds the model or a part of it; None where all of it is the CPU's."""
        self._split = len(set(self._devices)) > 1
        self._record: Recorder | None = None
        if self.placement.whole and norm.is_cuda and cuda.registered():
            self._record = cuda_recorder(norm.device)
        self._recorded: tuple[KVPool, DecodeGraph] | None = None
        self._called: tuple[Functions, KVPool, Step | None] | None = None
        plain = self.device is None and all(isinstance(layer.experts, DenseExperts) for layer in layers)
        self._most_steps = _PLAIN_STEPS if plain else 1
        self._windows = tuple(spec.window if kind == SLIDING else 0 for kind in spec.layer_types)

    @property
    def device_bytes(self) -> int:
        """Bytes of the weights there."""
        total = self._norm_D.nbytes + self._head_VD.nbytes if self._devices[-1].type != "cpu" else 0
        for layer in self._layers:
            attention, experts = layer.devices
            total += layer.attention_bytes * (attention.type != "cpu")
            total += (layer.router_bytes + layer.experts_bytes) * (experts.type != "cpu")
        return total

    @property
    def placement(self) -> Placement:
        """What of it is on that device."""
        there = [device.type != "cpu" for device in self._devices]
        return Placement(tuple(there[:-1:2]), tuple(there[1:-1:2]), there[-1])

    @property
    def prefill_chunk(self) -> int:
        """How many prompt tokens one call should bring."""
        return _DEVICE_CHUNK if self.placement.whole else _HOST_CHUNK

    @property
    def backend(self) -> str:
        """What computes, in words for the user."""
        if self.device is None:
            return backend_name(torch.device("cpu"))
        if self.placement.whole:
            return backend_name(self.device)
        return f"{backend_name(self.device)}, {self.placement.describe()}; {backend_name(torch.device('cpu'))}"

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes of one token's keys and values in every layer, at this model's cache type."""
        return self.spec.kv_bytes_per_token // 2 * self.kv_dtype.itemsize

    def decode_bytes(self, depth: int, *, on_device: bool | None = None) -> int:
        """Bytes that decoding one token after `depth` others has to read: the weights it uses, once, and keys and values.

        In all, or only those that are on the device, or on the CPU.
        """
        spec, total = self.spec, 0
        there = [device.type != "cpu" for device in self._devices]
        for number, layer in enumerate(self._layers):
            if on_device in (None, there[2 * number]):
                window = self._windows[number]
                seen = min(depth, window) if window else depth
                total += layer.attention_bytes + seen * self.kv_bytes_per_token // spec.layers
            if on_device in (None, there[2 * number + 1]):
                total += layer.router_bytes + layer.experts_bytes * spec.experts_per_token // spec.experts
        if on_device in (None, there[-1]):
            total += self._norm_D.nbytes + self._head_VD.nbytes
        return total

    def new_kv_pool(self, pages: int) -> KVPool:
        """An uninitialised pool of `pages` pages; on the CPU it costs address space, not memory, until written."""
        return new_pool(pages, self.spec.kv_heads, self.spec.head_dim, self.kv_dtype, self._devices[:-1:2])

    def steering_for(self, route: Route) -> RouterSteering:
        """What `forward` takes for a route. Raises UsageError when this model can't do it."""
        spec = self.spec
        return RouterSteering(
            route,
            layers=spec.layers,
            experts=spec.experts,
            chosen=spec.experts_per_token,
            devices=self._devices[1:-1:2],
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
        sums: ScoreSums | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run T >= 1 tokens of one sequence, the first at position `start`, after those already in `kv`.

        ids int64 [T]; page_table int32 [N]: position p lives in page `page_table[p // 32]`, slot `p % 32`, and must
        cover start + T. Writes these tokens' keys and values. Returns float32 logits [V] of the last token ([T, V]
        with all_logits) and the routing of all: experts uint8 [T, L, K], most likely first, weights float16 [T, L, K].
        `steering` changes the router's scores; the routing is what came of it, K the most that a layer chose (or the model's
        own K), and places that a layer leaves empty hold NO_EXPERT and weight 0. `entropy_out` (float [T, L]) is filled with
        the entropy in bits of the router's softmax over all experts, `sums` with those of the last token's logits where a device
        has them.
        """
        return at_once(
            self.steps(
                ids_T, start, page_table_N, kv,
                all_logits=all_logits, steering=steering, entropy_out=entropy_out, sums=sums,
            )
        )  # fmt: skip

    def steps(
        self,
        ids_T: Tensor,
        start: int,
        page_table_N: Tensor,
        kv: KVPool,
        *,
        all_logits: bool = False,
        steering: RouterSteering | None = None,
        entropy_out: Tensor | None = None,
        sums: ScoreSums | None = None,
    ) -> WithPauses[tuple[Tensor, Tensor, Tensor]]:
        """`forward` with a pause after every layer of a prompt's pass, which on a CPU takes a second for each where a model is big.

        In a pause other sequences may be run, and the pass may be left for good: nothing of its tokens may be used then. Needs
        torch's inference mode.
        """
        rope_TC = self._rope.rows(start, ids_T.shape[0])
        x_TD = self._embedding_VD[ids_T].float()
        if len(x_TD) <= self._most_steps and steering is None and not all_logits:
            found = self._stepped((x_TD, rope_TC, page_table_N, start), kv, sums)
            if found is not None:
                if entropy_out is not None:
                    entropy_out.copy_(found[3])
                return found[:3]

        device = self._devices[0]
        if device.type != "cpu":
            x_TD, rope_TC, page_table_N = x_TD.to(device), rope_TC.to(device), page_table_N.to(device)
        x_TD, delta_TD, routing = yield from self._layers_pass(x_TD, rope_TC, page_table_N, start, kv, steering)
        if not all_logits:
            x_TD, delta_TD = x_TD.narrow(0, -1, 1), delta_TD.narrow(0, -1, 1)
        logits_TV = self._logits(x_TD, delta_TD)
        if sums is not None and not logits_TV.is_cpu:
            factor_1 = logits_TV.new_full((1,), sums.factor)
            sums.sums_3X = ops.part_sums(logits_TV.select(0, -1), factor_1).cpu()
        logits_TV = logits_TV.cpu()
        ids, weights, entropies = ([layer[part] for layer in routing] for part in range(3))
        if steering is not None:
            ids = [_filled(layer, steering.width, NO_EXPERT) for layer in ids]
            weights = [_filled(layer, steering.width, 0) for layer in weights]
        if self.device is not None:
            ids, weights, entropies = _on_the_cpu(ids), _on_the_cpu(weights), _on_the_cpu(entropies)
        if entropy_out is not None:
            entropy_out.copy_(torch.stack(entropies, dim=1))
        experts_TLK = torch.stack(ids, dim=1).to(torch.uint8)
        weights_TLK = torch.stack(weights, dim=1).to(torch.float16)
        return logits_TV if all_logits else logits_TV[0], experts_TLK, weights_TLK

    def _layers_pass(
        self,
        x_TD: Tensor,
        rope_TC: Tensor,
        page_table_N: Tensor,
        start: int | Tensor,
        kv: KVPool,
        steering: RouterSteering | None = None,
    ) -> WithPauses[tuple[Tensor, Tensor, _Routing]]:
        """Through every layer: the hidden values (float32 [T, D]), what the last experts add to them, and the routing."""
        spec, delta_TD, routing = self.spec, None, []
        near = {x_TD.device: (rope_TC, page_table_N)}
        for layer, w in enumerate(self._layers):
            if layer > 0 and len(x_TD) > 1:
                yield
            if self._split:
                device = self._devices[2 * layer]
                x_TD, delta_TD = _carried(x_TD, delta_TD, device)
                if device not in near:
                    near[device] = (rope_TC.to(device), page_table_N.to(device))
                rope_TC, page_table_N = near[device]
            h_TD = ops.rms_norm(x_TD, w.attn_norm, spec.eps, delta_TD)
            qkv_TA = ops.linear(h_TD, w.qkv_w, w.qkv_b)
            k_PSGC, v_PSGC = kv.k[layer], kv.v[layer]
            q_THC = ops.rope_store(qkv_TA, rope_TC, page_table_N, start, k_PSGC, v_PSGC)
            mixed_TA = ops.attention(q_THC, k_PSGC, v_PSGC, page_table_N, start, self._windows[layer], w.sinks)
            delta_TD = ops.linear(mixed_TA, w.out_w, w.out_b)
            if self._split:
                x_TD, delta_TD = _carried(x_TD, delta_TD, self._devices[2 * layer + 1])
            h_TD = ops.rms_norm(x_TD, w.mlp_norm, spec.eps, delta_TD)

            scores_TE = ops.linear(h_TD, w.router_w, w.router_b)
            if steering is not None:
                scores_TE = steering.apply(layer, scores_TE)
            chosen = spec.experts_per_token if steering is None else steering.chosen(layer)
            ids_TK, weights_TK, entropy_T = ops.route(scores_TE, chosen)
            routing.append((ids_TK, weights_TK, entropy_T))
            delta_TD = w.experts(h_TD, ids_TK, weights_TK, spec.swiglu_limit)
        assert delta_TD is not None
        return x_TD, delta_TD, routing

    def _logits(self, x_TD: Tensor, delta_TD: Tensor | None) -> Tensor:
        """float32 [T, V], where the head is."""
        if self._split:
            x_TD, delta_TD = _carried(x_TD, delta_TD, self._devices[-1])
        return ops.linear(ops.rms_norm(x_TD, self._norm_D, self.spec.eps, delta_TD), self._head_VD)

    def _stepped(
        self, inputs: tuple[Tensor, Tensor, Tensor, int], kv: KVPool, sums: ScoreSums | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
        """Each token as one call, or as one recording: the last one's logits [V]; experts uint8 [T, L, K], weights float16 [T, L, K]
        and entropy [T, L]; of the CPU. None where neither can be.
        """
        if self._record is None:
            step = self._host_step(kv)
            return None if step is None else step.run(*inputs)
        given = *inputs, 1.0 if sums is None else sums.factor
        graph = self._graph(kv, given)
        if graph is None:
            return None
        logits_V, sums_3X, *routing = graph.run(*given)
        if sums is not None:
            sums.sums_3X = sums_3X
        experts_1LK, weights_1LK, entropy_1L = (part[None] for part in routing)
        return logits_V, experts_1LK, weights_1LK, entropy_1L

    def _host_step(self, kv: KVPool) -> Step | None:
        """A decode step on `kv` as one compiled call, made at its first use; None where the operators have to run one by one."""
        functions = backend.functions if self.device is None else None
        if functions is None:
            return None
        if self._called is None or self._called[0] is not functions or self._called[1] is not kv:
            step = host_step(functions, self.spec, self._layers, self._windows, self._norm_D, self._head_VD, kv)
            self._called = (functions, kv, step)
        return self._called[2]

    def _graph(self, kv: KVPool, inputs: Inputs) -> DecodeGraph | None:
        """A decode step on `kv` as one recording, made at its first use, on that; None where it can't be made."""
        if self._recorded is not None and self._recorded[0] is kv:
            return self._recorded[1]
        assert self._record is not None
        spec = self.spec

        def step(
            x_1D: Tensor, rope_1C: Tensor, page_table_N: Tensor, position_1: Tensor, factor_1: Tensor
        ) -> tuple[Tensor, ...]:
            x_1D, delta_1D, routing = at_once(self._layers_pass(x_1D, rope_1C, page_table_N, position_1, kv))
            ids, weights, entropies = (torch.cat(parts) for parts in zip(*routing, strict=True))
            logits_V = self._logits(x_1D, delta_1D)[0]
            return logits_V, ops.part_sums(logits_V, factor_1), ids, weights, entropies

        try:
            graph = DecodeGraph(
                step,
                self._record,
                self._devices[0],
                inputs,
                hidden=spec.hidden,
                head_dim=spec.head_dim,
                pages=-(-spec.context_limit // PAGE_TOKENS),
                vocab=spec.vocab,
                layers=spec.layers,
                chosen=spec.experts_per_token,
            )
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:  # what a recording can't hold runs, slower, as it is
            _log.warning("tokens are decoded without a CUDA graph", exc_info=True)
            self._record = None
            return None
        self._recorded = (kv, graph)
        return graph


def _carried(x_TD: Tensor, delta_TD: Tensor | None, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Hidden values and what is still to be added to them, on `device`: as one where they have to go there."""
    if x_TD.device == device:
        return x_TD, delta_TD
    if delta_TD is not None:
        x_TD += delta_TD
    return x_TD.to(device), None


def _on_the_cpu(layers: list[Tensor]) -> list[Tensor]:
    """One tensor a layer, all of one shape; those on a device come from there in one copy."""
    away = [place for place, layer in enumerate(layers) if not layer.is_cpu]
    came = torch.stack([layers[place] for place in away]).cpu().unbind() if away else ()
    found = dict(zip(away, came, strict=True))
    return [found.get(place, layer) for place, layer in enumerate(layers)]


def _filled(values_TK: Tensor, width: int, value: int) -> Tensor:
    return torch.nn.functional.pad(values_TK, (0, width - values_TK.shape[1]), value=value)
