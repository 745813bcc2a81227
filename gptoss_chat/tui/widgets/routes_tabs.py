"""The names of the routing screen's views, to click on; it knows nothing of what they show."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import Static

from gptoss_chat.tui.widgets.routes_views import View


class Tab(Static):
    """The name of a view; a click opens it."""

    class Chosen(Message):
        """It was clicked."""

        def __init__(self, view: View) -> None:
            super().__init__()
            self.view = view

    def __init__(self, number: int, view: View) -> None:
        super().__init__(f" {number} {view} ", markup=False, id=f"routes-tab-{view}", classes="routes-tab")
        self._view = view

    def on_click(self, event: events.Click) -> None:
        """Ask for the view."""
        event.stop()
        self.post_message(self.Chosen(self._view))
