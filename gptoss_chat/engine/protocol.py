"""What the engine needs of a model; it knows neither its architecture nor where its weights came from.

Legend: T tokens of one call, L layers, K chosen experts, V vocabulary.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from torch import Tensor

from gptoss_chat.kernels.part_sums import ScoreSums
from gptoss_chat.model.pauses import WithPauses
from gptoss_chat.model.route import Route

PAGE_TOKENS = 32


class ModelShape(Protocol):
    """The numbers of a model that the engine reads."""

    @property
    def context_limit(self) -> int: ...
    @property
    def layers(self) -> int: ...
    @property
    def experts_per_token(self) -> int: ...
    @property
    def vocab(self) -> int: ...


class PagedKV(Protocol):
    """Keys and values of every layer in pages, wherever the model keeps them."""

    @property
    def nbytes(self) -> int: ...
    def copy_page(self, source: int, target: int) -> None: ...


KV = TypeVar("KV", bound=PagedKV)


class LanguageModel(Protocol[KV]):
    """A decoder over one sequence whose keys and values live in pages. It takes and returns tensors of the CPU.

    `backend` says in words for people what computes.
    """

    @property
    def spec(self) -> ModelShape: ...
    @property
    def backend(self) -> str: ...

    def new_kv_pool(self, pages: int) -> KV:
        """Memory for `pages` pages of keys and values."""
        ...

    def steering_for(self, route: Route) -> Any:
        """Changes to the router in the model's own form. Raises UsageError when it can't make them."""
        ...

    def steps(
        self,
        ids_T: Tensor,
        start: int,
        page_table: Tensor,
        kv: KV,
        /,
        *,
        all_logits: bool = False,
        steering: Any = None,
        entropy_out: Tensor | None = None,
        sums: ScoreSums | None = None,
    ) -> WithPauses[tuple[Tensor, Tensor, Tensor]]:
        """Run tokens start .. start+T through the model, writing their keys and values through `page_table` (int32).

        Returns the last token's logits (float32 [V]), and every token's experts (uint8 [T, L, K]) and their weights
        (float16 [T, L, K]). `steering` is what `steering_for` made: its `width` is K then. `entropy_out` (float16 [T, L]) is
        filled with the entropy of the router's choice over all experts, in bits. `sums` is filled in where the model has them
        sooner than whoever asks would. In a pause other sequences may be run, or this call be left: what it wrote counts for
        nothing then. A single token has no pause.
        """
        ...
