"""Text as data on the screen: control characters become visible; it knows no widgets."""

from __future__ import annotations

import re

from gptoss_chat.errors import GptossChatError
from gptoss_chat.text import printable

# Everything that str.splitlines takes for a line break but Markdown does not.
_BREAKS: dict[int, str] = dict.fromkeys((0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029), "\n")
_ONE_FOR_ONE: dict[int, str] = {code: chr(0x2400 + code) for code in range(0x20)}
_ONE_FOR_ONE |= {0x09: " ", 0x7F: "␡"}
_ONE_FOR_ONE |= dict.fromkeys((*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "�")
_ONE_FOR_ONE |= dict.fromkeys(range(0xD800, 0xE000), "�")


def visible(text: str) -> str:
    """`text` with every control character but line feed and tab made visible."""
    return printable(text)


def visible_lines(text: str) -> str:
    """As `visible`, with every kind of line break as a line feed: the Markdown parser and str.splitlines then agree."""
    return printable(text.replace("\r\n", "\n").translate(_BREAKS))


def visible_in_place(line: str) -> str:
    """One character for one, so that a cursor's place in the text is its place on the screen."""
    return line.translate(_ONE_FOR_ONE)


def literally(text: str) -> re.Pattern[str]:
    """What finds `text` itself; the letters' case does not matter."""
    return re.compile(re.escape(text), re.IGNORECASE)


def error_text(error: Exception) -> str:
    """One sentence and its remedy; an error that is not ours is named, never dumped."""
    if isinstance(error, GptossChatError):
        return visible_lines(str(error))
    return visible_lines(f"Something went wrong ({type(error).__name__}: {error}). /regenerate tries again.")
