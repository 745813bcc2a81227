"""Where an answer's events wait for whoever asked; it knows neither the model nor who reads."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from gptoss_chat.engine.types import EngineEvent, Finished, GenerateRequest


class Generation:
    """One answer in the making. The engine's thread puts events in, any one other thread takes them out.

    `on_ready` is called from the engine's thread when the mailbox goes from empty to non-empty, never once per token;
    it must return at once and may be called once too often, never once too few.
    """

    def __init__(self, request: GenerateRequest, on_cancel: Callable[[Generation], None]) -> None:
        self.request = request
        self.on_ready: Callable[[], None] | None = None
        self.finished = False
        """True once `drain` has handed over the Finished event."""
        self._events: deque[EngineEvent] = deque()
        self._ready = threading.Event()
        self._cancelled = threading.Event()
        self._on_cancel = on_cancel

    def cancel(self) -> None:
        """Ask the engine to stop at its next step; Finished still follows. Harmless when it has finished already."""
        if not self._cancelled.is_set():
            self._cancelled.set()
            self._on_cancel(self)

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def drain(self) -> list[EngineEvent]:
        """Everything that has arrived since the last call, without waiting."""
        # Cleared before taking: an event that arrives in between wakes once more, for nothing at worst.
        self._ready.clear()
        events: list[EngineEvent] = []
        while self._events:
            events.append(self._events.popleft())
        if events and isinstance(events[-1], Finished):
            self.finished = True
        return events

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until there is something to drain; False when the time is up or nothing will come any more."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._events:
            if self.finished:
                return False
            self._ready.clear()
            if self._events:
                break
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            if (left_s is not None and left_s <= 0) or not self._ready.wait(left_s):
                return bool(self._events)
        return True

    def put(self, event: EngineEvent) -> None:
        """Add an event; only the engine's thread calls this."""
        self._events.append(event)
        if not self._ready.is_set():
            self._ready.set()
            if self.on_ready is not None:
                self.on_ready()
