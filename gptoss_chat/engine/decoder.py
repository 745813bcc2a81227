"""Runs one request on the model: chunked prefill, then one token at a time; it knows nothing of threads or queues.

Legend: T tokens of one call, L layers, K chosen experts, V vocabulary.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from gptoss_chat.engine.cache import CachedSequence, CacheFullError, KVCache, pages_for
from gptoss_chat.engine.protocol import LanguageModel
from gptoss_chat.engine.sampler import Sampler
from gptoss_chat.engine.types import (
    EngineEvent,
    Finished,
    FinishReason,
    GenerateRequest,
    PrefillProgress,
    TokenEvent,
    Usage,
)
from gptoss_chat.errors import ContextFullError

WAY_ON = "Shorten it, edit an earlier message to branch from there, or start a new conversation."


class Decoder:
    """The model with its cache. `chunk` is how many prompt tokens run between two looks at whether to stop."""

    def __init__(self, model: LanguageModel[Any], cache: KVCache, chunk: int) -> None:
        self._model = model
        self._cache = cache
        self._chunk = chunk
        self.context_limit: int = model.spec.context_limit

    def generate(
        self, request: GenerateRequest, emit: Callable[[EngineEvent], None], stopped: Callable[[], bool]
    ) -> None:
        """Answer a request; Finished is always the last event, whatever happens. `stopped` is asked at every step."""
        run = _Run(self, request)
        try:
            reason, error = run.answer(emit, stopped), None
        except Exception as failure:  # noqa: BLE001 -- handed to whoever asked: the worker has to outlive it
            reason, error = FinishReason.ERROR, failure
        emit(run.finish(reason, error))

    def warm(self, ids: Sequence[int], stopped: Callable[[], bool]) -> bool:
        """Put `ids` in the cache as far as it has room; False when `stopped` said so before the end."""
        if len(ids) >= self.context_limit or pages_for(len(ids)) > self._cache.pool.capacity:
            return True
        sequence = self._cache.open(ids, len(ids))
        try:
            while sequence.length < len(ids):
                if stopped():
                    return False
                self._forward(sequence, ids[sequence.length : self._chunk_end(sequence.length, len(ids))])
        except CacheFullError:
            return True
        finally:
            sequence.close()
        return True

    def _chunk_end(self, start: int, limit: int) -> int:
        # Chunks end at absolute multiples, so a prompt is cut the same way wherever its reused part ends.
        return min((start // self._chunk + 1) * self._chunk, limit)

    def _forward(self, sequence: CachedSequence, ids: Sequence[int], steering: Any = None) -> Tensor:
        """Run `ids` after what is in the sequence; returns the last one's logits [V]. Raises CacheFullError."""
        table_n = sequence.page_table(sequence.length + len(ids))
        ids_T = torch.tensor(ids, dtype=torch.int64)
        entropy_TL = torch.full((len(ids), self._model.spec.layers), torch.nan, dtype=torch.float16)
        logits_V, experts_TLK, weights_TLK = self._model.forward(
            ids_T, sequence.length, table_n, self._cache.kv, steering=steering, entropy_out=entropy_TL
        )
        sequence.extend(ids, experts_TLK, weights_TLK, entropy_TL)
        return logits_V


class _Run:
    """One request's counts and times while it runs."""

    def __init__(self, decoder: Decoder, request: GenerateRequest) -> None:
        self._decoder = decoder
        self._request = request
        self._sampler = Sampler(request.sampling, decoder._model.spec.vocab, request.prompt_ids)
        self._sequence: CachedSequence | None = None
        self._steering: Any = None
        self._generated = 0
        self._prefill_s = 0.0
        self._decode_s = 0.0

    def answer(self, emit: Callable[[EngineEvent], None], stopped: Callable[[], bool]) -> FinishReason:
        prompt = self._request.prompt_ids
        self._check_room(len(prompt))
        # The last prompt token is always run, and always alone: its logits are needed, and so they come out of the
        # same computation whether the rest of the prompt was in the cache or not.
        reusable, width = len(prompt) - 1, None
        if self._request.route:
            self._steering = self._decoder._model.steering_for(self._request.route)
            reusable, width = min(reusable, self._request.record_from), self._steering.width
        sequence = self._sequence = self._decoder._cache.open(prompt, reusable, width)
        started_s = time.perf_counter()
        try:
            logits_V = self._prefill(sequence, emit, stopped)
        except CacheFullError:
            raise self._cache_full(len(prompt)) from None
        finally:
            self._prefill_s = time.perf_counter() - started_s
        if logits_V is None:
            return FinishReason.CANCELLED
        started_s = time.perf_counter()
        try:
            return self._decode(sequence, logits_V, emit, stopped)
        except CacheFullError:
            return FinishReason.CONTEXT
        finally:
            self._decode_s = time.perf_counter() - started_s

    def _prefill(
        self, sequence: CachedSequence, emit: Callable[[EngineEvent], None], stopped: Callable[[], bool]
    ) -> Tensor | None:
        """Logits [V] of the prompt's last token; None when stopped before."""
        decoder, prompt = self._decoder, self._request.prompt_ids
        last = len(prompt) - 1
        emit(PrefillProgress(sequence.length, len(prompt), sequence.reused))
        logits_V = None
        while sequence.length <= last:
            if stopped():
                return None
            end = decoder._chunk_end(sequence.length, last) if sequence.length < last else last + 1
            if sequence.length < self._request.record_from < end and self._steering is not None:
                end = self._request.record_from
            logits_V = self._forward(sequence, prompt[sequence.length : end])
            emit(PrefillProgress(sequence.length, len(prompt), sequence.reused))
        return logits_V

    def _decode(
        self,
        sequence: CachedSequence,
        logits_V: Tensor,
        emit: Callable[[EngineEvent], None],
        stopped: Callable[[], bool],
    ) -> FinishReason:
        params, sampler, limit = self._request.sampling, self._sampler, self._decoder.context_limit
        while True:
            if stopped():
                return FinishReason.CANCELLED
            if self._generated == params.max_tokens:
                return FinishReason.LENGTH
            if sequence.length == limit:
                return FinishReason.CONTEXT
            sample = sampler.sample(logits_V, sequence.length)
            self._generated += 1
            reported = sample.alternatives[: params.logprobs]
            emit(TokenEvent(sample.token_id, sample.logprob, reported, *sequence.last_routing()))
            if sample.token_id in params.stop_ids:
                return FinishReason.STOP
            if self._generated != params.max_tokens:
                logits_V = self._forward(sequence, (sample.token_id,))
                sequence.note_draw(sample.logprob, sample.alternatives)

    def _forward(self, sequence: CachedSequence, ids: Sequence[int]) -> Tensor:
        steered = sequence.length >= self._request.record_from
        return self._decoder._forward(sequence, ids, self._steering if steered else None)

    def finish(self, reason: FinishReason, error: Exception | None) -> Finished:
        """Close the sequence and sum the run up."""
        sequence, prompt_tokens = self._sequence, len(self._request.prompt_ids)
        routes = None
        reused = prefilled = 0
        if sequence is not None:
            reused = sequence.reused
            prefilled = min(sequence.length, prompt_tokens) - reused
            routes = sequence.routes_from(self._request.record_from)
            if self._steering is not None:
                sequence.forget_from(self._request.record_from)
            sequence.close()
        usage = Usage(
            reused_tokens=reused,
            prefilled_tokens=prefilled,
            generated_tokens=self._generated,
            prefill_s=self._prefill_s,
            decode_s=self._decode_s,
            context_tokens=prompt_tokens + self._generated,
            context_limit=self._decoder.context_limit,
            seed=self._sampler.seed,
        )
        return Finished(reason, usage, routes, error)

    def _check_room(self, prompt_tokens: int) -> None:
        limit = self._decoder.context_limit
        if prompt_tokens >= limit:
            raise ContextFullError(
                f"The conversation has grown to {prompt_tokens:,} tokens, and the model reads at most {limit - 1:,}.",
                WAY_ON,
            )
        if pages_for(prompt_tokens) > self._decoder._cache.pool.capacity:
            raise self._cache_full(prompt_tokens)

    def _cache_full(self, prompt_tokens: int) -> ContextFullError:
        cache = self._decoder._cache
        needed_mib = pages_for(prompt_tokens) * cache.page_bytes / 2**20
        limit_mib = cache.pool.capacity * cache.page_bytes / 2**20
        return ContextFullError(
            f"The conversation has grown to {prompt_tokens:,} tokens, which take {needed_mib:,.1f} MiB of cache; "
            f"the limit is {limit_mib:,.1f} MiB.",
            "Raise the cache size in the settings, or shorten the conversation: " + WAY_ON[0].lower() + WAY_ON[1:],
        )
