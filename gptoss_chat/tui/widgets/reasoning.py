"""The analysis of a reply, folded to one line with its length and time; it knows nothing of turns."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from gptoss_chat.tui.plain import visible_lines

PIECE_CHARACTERS = 2_000  # a long analysis is many widgets of this size, so that only the last one is laid out again


class Reasoning(Vertical):
    """A line that unfolds. Hidden while there is no reasoning."""

    def __init__(self, text: str, elapsed_s: float | None, *, unfolded: bool) -> None:
        super().__init__(classes="reasoning")
        self._text = visible_lines(text)
        self._elapsed_s = elapsed_s
        self._unfolded = unfolded
        self._shown = 0  # characters that are in closed pieces
        # Held, not looked up: text may come, and end, before it is composed.
        self._fold = Static("", classes="fold", markup=False)
        self._body = Vertical(classes="body")

    def compose(self) -> ComposeResult:
        """The line and the body, filled when unfolded."""
        yield self._fold
        yield self._body

    def on_mount(self) -> None:
        """Draw it."""
        self._show()

    @property
    def unfolded(self) -> bool:
        """Whether the text is shown."""
        return self._unfolded

    @unfolded.setter
    def unfolded(self, unfolded: bool) -> None:
        self._unfolded = unfolded
        self._show()

    def on_click(self, event: events.Click) -> None:
        """A click on the line folds or unfolds; a click in the text does nothing, so that it can be selected."""
        if event.widget is self._fold:
            event.stop()
            self.unfolded = not self._unfolded

    def feed(self, text: str) -> None:
        """More of it."""
        self._text += visible_lines(text)
        self._show()

    def elapsed(self, elapsed_s: float | None) -> None:
        """The time it has taken so far, in seconds."""
        if elapsed_s != self._elapsed_s:
            self._elapsed_s = elapsed_s
            self._show_line()

    def set_text(self, text: str, elapsed_s: float | None) -> None:
        """Make `text` the whole of it."""
        self._elapsed_s = elapsed_s
        if self._text != (text := visible_lines(text)):
            self._text = text
            self._shown = 0
            self._body.remove_children()
        self._show()

    def line(self) -> str:
        """What the folded line says."""
        words = f"Reasoning · {len(self._text):,} characters"
        return words if self._elapsed_s is None else f"{words} · {self._elapsed_s:.1f} s"

    def _show(self) -> None:
        self.display = bool(self._text)
        self._body.display = self._unfolded
        self._show_line()
        if self._unfolded and self._text and self._body.is_attached:
            self._show_body()

    def _show_line(self) -> None:
        self._fold.update(Content(f"{'▾' if self._unfolded else '▸'} {self.line()}"))

    def _show_body(self) -> None:
        body = self._body
        last = body.children[-1] if body.children else None
        while True:
            rest = self._text[self._shown :]
            cut = rest.rfind("\n", 0, PIECE_CHARACTERS) if len(rest) > PIECE_CHARACTERS else -1
            piece = Content(rest if cut < 0 else rest[:cut])
            if isinstance(last, Static):
                last.update(piece)
            else:
                body.mount(Static(piece, markup=False))
            if cut < 0:
                return
            self._shown += cut + 1
            last = Static("", markup=False)
            body.mount(last)
