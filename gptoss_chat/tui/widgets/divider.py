"""The line between two panes, which the mouse can drag; it knows no panes."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget


class Divider(Widget):
    """One cell thick, along the longer side of its room."""

    @dataclass
    class Dragged(Message):
        """It was drawn `cells` on from where it stands: right or down, or left or up where negative."""

        divider: Divider
        cells: int

    def __init__(self) -> None:
        super().__init__(classes="divider")
        self._held = False

    def render_line(self, y: int) -> Strip:
        """A line without ends."""
        text = "│" if self.size.height > self.size.width else "─" * self.size.width
        return Strip(self.render_str(text).render_segments(self.visual_style))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take it."""
        event.stop()
        self._held = True
        self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Draw it along."""
        cells = event.x if self.size.height > self.size.width else event.y
        if self._held and cells:
            self.post_message(self.Dragged(self, cells))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let it go."""
        self._held = False
        self.release_mouse()
