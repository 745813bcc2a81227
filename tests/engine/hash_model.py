"""A deterministic stand-in for a transformer: every score depends on all earlier tokens as read back from the KV pages.

Legend: T tokens, L layers, K chosen experts, V vocabulary, P pages, S tokens a page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gptoss_chat.kernels.part_sums import ScoreSums
from gptoss_chat.model.pauses import WithPauses


@dataclass(frozen=True)
class Spec:
    """The shape of the stand-in; every axis has a different size."""

    context_limit: int = 512
    layers: int = 2
    experts_per_token: int = 3
    vocab: int = 97


@dataclass
class Pool:
    """k and v are [L, P, S, 1, 4] float64, filled with a value that no token has."""

    k: Tensor
    v: Tensor

    @property
    def nbytes(self) -> int:
        return self.k.nbytes + self.v.nbytes

    def copy_page(self, source: int, target: int) -> None:
        for part in (self.k, self.v):
            part[:, target] = part[:, source]


def routing(token: int, position: int, spec: Spec) -> Tensor:
    """The experts (uint8 [L, K]) that a token at a position gets."""
    count = spec.layers * spec.experts_per_token
    return ((torch.arange(count) * 7 + token * 3 + position) % 251).to(torch.uint8).view(spec.layers, -1)


class HashModel:
    """Writes each token into its slot; scores come from a hash of every slot up to the last, so a wrong page shows.

    `calls` lists (start, tokens) of every forward; `on_forward` is called before each. More than one token have `pauses` before it,
    and `on_pause` is called at the beginning of each with the start and the pause's number.
    """

    backend = "hash"

    def __init__(self, spec: Spec | None = None) -> None:
        self.spec = spec or Spec()
        self.calls: list[tuple[int, int]] = []
        self.pauses = 0
        self.on_forward: Callable[[int, int], None] | None = None
        self.on_pause: Callable[[int, int], None] | None = None

    def new_kv_pool(self, pages: int) -> Pool:
        shape = (self.spec.layers, pages, 32, 1, 4)
        return Pool(torch.full(shape, -1.0, dtype=torch.float64), torch.full(shape, -1.0, dtype=torch.float64))

    def steps(
        self, ids_T: Tensor, start: int, page_table: Tensor, kv: Pool, **named: Any
    ) -> WithPauses[tuple[Tensor, Tensor, Tensor]]:
        for number in range(self.pauses if len(ids_T) > 1 else 0):
            if self.on_pause is not None:
                self.on_pause(start, number)
            yield
        return self.forward(ids_T, start, page_table, kv, **named)

    def forward(
        self,
        ids_T: Tensor,
        start: int,
        page_table: Tensor,
        kv: Pool,
        *,
        all_logits: bool = False,
        steering: None = None,
        entropy_out: Tensor | None = None,
        sums: ScoreSums | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        spec, tokens = self.spec, len(ids_T)
        if self.on_forward is not None:
            self.on_forward(start, tokens)
        self.calls.append((start, tokens))
        position_T = torch.arange(start, start + tokens)
        page_T = page_table[position_T // 32].long()
        kv.k[:, page_T, position_T % 32, 0, 0] = ids_T.double()
        kv.v[:, page_T, position_T % 32, 0, 3] = position_T.double()
        all_position = torch.arange(start + tokens)
        all_page = page_table[all_position // 32].long()
        for layer in range(spec.layers):
            assert torch.equal(kv.v[layer, all_page, all_position % 32, 0, 3], all_position.double()), "a wrong page"
        seen = kv.k[spec.layers - 1, all_page, all_position % 32, 0, 0].long().tolist()
        state = 17
        for token in seen:
            assert token >= 0, "a slot that was never written"
            state = (state * 1_000_003 + token + 1) % (2**61 - 1)
        logits_V = 3 * torch.randn(spec.vocab, generator=torch.Generator().manual_seed(state % 2**63))
        experts_TLK = torch.stack([routing(int(t), start + i, spec) for i, t in enumerate(ids_T)])
        if entropy_out is not None:
            entropy_out.copy_(experts_TLK[..., 0] / 256)
        return logits_V, experts_TLK, (experts_TLK.float() / 256).half()
