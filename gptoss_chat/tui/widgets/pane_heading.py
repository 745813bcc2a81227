"""The line above a pane: which conversation it shows, with which settings, and its buttons; it knows words only.

It is hidden while there is only one pane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from gptoss_chat.tui.plain import visible

TITLE_LEAST = 18  # cells that a long title keeps beside the settings
TITLE_LEAST_COMPARING = 6  # then the panes differ by their settings


@dataclass(frozen=True, slots=True)
class Head:
    """What the line says. `settings` are what this pane asks with, most telling first; `number` is as it is shown."""

    number: str = "1"
    title: str = ""
    settings: tuple[str, ...] = ()
    active: bool = True
    comparing: bool = False


class PaneHeading(Widget):
    """`▸ 1 Title        high effort   ⇉ compare   ×`: a click on a button does what its key does."""

    head: reactive[Head] = reactive(Head(), always_update=False)

    @dataclass
    class Clicked(Message):
        """A button was pressed."""

        what: Literal["compare", "close"]

    def __init__(self) -> None:
        super().__init__(classes="pane-heading")
        self.display = False

    def watch_head(self, head: Head) -> None:
        """The pane with the keys is told by its line too."""
        self.set_class(head.active, "-active")

    def render(self) -> Content:
        """The line in the present width; settings that do not fit are left out, the last ones first."""
        head, width = self.head, self.size.width
        left = Content(f"{'▸' if head.active else ' '} {head.number} {visible(head.title) or 'New conversation'}")
        settings = [visible(text) for text in head.settings]
        buttons = Content("").join([text for text, _ in self._buttons()])
        least = min(left.cell_length, TITLE_LEAST_COMPARING if head.comparing else TITLE_LEAST)

        def too_wide() -> bool:
            return least + sum(map(len, settings)) + 3 * len(settings) + buttons.cell_length > width

        if too_wide():
            settings = [text.removesuffix(" effort") for text in settings]
        while settings and too_wide():
            settings.pop()
        right = Content.assemble(("".join(f" · {text}" for text in settings), "not bold"), buttons)
        left = left.truncate(max(0, width - right.cell_length), ellipsis=True)
        return Content.assemble(left, " " * max(0, width - left.cell_length - right.cell_length), right)

    def _buttons(self) -> list[tuple[Content, Literal["compare", "close"] | None]]:
        compare = ("  ⇉ comparing", "bold reverse") if self.head.comparing else ("  ⇉ compare", "not bold")
        return [(Content.assemble(compare), "compare"), (Content.styled("  ×", "bold"), "close"), (Content(" "), None)]

    def on_click(self, event: events.Click) -> None:
        """Ask for what lies under the click."""
        buttons, place = self._buttons(), event.get_content_offset(self)
        at = self.size.width - sum(text.cell_length for text, _ in buttons)
        for text, what in buttons:
            if what is not None and place is not None and at <= place.x < at + text.cell_length:
                event.stop()
                self.post_message(self.Clicked(what))
                return
            at += text.cell_length
