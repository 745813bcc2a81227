"""Streams of token ids for the parser, and what it made of them; knows nothing of real vocabularies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gptoss_chat.harmony import (
    HarmonyEncoding,
    MessageEnded,
    MessageStarted,
    ParseEvent,
    Special,
    StreamParser,
    TextDelta,
)

_CONTROL = re.compile("|".join(re.escape(name) for name in Special))


def ids_of(encoding: HarmonyEncoding, written: str) -> list[int]:
    """The ids of a stream written as text, in which control tokens are control tokens."""
    ids: list[int] = []
    at = 0
    for control in _CONTROL.finditer(written):
        ids += [*encoding.encode_text(written[at : control.start()]), encoding.special(control[0])]
        at = control.end()
    return ids + encoding.encode_text(written[at:])


def parse(encoding: HarmonyEncoding, ids: Iterable[int]) -> list[ParseEvent]:
    """All events of a reply, neighbouring text deltas joined; checks that they come in an order that makes sense."""
    parser = StreamParser(encoding)
    events = [event for token_id in ids for event in parser.feed(token_id)] + parser.close()
    assert parser.close() == []
    merged: list[ParseEvent] = []
    is_open = False
    for event in events:
        last = merged[-1] if merged else None
        match event:
            case MessageStarted():
                assert not is_open
                is_open = True
            case TextDelta(text):
                assert is_open
                assert text
                if isinstance(last, TextDelta):
                    merged.pop()
                    event = TextDelta(last.text + text)
            case MessageEnded():
                assert is_open
                is_open = False
        merged.append(event)
    assert not is_open
    return merged


def brief(events: Sequence[ParseEvent]) -> list[tuple[str, str | None, str, str]]:
    """Each message as (channel, recipient, text, end)."""
    rows: list[tuple[str, str | None, str, str]] = []
    for event in events:
        match event:
            case MessageStarted(channel=channel, recipient=recipient):
                rows.append((channel, recipient, "", ""))
            case TextDelta(text):
                rows[-1] = (*rows[-1][:2], text, "")
            case MessageEnded(end):
                rows[-1] = (*rows[-1][:3], end)
    return rows


def all_text(events: Sequence[ParseEvent]) -> str:
    """Everything that was passed on: header texts and message texts, in order."""
    return "".join(
        event.header if isinstance(event, MessageStarted) else event.text
        for event in events
        if not isinstance(event, MessageEnded)
    )
