"""Token ids of one reply become reasoning, answer and tool calls; it knows nothing of the engine or the history."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from gptoss_chat.chat.events import AnswerDelta, ReasoningDelta, ToolCallDelta, TurnEvent
from gptoss_chat.harmony import (
    HarmonyEncoding,
    MessageEnded,
    MessageStarted,
    ParseEvent,
    StreamParser,
    TextDelta,
    visible_channel,
)
from gptoss_chat.history.values import ToolCall

BETWEEN_MESSAGES = "\n\n"  # of one answer: what is said before a tool call or the final message is its own paragraph


class Reply:
    """The text of a reply as it grows, cut at the first stop string.

    A stop string may be spread over several tokens: the longest tail of the answer that could be the beginning of one is held
    back until it is decided.
    """

    def __init__(self, encoding: HarmonyEncoding, stop: Sequence[str] = ()) -> None:
        self._parser = StreamParser(encoding)
        self._stop = tuple(text for text in stop if text)
        self._held = ""
        self._channel = "answer"
        self._recipient = ""
        self._arguments = ""
        self._result: str | None = None  # of the call before it, while it is read
        self._called = False  # the message before ended with a call: what follows, from its tool, is the result
        self._ended = False  # a message of the answer is over: the next one stands apart from it
        self.reasoning = ""
        self.answer = ""
        self.calls: list[ToolCall] = []
        self.stopped = False
        self.raw_ids: list[int] = []

    def feed(self, token_id: int) -> list[TurnEvent]:
        """Take one token; return what it added."""
        self.raw_ids.append(token_id)
        return self._take(self._parser.feed(token_id))

    @property
    def open_call(self) -> ToolCall | None:
        """The call whose arguments were the last thing written."""
        if self._channel != "tool" or not self._recipient:
            return None
        return ToolCall(self._recipient, self._arguments, None, len(self.answer), len(self.reasoning))

    def close(self) -> list[TurnEvent]:
        """The reply is over: return what was held back."""
        return [*self._take(self._parser.close()), *self._release()]

    def _release(self) -> list[TurnEvent]:
        held, self._held = self._held, ""
        if not held or self.stopped:
            return []
        self.answer += held
        return [AnswerDelta(held)]

    def _take(self, parsed: Sequence[ParseEvent]) -> list[TurnEvent]:
        events: list[TurnEvent] = []
        for event in parsed:
            match event:
                case MessageStarted():
                    self._channel = "tool" if event.recipient else visible_channel(event.channel)
                    self._recipient, self._arguments = event.recipient or "", ""
                    if self._called and event.role == self.calls[-1].name:
                        # A call ends what a model can write: only its tool speaks next, never the model in its name.
                        self._result = ""
                    self._called = False
                case TextDelta(text=text):
                    events.extend(self._text(text))
                case MessageEnded():
                    if self._result is not None:
                        self.calls[-1] = dataclasses.replace(self.calls[-1], result=self._result)
                        self._result = None
                    elif (call := self.open_call) is not None:
                        self.calls.append(call)
                        self._called = event.end == "call"
                    elif self._channel == "answer":  # a preamble, when another message follows
                        events.extend(self._release())
                        self._ended = bool(self.answer)
                    self._channel, self._recipient = "answer", ""
        return events

    def _text(self, text: str) -> list[TurnEvent]:
        if self._result is not None:
            self._result += text
            return []
        if self._channel == "reasoning":
            self.reasoning += text
            return [ReasoningDelta(text)]
        if self._channel == "tool":
            self._arguments += text
            return [ToolCallDelta(self._recipient, text)]
        if self.stopped:
            return []
        if self._ended:
            self._ended = False
            text = BETWEEN_MESSAGES + text
        text = self._held + text
        self._held = ""
        cut = min((at for at in (text.find(stop) for stop in self._stop) if at >= 0), default=-1)
        if cut >= 0:
            self.stopped = True
            text = text[:cut]
        elif self._stop:
            held = max(_overlap(text, stop) for stop in self._stop)
            text, self._held = text[: len(text) - held], text[len(text) - held :]
        if not text:
            return []
        self.answer += text
        return [AnswerDelta(text)]


def _overlap(text: str, stop: str) -> int:
    """The length of the longest tail of `text` that is a proper beginning of `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
