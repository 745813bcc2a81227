"""A model with its cache: runs tokens after what a sequence holds; it knows nothing of requests, threads or queues.

Legend: T tokens of one call, L layers, K chosen experts, V vocabulary.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gptoss_chat.engine.cache import CachedSequence, CacheFullError, KVCache, pages_for
from gptoss_chat.engine.protocol import LanguageModel
from gptoss_chat.kernels.part_sums import ScoreSums
from gptoss_chat.model.device_errors import device_error
from gptoss_chat.model.pauses import WithPauses
from gptoss_chat.model.route import Route

_log = logging.getLogger(__name__)


class Decoder:
    """The model with its cache. `chunk` is how many prompt tokens one call of the model gets."""

    def __init__(self, model: LanguageModel[Any], cache: KVCache, chunk: int) -> None:
        self.cache = cache
        self.context_limit: int = model.spec.context_limit
        self.vocab: int = model.spec.vocab
        self._model = model
        self._chunk = chunk

    def steering_for(self, route: Route) -> Any:
        """Changes to the router in the model's own form. Raises UsageError when it can't make them."""
        return self._model.steering_for(route)

    def warm(self, ids: Sequence[int], stopped: Callable[[], bool], in_vain: Callable[[Sequence[int]], bool]) -> bool:
        """Put `ids` in the cache as far as it has room; False when `stopped` said so before the end.

        A chunk that has begun is ended only when what it adds up to is `in_vain`.
        """
        if len(ids) >= self.context_limit or pages_for(len(ids)) > self.cache.pool.capacity:
            return True
        sequence = self.cache.open(ids, len(ids))
        try:
            while sequence.length < len(ids):
                if stopped():
                    return False
                start = sequence.length
                end = self.chunk_end(start, len(ids))
                for _ in self.steps(sequence, ids[start:end]):
                    if in_vain(ids[:end]):
                        return False
        except CacheFullError:
            return True
        finally:
            sequence.close()
        return True

    def chunk_end(self, start: int, limit: int) -> int:
        """Where the chunk that begins at `start` ends.

        Chunks end at absolute multiples, so a prompt is cut the same way wherever its reused part ends.
        """
        return min((start // self._chunk + 1) * self._chunk, limit)

    def steps(
        self, sequence: CachedSequence, ids: Sequence[int], steering: Any = None, sums: ScoreSums | None = None
    ) -> WithPauses[Tensor]:
        """Run `ids` after what is in the sequence, with the model's pauses; returns the last one's logits (float32 [V]), and fills
        in their `sums` where the model has them. Until then the sequence is as it was.

        Raises CacheFullError at the beginning; DeviceMemoryError and DeviceLostError for a GPU.
        """
        table_n = sequence.page_table(sequence.length + len(ids))
        # Arrays first: torch lets go of Python in each of its calls, and a screen that is being drawn takes it.
        ids_T = torch.from_numpy(np.array(ids, np.int64))
        entropy_TL = torch.from_numpy(np.full((len(ids), self._model.spec.layers), np.nan, np.float16))
        try:
            logits_V, experts_TLK, weights_TLK = yield from self._model.steps(
                ids_T, sequence.length, table_n, self.cache.kv, steering=steering, entropy_out=entropy_TL, sums=sums
            )
        except RuntimeError as error:
            if (told := device_error(error)) is None:
                raise
            _log.warning("the GPU failed", exc_info=True)
            raise told from None  # the frames of the first one hold tensors of the GPU
        sequence.extend(ids, experts_TLK, weights_TLK, entropy_TL)
        return logits_V
