"""Small questions over the chat: one line of text, or one of several texts; they know nothing of what it is for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from gptoss_chat.tui.completion import paths
from gptoss_chat.tui.key_map import take_key_of_opener, take_keys
from gptoss_chat.tui.keys import bindings
from gptoss_chat.tui.plain import visible
from gptoss_chat.tui.widgets.menu import Menu

SHOWN_CHARACTERS = 200


class LineScreen(ModalScreen[str | None]):
    """Asks for one line; Esc answers None."""

    BINDINGS = [Binding("escape", "dismiss", "Close", show=False)]  # noqa: RUF012 - the toolkit's own form

    def __init__(self, question: str, text: str) -> None:
        super().__init__()
        self._question = question
        self._text = text

    def compose(self) -> ComposeResult:
        """The question and the line."""
        with Vertical(classes="box"):
            yield Static(self._question, markup=False)
            yield Input(visible(self._text), compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        self.dismiss(event.value.strip() or None)


class PathScreen(LineScreen):
    """Asks for a path; Tab completes it."""

    BINDINGS = [  # noqa: RUF012 - the toolkit's own form
        Binding("tab", "complete", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
    ]

    def __init__(self, question: str, text: str) -> None:
        super().__init__(question, text)
        self._menu = Menu()

    def compose(self) -> ComposeResult:
        """The question, the line, and what there is."""
        with Vertical(classes="box"):
            yield Static(f"{self._question} · Tab completes", markup=False)
            yield Input(visible(self._text), compact=True)
            yield self._menu

    @work(exclusive=True, group="complete")
    async def on_input_changed(self, event: Input.Changed) -> None:
        """Look what it could be."""
        event.stop()
        self._menu.show(await asyncio.to_thread(paths, event.value, spaces=True) if event.value else ())

    def action_complete(self) -> None:
        """Take what is chosen."""
        line, chosen = self.query_one(Input), self._menu.chosen
        if chosen is not None and line.cursor_position == len(line.value):
            line.value = line.value[: len(line.value) - chosen.replaces] + chosen.text
            line.cursor_position = len(line.value)

    def action_move(self, step: int) -> None:
        """Choose another."""
        self._menu.move(step)


class RecallScreen(ModalScreen[str | None]):
    """Searches texts as you type and answers the one chosen. `find` is called in a thread."""

    BINDINGS = [*bindings("recall")]  # noqa: RUF012 - the toolkit's own form

    def __init__(self, question: str, find: Callable[[str], Sequence[str]]) -> None:
        super().__init__()
        self._question = question
        self._find = find
        self._found: list[str] = []
        self._options = OptionList(markup=False)
        self._options.can_focus = False

    def compose(self) -> ComposeResult:
        """The search and what it found."""
        with Vertical(classes="box"):
            yield Static(self._question, markup=False)
            yield Input(placeholder="Type to search", compact=True)
            yield self._options

    def on_mount(self) -> None:
        """The keys that the person has chosen; all of the texts, to begin with."""
        take_keys(self, "recall")
        take_key_of_opener(self, "recall", "older")
        self._search("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search as you type."""
        event.stop()
        self._search(event.value)

    @work(exclusive=True, group="recall")
    async def _search(self, query: str) -> None:
        self._found = list(await asyncio.to_thread(self._find, query))
        lines = (" ".join(visible(text[:SHOWN_CHARACTERS]).split()) for text in self._found)
        self._options.set_options(Option(Content(line)) for line in lines)
        if self._found:
            self._options.highlighted = 0

    def action_older(self) -> None:
        """Down the list."""
        self._options.action_cursor_down()

    def action_newer(self) -> None:
        """Up the list."""
        self._options.action_cursor_up()

    def action_close_recall(self) -> None:
        """Take none."""
        self.dismiss(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter takes the one under the bar."""
        event.stop()
        self._answer(self._options.highlighted)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click."""
        event.stop()
        self._answer(event.option_index)

    def _answer(self, place: int | None) -> None:
        self.dismiss(self._found[place] if place is not None and place < len(self._found) else None)
