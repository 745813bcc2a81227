"""The line above a message: who wrote it, which version it is, and what can be done with it; it knows no history."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message as Event
from textual.reactive import reactive
from textual.widget import Widget

from gptoss_chat.tui.plain import visible
from gptoss_chat.tui.reading import Entry


@dataclass
class VersionWanted(Event):
    """A version arrow was clicked: `step` is -1 or 1."""

    node_id: str
    step: int


@dataclass
class EditWanted(Event):
    """`edit` was clicked."""

    node_id: str


@dataclass
class CopyWanted(Event):
    """`copy` was clicked."""

    node_id: str


class Heading(Widget):
    """`You                ‹ 2/3 ›  edit  copy`: the versions always, what can be clicked while the message is lit."""

    lit: reactive[bool] = reactive(False)

    def __init__(self, entry: Entry) -> None:
        super().__init__(classes="role")
        self._entry = entry
        self._label = Content("You" if entry.role == "user" else visible(entry.model or "assistant"))

    def render(self) -> Content:
        """The line in the present width."""
        right = Content("").join([text for text, _ in self._right()])
        label = self._label.truncate(max(0, self.size.width - right.cell_length - 1), ellipsis=True)
        space = self.size.width - label.cell_length - right.cell_length
        return Content.assemble(label, " " * max(0, space), right)

    def _right(self) -> list[tuple[Content, Event | None]]:
        """Pieces from left to right, each with what a click on it asks for."""
        entry = self._entry
        pieces: list[tuple[Content, Event | None]] = []
        if entry.versions > 1:
            number = Content.styled(f" {entry.version}/{entry.versions} ", "not bold $text-muted")
            pieces += [
                (Content.styled("‹", "bold $primary"), VersionWanted(entry.node_id, -1)),
                (number, None),
                (Content.styled("›", "bold $primary"), VersionWanted(entry.node_id, 1)),
            ]
        if self.lit:
            for word, wanted in (("edit", EditWanted(entry.node_id)), ("copy", CopyWanted(entry.node_id))):
                if entry.role == "user" or word == "copy":
                    pieces += [(Content("  "), None), (Content.styled(word, "not bold underline $text-muted"), wanted)]
        return pieces

    def on_click(self, event: events.Click) -> None:
        """Ask for what lies under the click; the arrows are wider than they look."""
        pieces = self._right()
        at = self.size.width - sum(text.cell_length for text, _ in pieces)
        for text, wanted in pieces:
            slack = 1 if isinstance(wanted, VersionWanted) else 0
            if wanted is not None and at - slack <= event.x < at + text.cell_length + slack:
                event.stop()
                self.post_message(wanted)
                return
            at += text.cell_length
