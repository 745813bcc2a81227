"""The list of conversations; it knows titles, nothing of what they stand for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from gptoss_chat.tui.plain import visible
from gptoss_chat.tui.reading import Title


class ConversationList(Vertical):
    """Titles, newest first; a dot marks those in which an answer is being written."""

    @dataclass
    class Opened(Message):
        """A conversation was chosen."""

        conversation_id: str

    def __init__(self) -> None:
        super().__init__(id="conversations")
        self._shown: tuple[object, ...] = ()
        self._options = OptionList(markup=False)
        self._empty = Static("Nothing yet. What you ask is kept here.", classes="empty", markup=False)

    def compose(self) -> ComposeResult:
        """A heading and the list."""
        yield Static("Conversations", classes="heading", markup=False)
        yield self._options
        yield self._empty

    def show(self, titles: Sequence[Title], current: str | None, writing: Collection[str] = ()) -> None:
        """Show these titles; `current` is the open conversation."""
        shown = (tuple(titles), current, frozenset(writing))
        if shown == self._shown:
            return
        self._shown = shown
        options = self._options
        highlighted = options.highlighted_option.id if options.has_focus and options.highlighted_option else current
        options.set_options(Option(_line(title, current, writing), title.conversation_id) for title in titles)
        options.display = bool(titles)
        self._empty.display = not titles
        ids = [title.conversation_id for title in titles]
        if highlighted in ids:
            options.highlighted = ids.index(highlighted)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click."""
        event.stop()
        if event.option_id is not None:
            self.post_message(self.Opened(event.option_id))


def _line(title: Title, current_id: str | None, writing: Collection[str]) -> Content:
    current = title.conversation_id == current_id
    mark = "● " if title.conversation_id in writing else "▸ " if current else "  "
    text = visible(" ".join(title.text.split()))
    return Content.assemble((mark, "$accent"), (text, "bold" if current else ""))
