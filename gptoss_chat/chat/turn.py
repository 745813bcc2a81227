"""One prompt end to end, as seen by whoever waits for its answer: a queue of events and a way to stop.

It knows nothing of the threads behind it: the session fills it, a screen or a command drains it.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gptoss_chat.engine.sampling import SamplingParams
from gptoss_chat.model.route import Route

if TYPE_CHECKING:  # the first painted frame does not wait for what a turn tells
    from gptoss_chat.chat.events import TurnEvent, TurnFinished

Effort = Literal["low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """What a person may set for one prompt.

    `developer` is the instruction text above the conversation; `identity` replaces the first line of the system message;
    `stop` are strings that end the answer (they are cut off). `route` changes the router from the prompt on. `tools` are the
    names of the tools on offer; None: those of the conversation so far, and in a new one those that always are.
    """

    effort: Effort = "medium"
    developer: str = ""
    identity: str | None = None
    sampling: SamplingParams = field(default_factory=SamplingParams)
    stop: tuple[str, ...] = ()
    route: Route = ()
    tools: tuple[str, ...] | None = None


Decision = Literal["yes", "no", "always"]
"""What the person says to a tool call; "always" is for this tool in this conversation."""


class Turn:
    """A prompt that is queued, running or finished.

    conversation_id, user_node_id and reply_node_id name its rows in the history. All methods may be called from any thread.
    """

    def __init__(self, conversation_id: str, user_node_id: str, reply_node_id: str, options: TurnOptions) -> None:
        self.conversation_id = conversation_id
        self.user_node_id = user_node_id
        self.reply_node_id = reply_node_id
        self.options = options
        self._events: deque[TurnEvent] = deque()
        self._ready = threading.Condition()
        self._cancelled = threading.Event()
        self._finished: TurnFinished | None = None
        self._decisions: dict[int, Decision] = {}

    def cancel(self) -> None:
        """Stop; what was written so far is kept."""
        self._cancelled.set()

    def decide(self, call_number: int, decision: Decision) -> None:
        """Say whether a tool call that was asked for may run; the first decision holds."""
        with self._ready:
            self._decisions.setdefault(call_number, decision)
            self._ready.notify_all()

    def decision(self, call_number: int, timeout_s: float) -> Decision | None:
        """For the session: what was decided, waiting at most `timeout_s` for it."""
        with self._ready:
            self._ready.wait_for(lambda: call_number in self._decisions, timeout_s)
            return self._decisions.get(call_number)

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked it to stop."""
        return self._cancelled.is_set()

    @property
    def done(self) -> bool:
        """Whether its last event has been put in the queue (it may not have been read yet)."""
        return self._finished is not None

    @property
    def result(self) -> TurnFinished | None:
        """The last event, once there is one."""
        return self._finished

    def poll(self) -> list[TurnEvent]:
        """Take what has happened since the last poll, without waiting."""
        with self._ready:
            events = list(self._events)
            self._events.clear()
        return events

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until there is an event to take; False when the time ran out."""
        with self._ready:
            return self._ready.wait_for(lambda: bool(self._events), timeout_s)

    def emit(self, *events: TurnEvent) -> None:
        """For the session: add events."""
        if not events:
            return
        from gptoss_chat.chat.events import TurnFinished

        with self._ready:
            self._events.extend(events)
            if isinstance(events[-1], TurnFinished):
                self._finished = events[-1]
            self._ready.notify_all()
