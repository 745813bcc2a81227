"""One worker thread that owns the model, and the queue in front of it; it knows nothing of text or conversations."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import torch

from gptoss_chat.engine import sampler
from gptoss_chat.engine.cache import KVCache
from gptoss_chat.engine.decoder import Decoder
from gptoss_chat.engine.mailbox import Generation
from gptoss_chat.engine.protocol import LanguageModel
from gptoss_chat.engine.types import Finished, FinishReason, GenerateRequest, Usage
from gptoss_chat.errors import UsageError

MAX_WARM = 4  # pending warm prefills: older ones are stale


class Engine:
    """Answers requests one after the other, first come first served, and prefills ahead while it has nothing to do.

    Only its thread touches tensors. Raises MemoryLimitError when `cache_bytes` does not hold a single page.
    """

    def __init__(self, model: LanguageModel[Any], *, cache_bytes: int, prefill_chunk: int = 256) -> None:
        self._cache = KVCache(model, cache_bytes)
        self._decoder = Decoder(model, self._cache, prefill_chunk)
        self._vocab: int = model.spec.vocab
        self.backend: str = model.backend
        """The kernels that are in use, for people to read."""
        self._wake = threading.Condition()
        self._queue: deque[Generation] = deque()
        self._warm: deque[tuple[int, ...]] = deque(maxlen=MAX_WARM)
        self._running: Generation | None = None
        self._busy = False
        self._closing = False
        self._sweep = False
        self.warm_error: Exception | None = None
        """What the last warm prefill failed with; the next request would meet the same and report it."""
        self._thread = threading.Thread(target=self._work, name="gptoss-engine", daemon=True)
        self._thread.start()

    @property
    def context_limit(self) -> int:
        """How many tokens prompt and answer may have together."""
        return self._decoder.context_limit

    @property
    def kv_bytes_used(self) -> int:
        """Bytes of the cache that hold something."""
        return self._cache.pool.used * self._cache.page_bytes

    @property
    def kv_bytes_limit(self) -> int:
        """Bytes the cache may hold."""
        return self._cache.pool.capacity * self._cache.page_bytes

    def submit(self, request: GenerateRequest) -> Generation:
        """Queue a request, from any thread. Raises UsageError for a request that makes no sense."""
        sampler.check(request.sampling)
        ids = request.prompt_ids
        if not ids:
            raise UsageError("The prompt is empty.")
        if min(ids) < 0 or max(ids) >= self._vocab:
            raise UsageError(f"The prompt holds a token id outside the model's vocabulary of {self._vocab:,}.")
        generation = Generation(request, self._cancelled)
        with self._wake:
            assert not self._closing, "submit after close"
            self._queue.append(generation)
            self._wake.notify_all()
        return generation

    def warm(self, ids: Sequence[int]) -> None:
        """Prefill `ids` while there is nothing else to do, so that a prompt that begins with them starts at once.

        A request interrupts it within one chunk; what is left is taken up afterwards. From any thread.
        """
        with self._wake:
            self._warm.append(tuple(ids))
            self._wake.notify_all()

    def wait_idle(self, timeout_s: float | None = None) -> bool:
        """Block until no request and no warm prefill is left; False when the time is up before."""
        with self._wake:
            return self._wake.wait_for(lambda: not (self._busy or self._queue or self._warm), timeout_s)

    def close(self) -> None:
        """Cancel everything, wait for the thread to end. From any thread but the engine's; safe to call twice."""
        with self._wake:
            self._closing = True
            self._warm.clear()
            waiting = [*self._queue, *([self._running] if self._running else [])]
            self._wake.notify_all()
        for generation in waiting:
            generation.cancel()
        self._thread.join()

    def _cancelled(self, _generation: Generation) -> None:
        with self._wake:
            self._sweep = True
            self._wake.notify_all()

    def _work(self) -> None:
        with torch.inference_mode():
            while True:
                with self._wake:
                    self._busy = False
                    self._wake.notify_all()
                    self._wake.wait_for(lambda: self._queue or self._warm or self._closing)
                    generation = self._running = self._queue.popleft() if self._queue else None
                    ids = self._warm.popleft() if generation is None and self._warm else None
                    if generation is None and ids is None:
                        return
                    self._busy = True
                if generation is not None:
                    self._answer(generation)
                elif ids is not None:
                    self._prefill_ahead(ids)

    def _answer(self, generation: Generation) -> None:
        def stopped() -> bool:
            if self._sweep:
                self._finish_cancelled()
            return generation.cancelled

        self._decoder.generate(generation.request, generation.put, stopped)
        with self._wake:
            self._running = None

    def _prefill_ahead(self, ids: tuple[int, ...]) -> None:
        try:
            done = self._decoder.warm(ids, lambda: bool(self._queue) or self._closing)
        except Exception as error:  # noqa: BLE001 -- nobody waits for a warm prefill; kept for whoever looks
            self.warm_error = error
            return
        if not done:
            with self._wake:
                if not self._closing and len(self._warm) < MAX_WARM:
                    self._warm.appendleft(ids)

    def _finish_cancelled(self) -> None:
        """Answer cancelled requests that still wait in the queue, so that their Finished need not wait for its turn."""
        with self._wake:
            self._sweep = False
            cancelled = [generation for generation in self._queue if generation.cancelled]
            for generation in cancelled:
                self._queue.remove(generation)
        for generation in cancelled:
            prompt = generation.request.prompt_ids
            usage = Usage(0, 0, 0, 0.0, 0.0, len(prompt), self.context_limit, generation.request.sampling.seed or 0)
            generation.put(Finished(FinishReason.CANCELLED, usage, None))
