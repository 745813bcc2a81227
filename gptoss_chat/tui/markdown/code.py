"""Code with its colours, a stretch of lines at a time, so that code that grows is not coloured anew; it knows no widgets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, String, _TokenType
from pygments.util import ClassNotFound
from textual.content import Content, Span
from textual.highlight import HighlightTheme

STRETCH = 40
"""Lines coloured in one go, unless a string or a comment goes on after them."""


def code_lines(code: str, language: str) -> Iterator[Content]:
    """The lines of `code`, coloured where Pygments knows the language."""
    lines = code.removesuffix("\n").split("\n")
    lexer = _lexer(language)
    if lexer is None:
        yield from map(Content, lines)
        return
    start, length = 0, STRETCH
    while start < len(lines):
        more = start + length < len(lines)
        coloured, cut = _coloured(language, "\n".join(lines[start : start + length]), more)
        if more and not cut:
            length *= 2
            continue
        yield from coloured[:cut] if more else coloured
        start, length = start + (cut if more else length), STRETCH


@lru_cache(maxsize=1024)
def _coloured(language: str, code: str, more: bool) -> tuple[list[Content], int]:
    """The lines with colours; where `more` follows, also how many of them another stretch can begin after: the last line
    that begins at the margin and outside strings and comments. 0 when there is none."""
    lexer = _lexer(language)
    assert lexer is not None
    spans: list[Span] = []
    inside = bytearray(len(code))  # 1 where a string or a comment is
    for start, kind, text in lexer.get_tokens_unprocessed(code):
        end = start + len(text)
        if style := _style(kind):
            spans.append(Span(start, end, style))
        if more and (kind in String or kind in Comment):
            inside[start:end] = b"\1" * (end - start)
    cut = 0
    if more:
        place = len(code)
        while cut == 0 and (place := code.rfind("\n", 0, place)) > 0:
            following = code[place + 1 : place + 2]
            if following and not following.isspace() and not inside[place]:
                cut = code.count("\n", 0, place + 1)
    return Content(code, spans).split("\n", allow_blank=True), cut


@lru_cache(maxsize=64)
def _lexer(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False) if language else None
    except ClassNotFound:
        return None


@lru_cache(maxsize=512)
def _style(kind: _TokenType) -> str:
    """The theme's style for that kind of token, or for the nearest kind above it."""
    while kind:
        if style := HighlightTheme.STYLES.get(kind):
            return style
        kind = kind.parent
    return ""
