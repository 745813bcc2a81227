"""One worker thread that owns the model, and the requests in front of it; it knows nothing of text or conversations."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch

from gptoss_chat.engine import sampler
from gptoss_chat.engine.cache import CacheFullError, KVCache
from gptoss_chat.engine.decoder import Decoder
from gptoss_chat.engine.mailbox import Generation
from gptoss_chat.engine.protocol import LanguageModel
from gptoss_chat.engine.run import Run
from gptoss_chat.engine.turns import Turns
from gptoss_chat.engine.types import FinishReason, GenerateRequest
from gptoss_chat.errors import UsageError

MAX_WARM = 6  # pending warm prefills: older ones are stale; a GPU's first runs are five
MAX_RUNNING = 8  # requests that take turns: with more of them nobody would see an answer grow


class Engine:
    """Answers requests in turns, token by token, and prefills ahead while it has nothing to do.

    Only its thread touches tensors. `prefill_chunk` tokens of a prompt run at a time. `most_running` requests share the model's
    time evenly, by `clock`; more of them wait.
    Raises MemoryLimitError when `cache_bytes` does not hold a single page.
    """

    def __init__(
        self,
        model: LanguageModel[Any],
        *,
        cache_bytes: int,
        prefill_chunk: int = 256,
        most_running: int = MAX_RUNNING,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._cache = KVCache(model, cache_bytes)
        self._decoder = Decoder(model, self._cache, prefill_chunk)
        self.backend: str = model.backend
        """The kernels that are in use, for people to read."""
        self._clock = clock
        self._turns = Turns(most_running)  # of the engine's thread, as all that is below `_work`
        self._started = 0
        self._wake = threading.Condition()
        self._submitted: list[Generation] = []  # since the engine's thread looked last
        self._unfinished: set[Generation] = set()
        self._warm: deque[tuple[tuple[int, ...], Callable[[], bool]]] = deque(maxlen=MAX_WARM)
        self._warming = False
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
        if min(ids) < 0 or max(ids) >= self._decoder.vocab:
            raise UsageError(f"The prompt holds a token id outside the model's vocabulary of {self._decoder.vocab:,}.")
        generation = Generation(request, self._cancelled)
        with self._wake:
            assert not self._closing, "submit after close"
            self._submitted.append(generation)
            self._unfinished.add(generation)
            self._wake.notify_all()
        return generation

    def warm(self, ids: Sequence[int], wanted: Callable[[], bool] = lambda: True) -> None:
        """Prefill `ids` while there is nothing else to do, so that a prompt that begins with them starts at once.

        A request waits for the chunk at hand where that is a part of its prompt, else for a layer of it; what is left is taken up
        afterwards, unless it is not `wanted` any more, which is asked by the engine's thread. From any thread.
        """
        with self._wake:
            if not self._closing:
                self._warm.append((tuple(ids), wanted))
                self._wake.notify_all()

    def wait_idle(self, timeout_s: float | None = None) -> bool:
        """Block until no request and no warm prefill is left; False when the time is up before."""
        with self._wake:
            return self._wake.wait_for(lambda: not (self._unfinished or self._warm or self._warming), timeout_s)

    def close(self) -> None:
        """Cancel everything, wait for the thread to end. From any thread but the engine's; safe to call twice."""
        with self._wake:
            self._closing = True
            self._warm.clear()
            waiting = list(self._unfinished)
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
            while self._look():
                if not self._turns:
                    self._prefill_ahead()
                while self._turns and not self._submitted:
                    if self._sweep:
                        self._finish_cancelled()
                    else:
                        self._step(self._turns.next())

    def _look(self) -> bool:
        """Take in what was submitted, waiting for something to do; False when nothing will come any more."""
        with self._wake:
            self._wake.wait_for(lambda: self._turns or self._submitted or self._warm or self._closing)
            for generation in self._submitted:
                self._turns.add(Run(self._decoder, generation, self._started, self._clock))
                self._started += 1
            self._submitted.clear()
            return bool(self._turns or self._warm)

    def _step(self, run: Run) -> None:
        try:
            reason, error = run.step(), None
        except CacheFullError:
            if not self._turns.make_room(run):
                run.finish_full()
                self._ended(run)
            return
        except Exception as failure:  # noqa: BLE001 -- handed to whoever asked: the worker has to outlive it
            reason, error = FinishReason.ERROR, failure
        if reason is not None:
            run.finish(reason, error)
            self._ended(run)

    def _finish_cancelled(self) -> None:
        """End all that were cancelled at once, so that their Finished need not wait for their turn."""
        self._sweep = False  # before looking: one that is cancelled meanwhile is seen now, and once more for nothing
        for run in self._turns.cancelled():
            run.finish(FinishReason.CANCELLED)
            self._ended(run)

    def _ended(self, run: Run) -> None:
        self._turns.remove(run)
        with self._wake:
            self._unfinished.discard(run.generation)
            self._wake.notify_all()

    def _in_vain(self, ids: Sequence[int], wanted: Callable[[], bool]) -> bool:
        """Whether nobody is helped by `ids` in the cache: not those who ask now, or not who might."""
        with self._wake:
            asked = [generation.request.prompt_ids for generation in self._submitted]
        if not asked:
            return not wanted()
        return not any(tuple(prompt[: len(ids)]) == tuple(ids) for prompt in asked)

    def _prefill_ahead(self) -> None:
        with self._wake:
            if not self._warm:  # closed meanwhile
                return
            ids, wanted = self._warm.popleft()
            self._warming = True
        done = True
        try:
            done = self._decoder.warm(
                ids,
                lambda: bool(self._submitted) or self._closing or not wanted(),
                lambda begun: self._closing or self._in_vain(begun, wanted),
            )
        except Exception as error:  # noqa: BLE001 -- nobody waits for a warm prefill; kept for whoever looks
            self.warm_error = error
        with self._wake:
            if not (done or self._closing) and len(self._warm) < MAX_WARM and wanted():
                self._warm.appendleft((ids, wanted))
            self._warming = False
            self._wake.notify_all()
