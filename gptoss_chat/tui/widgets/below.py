"""Says that there is something new below what is read; it knows nothing of what."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import Static

from gptoss_chat.tui.key_map import key_of


class NewBelow(Static):
    """A line under the transcript; a click goes there."""

    class Wanted(Message):
        """It was clicked."""

    def __init__(self) -> None:
        super().__init__("", id="below", markup=False)
        self.display = False

    def on_mount(self) -> None:
        """Name its key."""
        self.update(f"↓ new below · {key_of(self.app, 'to_bottom')}")

    def on_click(self, event: events.Click) -> None:
        """A click."""
        event.stop()
        self.post_message(self.Wanted())
