"""One request while it runs, a step at a time: a piece of its prompt, or a token; it knows nothing of other requests or threads.

Legend: V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from gptoss_chat.engine.cache import CachedSequence, pages_for
from gptoss_chat.engine.decoder import Decoder
from gptoss_chat.engine.mailbox import Generation
from gptoss_chat.engine.rows import joined
from gptoss_chat.engine.sampler import Sample, Sampler
from gptoss_chat.engine.types import Finished, FinishReason, PrefillProgress, RouteRecord, TokenEvent, Usage
from gptoss_chat.errors import ContextFullError
from gptoss_chat.kernels.part_sums import ScoreSums
from gptoss_chat.model.pauses import WithPauses

WAY_ON = "Shorten it, edit an earlier message to branch from there, or start a new conversation."


class Run:
    """Answers a generation, in steps that a scheduler asks for; `finish` puts the last event.

    `number` tells runs apart, the older the lower; `used_s` is the time of the model that it has had, for the scheduler to
    compare and to set at its start. Between two steps `park` may take its pages: the next step begins where it was.
    """

    def __init__(self, decoder: Decoder, generation: Generation, number: int, clock: Callable[[], float]) -> None:
        self.generation = generation
        self.number = number
        self.used_s = 0.0
        self.ids_T = np.asarray(generation.request.prompt_ids, dtype=np.uint32)
        """The prompt."""
        self._decoder = decoder
        self._request = generation.request
        self._clock = clock
        self._sampler: Sampler | None = None
        self._steering: Any = None
        self._sequence: CachedSequence | None = None
        self._ids = list(self._request.prompt_ids)  # and what was drawn and is to be run
        self._piece: WithPauses[Tensor] | None = None  # what is on its way through the model
        self._sums: ScoreSums | None = None  # of its scores
        self._drawn: Sample | None = None  # the last one
        self._generated = 0
        self._reached = 0  # the most tokens that were in the cache
        self._reused: int | None = None
        self._parked: RouteRecord | None = None  # of what it gave back
        self._prefill_s = self._decode_s = 0.0
        self._first_s = self._last_s = 0.0  # when its first and its last token came

    @property
    def length(self) -> int:
        """Tokens that it has in the cache at present."""
        return self._sequence.length if self._sequence is not None else 0

    @property
    def holds_pages(self) -> bool:
        """Whether `park` would make room."""
        return self._sequence is not None

    @property
    def midway(self) -> bool:
        """Whether a piece is on its way through the model, which `share` and `park` would lose."""
        return self._piece is not None

    @property
    def unshared_T(self) -> slice:
        """The places in the prompt whose keys and values others could use, and `share` would give them; now or later."""
        known = self._sequence.reused if self._sequence is not None else 0
        if self._request.route and self.length > self._request.record_from:  # sharing would throw away what follows
            return slice(0, 0)
        return slice(known, self._shareable)

    @property
    def reusable(self) -> int:
        """How many of the prompt's tokens it takes from the cache where they are there: never the last one.

        That one is always run, and always alone: its scores are needed, and so they come out of the same computation whether
        the rest of the prompt was in the cache or not.
        """
        return min(len(self.ids_T) - 1, self._shareable)

    @property
    def _shareable(self) -> int:
        return min(len(self.ids_T), self._request.record_from) if self._request.route else len(self.ids_T)

    def step(self) -> FinishReason | None:
        """Run to the model's next pause and, at the end of what there is, draw a token; the reason when that was the last step.

        Raises CacheFullError with nothing lost: the step may be tried again. Other exceptions are the model's.
        """
        started_s = self._clock()
        decoding = False
        try:
            sequence = self._sequence or self._open()
            decoding = bool(self._generated) and sequence.length == len(self._ids) - 1
            return self._advance(sequence)
        finally:
            elapsed_s = self._clock() - started_s
            self.used_s += elapsed_s
            if decoding:
                self._decode_s += elapsed_s
            else:
                self._prefill_s += elapsed_s

    def _open(self) -> CachedSequence:
        request, decoder = self._request, self._decoder
        self._check_room()
        if self._sampler is None:
            self._sampler = Sampler(request.sampling, decoder.vocab, request.prompt_ids)
        reusable, width = len(self._ids) - 1, None
        if request.route:
            self._steering = decoder.steering_for(request.route)
            reusable, width = min(reusable, request.record_from), self._steering.width
        sequence = self._sequence = decoder.cache.open(self._ids, reusable, width)
        if self._reused is None:
            self._reused = sequence.reused
        if not self._generated:
            self._tell_progress(sequence)
        return sequence

    def _advance(self, sequence: CachedSequence) -> FinishReason | None:
        start, sampling = sequence.length, self._request.sampling
        steering = self._steering if start >= self._request.record_from else None
        assert self._sampler is not None
        piece, self._piece = self._piece, None
        if piece is None:
            ids = self._ids[start : self._end(start)]
            self._sums = self._sampler.sums()
            piece = self._decoder.steps(sequence, ids, steering, self._sums)
        try:
            next(piece)
        except StopIteration as end:
            logits_V: Tensor = end.value
        else:
            self._piece = piece
            return None
        if not self._generated:
            self._tell_progress(sequence)
        whole = sequence.length == len(self._ids)
        if whole and self._drawn is not None:
            sequence.note_draw(self._drawn.logprob, self._drawn.alternatives)
        if self.generation.cancelled:
            return FinishReason.CANCELLED
        if not whole:
            return None
        if self._generated == sampling.max_tokens:
            return FinishReason.LENGTH
        if sequence.length == self._decoder.context_limit:
            return FinishReason.CONTEXT
        sample = self._drawn = self._sampler.sample(logits_V, sequence.length, self._sums)
        self._last_s = self._clock()
        if not self._generated:
            self._first_s = self._last_s
        self._generated += 1
        reported = sample.alternatives[: sampling.logprobs]
        self.generation.put(TokenEvent(sample.token_id, sample.logprob, reported, *sequence.last_routing()))
        if sample.token_id in sampling.stop_ids:
            return FinishReason.STOP
        if self._generated == sampling.max_tokens:
            return FinishReason.LENGTH
        self._ids.append(sample.token_id)
        return None

    def _end(self, start: int) -> int:
        """Where the piece that begins at `start` ends."""
        last = len(self._ids) - 1
        if start == last:
            return last + 1
        end = self._decoder.chunk_end(start, last)
        if start < self._request.record_from < end and self._steering is not None:
            end = self._request.record_from
        return end

    def _tell_progress(self, sequence: CachedSequence) -> None:
        reused = min(self._reused or 0, sequence.length)
        self.generation.put(PrefillProgress(sequence.length, len(self.ids_T), reused))

    def share(self) -> None:
        """Give the tree what was run so far, for others to begin with, and go on from there."""
        self.park()
        self._open()

    def park(self) -> None:
        """Give the pages back; what others do not need of them is found again at the next step."""
        self._parked = self._routes()
        self._close()

    def finish(self, reason: FinishReason, error: Exception | None = None) -> None:
        """Close the sequence, sum the run up, and put the last event."""
        routes = self._routes()
        self._close()
        prompt_tokens = len(self.ids_T)
        reused = self._reused or 0
        seed = self._sampler.seed if self._sampler is not None else self._request.sampling.seed or 0
        usage = Usage(
            reused_tokens=reused,
            prefilled_tokens=max(0, min(self._reached, prompt_tokens) - reused),
            generated_tokens=self._generated,
            prefill_s=self._prefill_s,
            decode_s=self._decode_s,
            context_tokens=prompt_tokens + self._generated,
            context_limit=self._decoder.context_limit,
            seed=seed,
            writing_s=self._last_s - self._first_s,
        )
        self.generation.put(Finished(reason, usage, routes, error))

    def finish_full(self) -> None:
        """As `finish`, where the cache holds no more of it."""
        if not self._generated:
            self.finish(FinishReason.ERROR, self._cache_full())
        else:
            self.finish(FinishReason.CONTEXT)

    def _routes(self) -> RouteRecord | None:
        """The routing from `record_from` on. What was told before a parking stays: it is not computed anew."""
        start = self._request.record_from
        if self._parked is not None:
            start += len(self._parked.token_ids)
        now = self._sequence.routes_from(start) if self._sequence is not None else None
        return joined(self._parked, now)

    def _close(self) -> None:
        if self._sequence is not None:
            self._reached = max(self._reached, self._sequence.length)
            if self._steering is not None:
                self._sequence.forget_from(self._request.record_from)
            self._sequence.close()
            self._sequence = self._piece = None

    def _check_room(self) -> None:
        limit, prompt_tokens = self._decoder.context_limit, len(self.ids_T)
        if prompt_tokens >= limit:
            raise ContextFullError(
                f"The conversation has grown to {prompt_tokens:,} tokens, and the model reads at most {limit - 1:,}.",
                WAY_ON,
            )
        if pages_for(prompt_tokens) > self._decoder.cache.pool.capacity:
            raise self._cache_full()

    def _cache_full(self) -> ContextFullError:
        cache, prompt_tokens = self._decoder.cache, len(self.ids_T)
        needed_mib = pages_for(prompt_tokens) * cache.page_bytes / 2**20
        limit_mib = cache.pool.capacity * cache.page_bytes / 2**20
        return ContextFullError(
            f"The conversation has grown to {prompt_tokens:,} tokens, which take {needed_mib:,.1f} MiB of cache; "
            f"the limit is {limit_mib:,.1f} MiB.",
            "Raise the cache size in the settings, or shorten the conversation: " + WAY_ON[0].lower() + WAY_ON[1:],
        )
