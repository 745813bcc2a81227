"""Text of unknown origin made safe to print; it knows nothing of terminals or widgets.

A model, a file or an old conversation may hold escape sequences that clear the screen, set the clipboard or reorder what is
read. They are shown, never obeyed.
"""

from __future__ import annotations

_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))  # embeddings, overrides and isolates: they reorder what is read


def _visible() -> dict[int, str]:
    table = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
    table[0x7F] = "␡"
    table.update({code: f"\\x{code:02x}" for code in range(0x80, 0xA0)})
    table.update({code: f"\\u{code:04x}" for code in _BIDI})
    table.update(dict.fromkeys(range(0xD800, 0xE000), "\ufffd"))  # lone surrogates can't be encoded
    return table


_VISIBLE = _visible()


def printable(text: str) -> str:
    r"""`text` with every control character made visible: ESC becomes ␛, C1 becomes \x9b, a bidi override \u202e.

    Line feeds and tabs stay, and a Windows line end becomes a line feed.
    """
    return text.replace("\r\n", "\n").translate(_VISIBLE)
