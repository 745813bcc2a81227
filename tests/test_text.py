"""Text of unknown origin can't drive the terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gptoss_chat.text import printable


def test_escape_sequences_are_shown() -> None:
    """Colours, clipboard writes and C1 controls become visible characters."""
    shown = printable("a\x1b]52;c;aGk=\x07b\x9b2Jc\x7f")
    assert shown.startswith("a␛]52;c;aGk=␇b")
    assert not {"\x1b", "\x07", "\x9b", "\x7f"} & set(shown)


def test_line_ends_and_tabs_stay() -> None:
    """Ordinary text is unchanged, a Windows line end becomes a plain one, a lone return can't overwrite a line."""
    assert printable("ünï\tcode\n👍🏽 שלום") == "ünï\tcode\n👍🏽 שלום"
    assert printable("a\r\nb") == "a\nb"
    assert "\r" not in printable("safe\rfake")


@given(st.text(st.characters(codec=None)))
def test_result_holds_no_controls_and_can_be_written(text: str) -> None:
    """Whatever comes in, surrogates and bidi overrides included."""
    shown = printable(text)
    shown.encode("utf-8")
    codes = {ord(char) for char in shown}
    assert not codes & ({*range(0x20)} - {9, 10})
    assert not codes & {*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
