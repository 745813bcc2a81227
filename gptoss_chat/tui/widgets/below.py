"""Says that there is something new below what is read; it knows nothing of what."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import Static


class NewBelow(Static):
    """A line under the transcript; a click goes there."""

    class Wanted(Message):
        """It was clicked."""

    def __init__(self) -> None:
        super().__init__("↓ new below · Ctrl+End", id="below", markup=False)
        self.display = False

    def on_click(self, event: events.Click) -> None:
        """A click."""
        event.stop()
        self.post_message(self.Wanted())
