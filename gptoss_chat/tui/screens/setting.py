"""Asks for the value of one setting: a choice, or a text that is checked as it is typed; it knows no files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from rich.text import Text
from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.style import Style
from textual.widgets import OptionList, Static, TextArea
from textual.widgets.option_list import Option

from gptoss_chat.errors import GptossChatError
from gptoss_chat.tui.plain import error_text, visible, visible_in_place
from gptoss_chat.tui.widgets.prompt import NEW_LINE_KEYS


class ChoiceScreen(ModalScreen[str | None]):
    """Answers one of `choices`; Esc answers None. `preview` is told of each that the bar comes to."""

    BINDINGS = [Binding("escape", "dismiss", "Close", show=False)]  # noqa: RUF012 - the toolkit's own form

    def __init__(self, about: str, choices: Sequence[str], at: str, preview: Callable[[str], None]) -> None:
        super().__init__()
        self._about = about
        self._choices = choices
        self._at = choices.index(at) if at in choices else 0
        self._preview = preview

    def compose(self) -> ComposeResult:
        """What it is about, and the choices."""
        with Vertical(classes="box"):
            yield Static(Content(self._about))
            yield OptionList(*(Option(Content(visible(choice) or "(none)")) for choice in self._choices), markup=False)
            yield Static(_foot(("Enter takes it", ""), ("Esc leaves", "screen.dismiss")), classes="foot")

    def on_mount(self) -> None:
        """The one that holds."""
        self.query_one(OptionList).highlighted = self._at

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show what it would be like."""
        event.stop()
        self._preview(self._choices[event.option_index])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter, or a click."""
        event.stop()
        self.dismiss(self._choices[event.option_index])


class ValueArea(TextArea):
    """The text of a value; Enter is for the screen, Shift+Enter and Ctrl+J are new lines."""

    class Entered(Message):
        """Enter was pressed."""

    def get_line(self, line_index: int) -> Text:
        """A line as it is drawn: control characters are shown, never sent to the terminal."""
        line = super().get_line(line_index)
        line.plain = visible_in_place(self.document.get_line(line_index))
        return line

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter" or event.key in NEW_LINE_KEYS:
            event.stop()
            event.prevent_default()
            if event.key == "enter":
                self.post_message(self.Entered())
            else:
                self.insert("\n")
        else:
            await super()._on_key(event)


class ValueScreen(ModalScreen[str | None]):
    """Answers a text that `check` took; Esc answers None. `check` raises GptossChatError, and may read files: it has a thread."""

    BINDINGS = [Binding("escape", "dismiss", "Close", show=False)]  # noqa: RUF012 - the toolkit's own form

    def __init__(self, about: str, text: str, unset: str, check: Callable[[str], object]) -> None:
        super().__init__()
        self._about = about
        self._area = ValueArea(text, compact=True, soft_wrap=True, placeholder=unset, highlight_cursor_line=False)
        self._check = check
        self._wrong = Static("", classes="wrong", markup=False)

    def compose(self) -> ComposeResult:
        """What it is about, the text, and what is wrong with it."""
        with Vertical(classes="box"):
            yield Static(Content(self._about))
            yield self._area
            yield self._wrong
            yield Static(
                _foot(("Enter takes it", "screen.take"), ("empty: unset", ""), ("Esc leaves", "screen.dismiss")),
                classes="foot",
            )

    def on_mount(self) -> None:
        """Write behind what is there."""
        self._area.move_cursor(self._area.document.end)
        self._area.focus()

    @work(exclusive=True, group="check")
    async def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Say what is wrong with it by now."""
        await self._right(event.text_area.text)

    def on_value_area_entered(self) -> None:
        """Enter."""
        self.action_take()

    @work(exclusive=True, group="check")
    async def action_take(self) -> None:
        """Answer the text, if it can be taken."""
        text = self._area.text
        if await self._right(text):
            self.dismiss(text)

    async def _right(self, text: str) -> bool:
        wrong = ""
        try:
            await asyncio.to_thread(self._check, text)
        except GptossChatError as error:
            wrong = error_text(error)
        self._wrong.update(Content(wrong))
        return not wrong


def _foot(*parts: tuple[str, str]) -> Content:
    """What the keys do, to read and to click."""
    between = Content(" · ")
    return between.join(
        Content.styled(text, Style.from_meta({"@click": action})) if action else Content(text) for text, action in parts
    )
