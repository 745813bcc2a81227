"""Model text as Markdown: data that is shown, never obeyed. One widget, whatever the length; it knows nothing of turns."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from time import perf_counter, thread_time

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.geometry import Size
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions

from gptoss_chat.tui.markdown import Document, Laid, Look, Piece
from gptoss_chat.tui.plain import literally, visible_lines
from gptoss_chat.tui.widgets.growing import Growing

INLINE_STYLES = ("em", "strong", "s", "code", "link")
BLOCK_STYLES = ("h1", "h2", "h3", "bullet", "quote-bar", "rule", "fence", "info", "table-head", "table-line", "found")
NO_STYLE = RichStyle.null()
FRAME_S = 1 / 60
REST = 2.0
"""Text that arrives, and the frame that shows it, take one part in 1 + REST of the loop's time at most: keys come between."""


class Answer(Growing):
    """Markdown that grows. Only lines in view are drawn, and only the block that grows is parsed again."""

    COMPONENT_CLASSES = {*INLINE_STYLES, *BLOCK_STYLES}  # noqa: RUF012 - the toolkit's own form

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._document = Document(visible_lines(text))
        self._pending = ""
        self._due_s = 0.0
        self._drawing = False
        self._look: Look | None = None
        self._width = 0
        # Where each piece begins, and one more for the end: lines of the screen, lines as copied.
        self._tops = [0]
        self._copied_tops = [0]
        self._drawn: dict[int, Strip] = {}
        self._marked: re.Pattern[str] | None = None

    @property
    def source(self) -> str:
        """The Markdown that is drawn."""
        return self._document.source

    def feed(self, text: str) -> None:
        """Add text at the end, soon."""
        self._pending += text
        self._draw_soon()

    def set_text(self, text: str) -> None:
        """Make `text` the whole text; what is there already is not drawn again."""
        text = visible_lines(text)
        self._pending = ""
        if text.startswith(self.source):
            self._append(text[len(self.source) :])
        else:
            self._document = Document(text)
            self._measured(0)

    def lines_with(self, text: str) -> list[int]:
        """The line of the widget of each place that shows `text`, else that of the block whose source has it first; the
        letters' case does not matter."""
        look, width, found = self._now(), self._width, literally(text)
        lines: list[int] = []
        for top, piece in zip(self._tops, self._document.pieces, strict=False):
            for y, copied in enumerate(piece.copied(width, look)):
                laid = (
                    [(n, line) for n, line in enumerate(piece.laid(width, look)) if line.y == y]
                    if found.search(copied)
                    else []
                )
                for place in found.finditer(copied, piece.mark_length):
                    lines.append(
                        top + max(n for n, line in laid if n == 0 or line.x + piece.mark_length <= place.start())
                    )
        if not lines and (number := self._document.piece_with(text)) is not None:
            lines.append(self._tops[number])
        return lines

    def mark(self, text: str) -> None:
        """Light every place that shows `text`; none when it is empty."""
        self._marked = literally(text) if text else None
        self._drawn.clear()
        self.refresh()

    def _draw_soon(self) -> None:
        if self._pending and not self._drawing:
            self._drawing = True
            self.set_timer(max(FRAME_S, self._due_s - perf_counter()), self._draw)

    def _draw(self) -> None:
        # A carriage return may be half of a line break: it waits for its other half.
        held = "\r" if self._pending.endswith("\r") else ""
        text, self._pending = self._pending[: len(self._pending) - len(held)], held
        start_s = thread_time()
        self._append(visible_lines(text))
        self.call_after_refresh(self._rest, start_s)

    def _rest(self, start_s: float) -> None:
        self._due_s = perf_counter() + REST * (thread_time() - start_s)
        self._drawing = False
        self._draw_soon()

    def _append(self, text: str) -> None:
        self._measured(self._document.append(text))

    # Layout

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Lines at that width."""
        if not width:
            return 0
        if width != self._width:
            self._width = width
            self._measure(0)
        return self._tops[-1]

    def notify_style_update(self) -> None:
        """Another theme, or another background behind it."""
        super().notify_style_update()
        self._look = None
        self._drawn.clear()

    def selection_updated(self, selection: Selection | None) -> None:
        """Other lines are selected."""
        self._drawn.clear()
        super().selection_updated(selection)

    def _now(self) -> Look:
        """How it is drawn now."""
        base = self.visual_style
        if self._look is None or self._look.base != base:
            self._drawn.clear()
            self._look = Look(base, self.get_visual_style, RenderOptions(self._get_style, {}))
        return self._look

    def _measured(self, first: int) -> None:
        """Piece `first` and those after it are others now."""
        if self._width:
            height = self._tops[-1]
            self._measure(first)
            self.refresh(layout=self._tops[-1] != height)
        elif self.is_mounted:
            self.refresh(layout=True)

    def _measure(self, first: int) -> None:
        for y in [y for y in self._drawn if y >= self._tops[first]]:
            del self._drawn[y]
        look, width = self._now(), self._width
        pieces = self._document.pieces[first:]
        del self._tops[first + 1 :], self._copied_tops[first + 1 :]
        self._tops += list(accumulate((piece.height(width, look) for piece in pieces), initial=self._tops[-1]))[1:]
        copied = (piece.copied_height(width, look) for piece in pieces)
        self._copied_tops += list(accumulate(copied, initial=self._copied_tops[-1]))[1:]

    # Drawing

    def render_line(self, y: int) -> Strip:
        """Line `y`, with its places in the text for the mouse, and the selection."""
        if not 0 <= y < self._tops[-1]:
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        look = self._now()
        strip = self._drawn.get(y)
        if strip is None:
            number = bisect_right(self._tops, y) - 1
            piece = self._document.pieces[number]
            line = piece.laid(self._width, look)[y - self._tops[number]]
            strip = self._drawn[y] = self._placed(line, piece, self._copied_tops[number] + line.y)
        return strip

    def _placed(self, line: Laid, piece: Piece, y: int) -> Strip:
        end = line.lead + cell_len(line.text)
        lead, text, rest = line.strip.crop(0, line.lead), line.strip.crop(line.lead, end), line.strip.crop(end)
        start = piece.mark_length + line.x
        if self._marked is not None:
            found = self.get_visual_style("found").rich_style
            copied = piece.copied(self._width, self._now())[line.y]
            for place in self._marked.finditer(copied, piece.mark_length):
                text = _lit(text, line.text, place.start() - start, place.end() - start, found)
        if (selection := self.text_selection) is not None and (span := selection.get_span(y)) is not None:
            selected = Style.from_styles(self.screen.get_component_styles("screen--selection")).rich_style
            text = _lit(text, line.text, span[0] - start, len(line.text) if span[1] < 0 else span[1] - start, selected)
        # A click before the text is a click on what is copied for it.
        places = enumerate((segment.style or NO_STYLE, character) for segment in lead for character in segment.text)
        before = [Segment(character, style + _place(min(n, start), y)) for n, (style, character) in places]
        return Strip([*before, *text.apply_offsets(start, y), *rest], line.strip.cell_length)

    # Selection and links

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, with what is copied for bullets, quotes, headings and fences."""
        look = self._now()
        lines = [line for piece in self._document.pieces for line in piece.copied(self._width, look)]
        return selection.extract("\n".join(lines)), "\n\n"

    def action_link(self, href: str) -> None:
        """A link is told, and put on the clipboard; where to go is the reader's decision."""
        self.app.copy_to_clipboard(href)
        self.notify(visible_lines(href), title="Link copied", markup=False)


def _place(x: int, y: int) -> RichStyle:
    return RichStyle.from_meta({"offset": (x, y)})


def _lit(strip: Strip, text: str, first: int, last: int, style: RichStyle) -> Strip:
    """`strip`, which shows `text`, with `style` on the characters from `first` to before `last` that it has."""
    first, last = max(0, first), min(len(text), last)
    if first >= last:
        return strip
    left, right = cell_len(text[:first]), cell_len(text[:last])
    lit = [Segment(segment.text, (segment.style or NO_STYLE) + style) for segment in strip.crop(left, right)]
    return Strip([*strip.crop(0, left), *lit, *strip.crop(right)], strip.cell_length)
