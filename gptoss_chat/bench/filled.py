"""A model that can pretend to have read a prompt: decoding after tens of thousands of tokens is timed without their prefill.

Keys and values of the pretended tokens are random numbers, which cost a step of decoding what true ones cost; its words mean
nothing. Knows nothing of requests or of time.

T tokens, V vocabulary, P pages, S slots a page, G key-value heads, C head size, N pages of a sequence.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gptoss_chat.kernels.part_sums import ScoreSums
from gptoss_chat.model.kv import PAGE_TOKENS, KVPool
from gptoss_chat.model.pauses import WithPauses
from gptoss_chat.model.route import Route
from gptoss_chat.model.spec import ModelSpec
from gptoss_chat.model.transformer import Transformer


class FilledModel:
    """`Transformer` for an engine: while `filling` is set, more than one token at a time are pretended."""

    def __init__(self, model: Transformer) -> None:
        self._model = model
        self._page_SGC = torch.randn(PAGE_TOKENS, model.spec.kv_heads, model.spec.head_dim)
        self.filling = False

    @property
    def spec(self) -> ModelSpec:
        """See LanguageModel."""
        return self._model.spec

    @property
    def backend(self) -> str:
        """See LanguageModel."""
        return self._model.backend

    def new_kv_pool(self, pages: int) -> KVPool:
        """See LanguageModel."""
        return self._model.new_kv_pool(pages)

    def steering_for(self, route: Route) -> Any:
        """See LanguageModel."""
        return self._model.steering_for(route)

    def steps(
        self,
        ids_T: Tensor,
        start: int,
        page_table_N: Tensor,
        kv: KVPool,
        /,
        *,
        all_logits: bool = False,
        steering: Any = None,
        entropy_out: Tensor | None = None,
        sums: ScoreSums | None = None,
    ) -> WithPauses[tuple[Tensor, Tensor, Tensor]]:
        """See LanguageModel; pretended tokens are routed to expert 0 and followed by token 0."""
        T, spec = len(ids_T), self.spec
        if not self.filling or T == 1:
            return (
                yield from self._model.steps(
                    ids_T, start, page_table_N, kv,
                    all_logits=all_logits, steering=steering, entropy_out=entropy_out, sums=sums,
                )
            )  # fmt: skip
        for number in range(start // PAGE_TOKENS, (start + T - 1) // PAGE_TOKENS + 1):
            first = max(0, start - number * PAGE_TOKENS)
            for pool_PSGC in (*kv.k, *kv.v):
                pool_PSGC[int(page_table_N[number]), first:] = self._page_SGC[first:].to(pool_PSGC)
        if entropy_out is not None:
            entropy_out.zero_()
        logits_V = torch.zeros(spec.vocab)
        logits_V[0] = 1.0
        routing = (T, spec.layers, spec.experts_per_token)
        return logits_V, torch.zeros(routing, dtype=torch.uint8), torch.zeros(routing, dtype=torch.float16)
