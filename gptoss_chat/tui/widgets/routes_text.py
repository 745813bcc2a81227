"""The text of stored tokens with a cursor that walks them; it knows tokens and marks, nothing of experts.

Legend: T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from gptoss_chat.text import printable

NO_TEXT = "·"  # of a token whose character is completed by a later one
LINE_END = "↵"


@dataclass(frozen=True, slots=True)
class Piece:
    """A token, or as much of it as a line holds, from column x on."""

    token: int
    x: int
    text: str
    width: int


def wrap(texts: Sequence[str], width: int) -> list[list[Piece]]:
    """Lines of at most `width` columns; a line feed is shown and ends its line."""
    lines: list[list[Piece]] = [[]]
    x = 0
    known: dict[str, list[tuple[str, int, bool]]] = {}
    for token, text in enumerate(texts):
        parts = known.get(text)
        if parts is None:
            parts = known[text] = _parts(text, width)
        for shown, across, ends in parts:
            if x + across > width and x:
                lines.append([])
                x = 0
            lines[-1].append(Piece(token, x, shown, across))
            x += across
            if ends:
                lines.append([])
                x = 0
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    return lines


class TokenText(ScrollView, can_focus=True):
    """The tokens as running text. Keys and clicks move the cursor; marks colour the tokens."""

    BINDINGS = [  # noqa: RUF012 - the toolkit's own form
        Binding("left", "step(-1)", "Token before", show=False),
        Binding("right", "step(1)", "Token after", show=False),
        Binding("up", "line(-1)", "Line before", show=False),
        Binding("down", "line(1)", "Line after", show=False),
        Binding("pageup", "page(-1)", "Page before", show=False),
        Binding("pagedown", "page(1)", "Page after", show=False),
        Binding("home", "end(-1)", "First token", show=False),
        Binding("end", "end(1)", "Last token", show=False),
    ]

    @dataclass
    class Moved(Message):
        """The cursor is on another token."""

        token: int

    def __init__(self) -> None:
        super().__init__(id="routes-text")
        self.cursor = 0
        self._texts: Sequence[str] = ()
        self._styles: Sequence[Style] = ()
        self._marks_T = np.zeros(0, np.int64)
        self._lines: list[list[Piece]] = []
        self._first_line_T = np.zeros(0, np.int64)
        self._wrapped_for = -1
        self._base: Style | None = None

    def show(self, texts: Sequence[str], cursor: int) -> None:
        """Show other tokens, unmarked, with the cursor on one of them."""
        self._texts, self.cursor = texts, cursor
        self._marks_T, self._styles = np.zeros(len(texts), np.int64), (Style(),)
        self._wrapped_for = -1
        self._wrap()
        self._keep_in_view()

    def mark(self, marks_T: np.ndarray, styles: Sequence[Style]) -> None:
        """Show every token in the style that its mark, an index in `styles`, says."""
        self._marks_T, self._styles = marks_T, styles
        self.refresh()

    def move(self, token: int) -> None:
        """Put the cursor on a token, or on the nearest that there is."""
        token = max(0, min(len(self._texts) - 1, token))
        if self._texts and token != self.cursor:
            self.cursor = token
            self._keep_in_view()
            self.post_message(self.Moved(token))

    def on_resize(self) -> None:
        """Wrap anew."""
        self._wrap()
        self._keep_in_view()

    def _wrap(self) -> None:
        width = max(8, self.scrollable_content_region.width or 80)
        if width != self._wrapped_for:
            self._wrapped_for = width
            self._lines = wrap(self._texts, width)
            self._first_line_T = np.zeros(len(self._texts), np.int64)
            for y in range(len(self._lines) - 1, -1, -1):
                for piece in self._lines[y]:
                    self._first_line_T[piece.token] = y
            self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    def _keep_in_view(self) -> None:
        if not len(self._first_line_T):
            return
        y, height = int(self._first_line_T[self.cursor]), max(1, self.scrollable_content_region.height)
        top = round(self.scroll_offset.y)
        if not top <= y < top + height:
            self.scroll_to(y=max(0, y - height // 2), animate=False, force=True)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row of the text."""
        if y == 0 or self._base is None:
            self._base = self.rich_style  # slow to make, and the same for all rows
        base, width = self._base, self.size.width
        place = y + round(self.scroll_offset.y)
        if place >= len(self._lines):
            return Strip.blank(width, base)
        segments = []
        for piece in self._lines[place]:
            style = base + self._styles[int(self._marks_T[piece.token])]
            segments.append(
                Segment(piece.text, style + Style(reverse=True, bold=True) if piece.token == self.cursor else style)
            )
        return Strip(segments).adjust_cell_length(width, base)

    def token_at(self, x: int, y: int) -> int | None:
        """The token at a place of the widget's content, or the last one before it on its line."""
        place = y + round(self.scroll_offset.y)
        line = self._lines[place] if 0 <= place < len(self._lines) else []
        return next((piece.token for piece in reversed(line) if piece.x <= x), None)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there."""
        offset = event.get_content_offset(self)
        token = self.token_at(offset.x, offset.y) if offset is not None else None
        if token is not None:
            event.stop()
            self.move(token)

    def action_step(self, step: int) -> None:
        """To a neighbour."""
        self.move(self.cursor + step)

    def action_line(self, step: int) -> None:
        """To the token above or below."""
        if not self._texts:
            return
        y = int(self._first_line_T[self.cursor])
        x = next(piece.x for piece in self._lines[y] if piece.token == self.cursor)
        line = self._lines[max(0, min(len(self._lines) - 1, y + step))]
        self.move(next(piece.token for piece in reversed(line) if piece.x <= x))

    def action_page(self, step: int) -> None:
        """A page on or back."""
        self.action_line(step * max(1, self.scrollable_content_region.height - 1))

    def action_end(self, step: int) -> None:
        """To the first or the last token."""
        self.move(len(self._texts) if step > 0 else 0)


def _parts(text: str, width: int) -> list[tuple[str, int, bool]]:
    """What is shown of a token, cut to the width: (text, columns, ends the line)."""
    parts: list[tuple[str, int, bool]] = []
    pieces = printable(text).expandtabs(4).split("\n") if text else [NO_TEXT]
    for at, piece in enumerate(pieces):
        ends = at < len(pieces) - 1
        rest = piece + LINE_END if ends else piece
        while rest:
            taken = rest if cell_len(rest) <= width else _head(rest, width)
            rest = rest[len(taken) :]
            parts.append((taken, cell_len(taken), ends and not rest))
    return parts


def _head(text: str, width: int) -> str:
    """As much of the beginning as `width` columns hold, and at least one character."""
    taken = ""
    for character in text:
        if taken and cell_len(taken + character) > width:
            break
        taken += character
    return taken
