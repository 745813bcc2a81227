"""JSON objects read one after another out of a long text; it knows nothing of what they hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from gptoss_chat.errors import HistoryError

CHUNK_CHARS = 2**20
LONGEST_CHARS = 2**28  # of one object: far more than anybody ever wrote, less than a zip bomb can hold
HINT = "Give a file that `history export` wrote as JSON or JSON Lines, or ChatGPT's export."

_SPACE = re.compile(r"[ \t\n\r]*")
_LONGEST_TOKEN = 16  # chars of an escape or a literal that may be cut at the end of what was read


def json_objects(stream: TextIO) -> Iterator[dict[str, Any]]:
    """The objects that stand one after another in `stream`, or in arrays; only one is in memory at a time.

    Raises HistoryError, naming the place, where it is anything else.
    """
    window = _Window(stream)
    while char := window.next_char():
        if char == "[":
            yield from _elements(window)
        else:
            yield window.take_object()


def _elements(window: _Window) -> Iterator[dict[str, Any]]:
    window.at += 1
    if window.next_char() == "]":
        window.at += 1
        return
    while True:
        yield window.take_object()
        sign = window.next_char()
        window.at += 1
        if sign == "]":
            return
        if sign != ",":
            what = f"'{sign}' stands where a comma belongs" if sign else "it ends in the middle of a list"
            raise HistoryError(f"This is no JSON: {what}, at character {window.place()}.", HINT)


class _Window:
    """The piece of the text that is being looked at, from `at` on."""

    def __init__(self, stream: TextIO) -> None:
        self.at = 0
        self._stream = stream
        self._text = ""
        self._dropped = 0  # chars before the piece
        self._decode = json.JSONDecoder().raw_decode

    def place(self) -> int:
        """Where the window stands, in characters from the beginning."""
        return self._dropped + self.at

    def next_char(self) -> str:
        """The next character that is no space, which the window then stands at; empty at the end."""
        while True:
            space = _SPACE.match(self._text, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self._text):
                return self._text[self.at]
            if not self._read(CHUNK_CHARS):
                return ""

    def take_object(self) -> dict[str, Any]:
        """The object that begins at the next character."""
        if (char := self.next_char()) != "{":
            what = f"'{char}' stands where an object belongs" if char else "it ends where an object belongs"
            raise HistoryError(f"This is no list of conversations: {what}, at character {self.place()}.", HINT)
        while True:
            try:
                value: dict[str, Any]
                value, self.at = self._decode(self._text, self.at)
                return value
            except json.JSONDecodeError as error:
                # What was read may end within the object; reading twice as much each time keeps the sum of the work small.
                cut = error.msg.startswith("Unterminated") or error.pos + _LONGEST_TOKEN > len(self._text)
                begun = len(self._text) - self.at
                if begun > LONGEST_CHARS:
                    raise HistoryError(f"One object is longer than {LONGEST_CHARS:,} characters.", HINT) from error
                place = self._dropped + error.pos
                if not cut or not self._read(max(begun, CHUNK_CHARS)):
                    what = error.msg[0].lower() + error.msg[1:].removesuffix(" starting at")
                    ending = "; it seems to be cut off" if cut else ""
                    raise HistoryError(f"This is no JSON: {what} at character {place}{ending}.", HINT) from error
            except (ValueError, RecursionError) as error:  # a number of thousands of digits; thousands of levels
                raise HistoryError(f"This JSON can't be read: {error}, near character {self.place()}.", HINT) from error

    def _read(self, chars: int) -> bool:
        more = self._stream.read(chars)
        if more:
            self._dropped += self.at
            self._text, self.at = self._text[self.at :] + more, 0
        return bool(more)
