"""Replies that are being written, folded from their turns' events; it knows nothing of widgets.

A reply outlives the screen's attention: a person may read another conversation while it is being written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from gptoss_chat.chat.turn import Turn

if TYPE_CHECKING:  # the first frame does not wait for what a turn tells
    from gptoss_chat.chat.events import Prefilling, Routed, ToolUse, TurnEvent, TurnFinished

RATE_WINDOW_S = 2.0


@dataclass(frozen=True, slots=True)
class Progress:
    """What one poll brought."""

    answer: str = ""
    reasoning: str = ""
    routed: tuple[Routed, ...] = ()
    finished: TurnFinished | None = None
    notices: tuple[str, ...] = ()


@dataclass(slots=True)
class LiveReply:
    """One reply: its text so far, its times, and its last event once there is one. Times are `clock` seconds."""

    turn: Turn
    clock: Callable[[], float]
    answer: str = ""
    reasoning: str = ""
    prefill: Prefilling | None = None
    tokens: int = 0
    stopping: bool = False
    finished: TurnFinished | None = None
    calls: dict[int, ToolUse] = field(default_factory=dict)  # of tools, by number, each as it was last told
    _reasoning_from_s: float | None = None
    _reasoning_to_s: float | None = None
    _token_times_s: deque[float] = field(default_factory=deque)

    @property
    def node_id(self) -> str:
        """The reply's row in the history."""
        return self.turn.reply_node_id

    @property
    def begun(self) -> bool:
        """Whether the model has turned to it."""
        return self.prefill is not None or self.tokens > 0

    @property
    def started(self) -> bool:
        """Whether a token has been written."""
        return self.tokens > 0

    @property
    def reasoning_s(self) -> float | None:
        """How long the reasoning has taken; None before it began."""
        if self._reasoning_from_s is None:
            return None
        return (self.clock() if self._reasoning_to_s is None else self._reasoning_to_s) - self._reasoning_from_s

    @property
    def tokens_per_s(self) -> float:
        """Tokens a second as the reader sees them, over the last seconds while writing and over the whole answer afterwards.

        Of two answers that are written at the same time each is shown with its own half: it is no speed of the model.
        """
        if self.finished is not None:
            return self.finished.usage.tokens_per_s if self.finished.usage else 0.0
        times_s = self._token_times_s
        span_s = times_s[-1] - times_s[0] if times_s else 0.0
        return (len(times_s) - 1) / span_s if span_s > 0 else 0.0

    def poll(self) -> Progress:
        """Take what the turn has to tell."""
        return self.take(self.turn.poll())

    def take(self, events: Iterable[TurnEvent]) -> Progress:
        """Fold `events` in and return what they added."""
        from gptoss_chat.chat.events import (
            AnswerDelta,
            Prefilling,
            ReasoningDelta,
            Routed,
            ToolCallDelta,
            ToolNotice,
            ToolUse,
            TurnFinished,
        )

        answer: list[str] = []
        reasoning: list[str] = []
        routed: list[Routed] = []
        notices: list[str] = []
        for event in events:
            match event:
                case Prefilling():
                    self.prefill = event
                case ReasoningDelta(text=text):
                    if self._reasoning_from_s is None:
                        self._reasoning_from_s = self.clock()
                    self._reasoning_to_s = None
                    reasoning.append(text)
                case AnswerDelta(text=text):
                    self._end_reasoning()
                    answer.append(text)
                case ToolCallDelta():
                    self._end_reasoning()
                case ToolUse():
                    self.calls[event.number] = event
                case ToolNotice(text=text):
                    notices.append(text)
                case Routed():
                    self._count_token()
                    routed.append(event)
                case TurnFinished():
                    self._end_reasoning()
                    self.finished = event
                case _:
                    assert_never(event)
        progress = Progress("".join(answer), "".join(reasoning), tuple(routed), self.finished, tuple(notices))
        self.answer += progress.answer
        self.reasoning += progress.reasoning
        return progress

    def _count_token(self) -> None:
        now_s = self.clock()
        self.tokens += 1
        self._token_times_s.append(now_s)
        while now_s - self._token_times_s[0] > RATE_WINDOW_S:
            self._token_times_s.popleft()

    def _end_reasoning(self) -> None:
        if self._reasoning_from_s is not None and self._reasoning_to_s is None:
            self._reasoning_to_s = self.clock()


class LiveReplies:
    """All replies being written, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._replies: list[LiveReply] = []
        self._failed: dict[str, LiveReply] = {}
        self._last: dict[str, LiveReply] = {}  # of each conversation: a thousand finished ones are not kept

    def add(self, reply: LiveReply) -> None:
        """Follow a reply until its last event."""
        self._replies.append(reply)

    def poll(self) -> list[tuple[LiveReply, Progress]]:
        """What every reply has to tell; finished ones are told once."""
        told = [(reply, reply.poll()) for reply in self._replies]
        for reply, progress in told:
            if progress.finished is not None:
                self._last[reply.turn.conversation_id] = reply
                if progress.finished.error is not None:
                    self._failed[reply.node_id] = reply
        self._replies = [reply for reply in self._replies if reply.finished is None]
        return told

    def of(self, conversation_id: str | None) -> list[LiveReply]:
        """Those of one conversation, oldest first."""
        return [reply for reply in self._replies if reply.turn.conversation_id == conversation_id]

    def by_node(self, node_id: str) -> LiveReply | None:
        """The reply of that row, if it is being written."""
        return next((reply for reply in self._replies if reply.node_id == node_id), None)

    def past(self, node_id: str) -> LiveReply | None:
        """The finished reply of that row, for what its row does not tell; only the last of each conversation, and failed ones."""
        last = next((reply for reply in self._last.values() if reply.node_id == node_id), None)
        return last or self._failed.get(node_id)

    def last_of(self, conversation_id: str) -> LiveReply | None:
        """The reply of a conversation that finished last, since the start."""
        return self._last.get(conversation_id)

    @property
    def calls(self) -> list[tuple[LiveReply, ToolUse]]:
        """The tool calls of all of them, each as it was last told."""
        return [(reply, call) for reply in self._replies for call in reply.calls.values()]

    @property
    def first(self) -> LiveReply | None:
        """The reply that the model is writing, or will write next."""
        return self._replies[0] if self._replies else None

    @property
    def conversation_ids(self) -> frozenset[str]:
        """Conversations in which something is being written."""
        return frozenset(reply.turn.conversation_id for reply in self._replies)
