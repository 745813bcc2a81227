"""Generated token ids become messages and text as they arrive; it knows nothing of how they are shown or stored.

Real models emit stray headers. This parser never raises and loses no text: any control token resynchronises it.
Generation starts after `<|start|>assistant`.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Literal

from gptoss_chat.harmony.encoding import HarmonyEncoding, Special
from gptoss_chat.harmony.header import KNOWN_CHANNELS, Header, HeaderFields

End = Literal["end", "return", "call", "implicit"]
Lane = Literal["reasoning", "answer", "tool"]


@dataclass(frozen=True, slots=True)
class MessageStarted:
    """A message begins. A header without a channel says "final", so that its text is seen.

    A channel that is none of analysis, commentary and final is passed on by its name (`is_known_channel` is False).
    header: all header text as it came, without control tokens.
    """

    channel: str
    recipient: str | None = None
    content_type: str | None = None
    role: str = "assistant"
    header: str = ""

    @property
    def is_known_channel(self) -> bool:
        """Whether the channel is one that the format names."""
        return self.channel in KNOWN_CHANNELS


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text (never empty) of the message that began last."""

    text: str


@dataclass(frozen=True, slots=True)
class MessageEnded:
    """The message is over: by its own token (`<|endoftext|>` counts as return), or because something else began."""

    end: End


ParseEvent = MessageStarted | TextDelta | MessageEnded


def visible_channel(channel: str, recipient: str | None = None) -> Lane:
    """Where a message is shown. Commentary to nobody is meant for the reader; so is, to be safe, an unknown channel."""
    if recipient:
        return "tool"
    return "reasoning" if channel == "analysis" else "answer"


class StreamParser:
    """Takes the ids of one reply, one at a time.

    For every message come MessageStarted, any number of TextDelta, MessageEnded. The texts of headers and deltas, in
    order, are all that the ids say except the control tokens themselves; bytes that are no UTF-8 read as U+FFFD.
    Reserved tokens and ids without a token are text: they read `<|reserved_N|>`.
    """

    def __init__(self, encoding: HarmonyEncoding) -> None:
        self._encoding = encoding
        self._controls = {encoding.special(name): name for name in Special}
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._header: Header | None = Header(after_role=True)  # None inside a message's text

    def feed(self, token_id: int) -> list[ParseEvent]:
        """Take one id; return what it brought."""
        control = self._controls.get(token_id)
        if control is None:
            return self._text(self._decoder.decode(self._encoding.decode_bytes((token_id,))))
        return self._flush() + self._control(control)

    def close(self) -> list[ParseEvent]:
        """The reply is over: return what was held back, and end what is open."""
        return self._flush() + self._end_open("implicit")

    def _flush(self) -> list[ParseEvent]:
        """Give out the bytes of a character that will never be whole."""
        return self._text(self._decoder.decode(b"", final=True))

    def _text(self, text: str) -> list[ParseEvent]:
        events: list[ParseEvent] = []
        if self._header is not None:
            taken = next((at for at, character in enumerate(text) if not self._header.push(character)), len(text))
            if taken == len(text):
                return events
            fields, held = self._header.cut_short(text[taken])
            self._header = None
            events.append(_started(fields))
            text = held + text[taken:]
        if text:
            events.append(TextDelta(text))
        return events

    def _control(self, control: Special) -> list[ParseEvent]:
        match control:
            case Special.START:
                events = self._end_open("implicit")
                self._header = Header(after_role=False)
                return events
            case Special.CHANNEL:
                events = self._end_open("implicit") if self._header is None else []
                self._header = self._header or Header(after_role=True)
                self._header.begin_part("channel")
                return events
            case Special.CONSTRAIN:
                if self._header is not None:
                    self._header.begin_part("constrain")
                return []
            case Special.MESSAGE:
                header, self._header = self._header, None
                return [] if header is None else [_started(header.complete())]
            case Special.END:
                return self._end_open("end")
            case Special.CALL:
                return self._end_open("call")
            case _:
                return self._end_open("return")

    def _end_open(self, end: End) -> list[ParseEvent]:
        """End the message that is open; a header that never got to its message becomes one. Then the next may begin."""
        header, self._header = self._header, Header(after_role=True)
        if header is None:
            return [MessageEnded(end)]
        if header.is_blank:
            return []
        fields, text = header.cut_short()
        return [_started(fields), *([TextDelta(text)] if text else []), MessageEnded(end)]


def _started(fields: HeaderFields) -> MessageStarted:
    return MessageStarted(fields.channel, fields.recipient, fields.content_type, fields.role, fields.text)
