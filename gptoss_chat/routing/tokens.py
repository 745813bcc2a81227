"""What a token id of a harmony stream is: its text and the channel it stands in; it knows nothing of routing.

Legend: T tokens.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gptoss_chat.harmony import HarmonyEncoding, MessageEnded, MessageStarted, Special, StreamParser
from gptoss_chat.text import printable

# The place of a name is its code. `control` is control tokens and header text, `text` is what has no harmony around it.
CHANNELS: Final = ("control", "system", "user", "analysis", "commentary", "final", "tool", "other", "text")
CONTROL, TEXT = CHANNELS.index("control"), CHANNELS.index("text")


def channels_of(encoding: HarmonyEncoding, token_ids_T: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The channel code (uint8 [T]) of every token of a stream that begins at `<|start|>` or inside a header.

    Malformed headers are read as the chat reads them. Only control tokens and headers go through the parser: inside a
    message every token up to the next control token stands in its channel.
    """
    controls = np.array([encoding.special(name) for name in Special])
    places = np.flatnonzero(np.isin(token_ids_T, controls))
    channels_T = np.full(len(token_ids_T), CONTROL, np.uint8)
    parser = StreamParser(encoding)
    inside: int | None = None  # the channel of the message that is open
    at = 0
    while at < len(token_ids_T):
        following = np.searchsorted(places, at)
        next_control = int(places[following]) if following < len(places) else len(token_ids_T)
        if inside is not None and at < next_control:
            channels_T[at:next_control] = inside
            at = next_control
            continue
        for event in parser.feed(int(token_ids_T[at])):
            if isinstance(event, MessageStarted):
                inside = _channel(event)
            elif isinstance(event, MessageEnded):
                inside = None
        if inside is not None and at < next_control:  # text where a header should be: the message began with it
            channels_T[at] = inside
        at += 1
    return channels_T


def reply_places(encoding: HarmonyEncoding, token_ids_T: NDArray[np.uint32]) -> NDArray[np.int32]:
    """The place of every token among those of a turn's reply, int32 [T]; -1 for tokens of its prompt.

    The stream begins with the message that is answered. After it stands `<|start|>assistant`, and then the reply.
    """
    places_T = np.full(len(token_ids_T), -1, np.int32)
    starts = np.flatnonzero(token_ids_T == encoding.special(Special.START))
    if len(starts) > 1:
        first = int(starts[1]) + 1 + len(encoding.encode_text("assistant"))
        places_T[first:] = np.arange(len(token_ids_T) - first)
    return places_T


def texts_of(encoding: HarmonyEncoding, token_ids: Iterable[int]) -> tuple[str, ...]:
    """The text of every token; joined, they are the text of all.

    A character whose bytes are spread over several tokens stands with the last of them, and the others are empty.
    """
    known: dict[int, bytes] = {}
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    texts: list[str] = []
    for token_id in token_ids:
        data = known.get(token_id)
        if data is None:
            data = known[token_id] = encoding.decode_bytes((token_id,))
        texts.append(decoder.decode(data))
    if texts:
        texts[-1] += decoder.decode(b"", final=True)
    return tuple(texts)


def spelling(encoding: HarmonyEncoding | None, token_id: int) -> str:
    """A token by itself; bytes that are no character of their own as `\\xNN`, an id without a vocabulary as `<id>`."""
    if encoding is None:
        return f"<{token_id}>"
    return encoding.decode_bytes((token_id,)).decode("utf-8", errors="backslashreplace")


def spelling_of_text(text: str) -> str:
    """A token's text between quotes, on one line and safe to show; an empty one says what it is."""
    if not text:
        return "(part of a character)"
    return f"“{printable(text).replace(chr(10), '↵')}”"


def _channel(message: MessageStarted) -> int:
    if message.role in ("system", "developer"):
        return CHANNELS.index("system")
    if message.role == "user":
        return CHANNELS.index("user")
    if message.role != "assistant" or message.recipient:
        return CHANNELS.index("tool")
    return CHANNELS.index(message.channel if message.is_known_channel else "other")
