"""Text of people, files and models made safe to show; it knows nothing of who shows it."""

from __future__ import annotations

# C0 controls have pictures in Unicode; the others that can move a cursor or turn text around are shown by number.
_PICTURES = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)} | {0x7F: "\u2421"}
_NUMBERED = [*range(0x80, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF]
_TABLE = _PICTURES | {code: f"<U+{code:04X}>" for code in _NUMBERED}


def printable(text: str) -> str:
    """`text` with every character that could drive a terminal shown instead of obeyed; tab and newline stay.

    Carriage return before a newline is dropped: it is a line ending, not a trick. Lone surrogates become U+FFFD.
    """
    text = text.replace("\r\n", "\n").translate(_TABLE)
    return text.encode("utf-8", errors="replace").decode("utf-8") if not text.isascii() else text
