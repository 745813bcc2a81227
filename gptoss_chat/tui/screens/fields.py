"""A list of settings to look at and to change, one at a time; it knows fields and a desk, nothing of which settings these are."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from gptoss_chat.config.fields import Field
from gptoss_chat.config.values import Settings
from gptoss_chat.errors import GptossChatError
from gptoss_chat.model.route import parse_route
from gptoss_chat.tui.colours import THEMES, theme_name
from gptoss_chat.tui.desk import Desk
from gptoss_chat.tui.key_map import take_key_of_opener
from gptoss_chat.tui.models import ModelShelf
from gptoss_chat.tui.plain import error_text, visible
from gptoss_chat.tui.screens.setting import ChoiceScreen, ValueScreen

TYPED = "As typed"  # what an error of a value names as its place
FLAG = ("true", "false")


class FieldsScreen(ModalScreen[None]):
    """Enter or a click changes a line. `settings` are those of the desk, as they were last read."""

    BINDINGS = [Binding("escape,q", "dismiss", "Close", show=False)]  # noqa: RUF012 - the toolkit's own form

    def __init__(self, title: str, desk: Desk, settings: Settings, shelf: ModelShelf) -> None:
        super().__init__()
        self._title = title
        self.desk = desk
        self.settings = settings
        self._shelf = shelf
        self._list = OptionList(markup=False)
        self._about = Static("", id="about", markup=False)
        self._said = Static("", id="said", markup=False)

    @abstractmethod
    def rows(self) -> Sequence[Content]:
        """The lines."""

    @abstractmethod
    def words(self, place: int) -> str:
        """What the line at `place` is for."""

    @abstractmethod
    async def change(self, place: int) -> None:
        """Ask for what the line at `place` shall be, and see to it."""

    def compose(self) -> ComposeResult:
        """The list, what the line under the bar is, and what came of the last change."""
        with Vertical(classes="box", id="settings"):
            yield Static(Content(visible(self._title)))
            yield self._list
            yield self._about
            yield self._said

    def on_mount(self) -> None:
        """The values; the key that opened it closes it too."""
        take_key_of_opener(self, "settings", "dismiss")
        self._show(0)
        self._list.focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Say what it is."""
        event.stop()
        self._about.update(Content(visible(self.words(event.option_index))))

    @work(group="setting", exclusive=True)
    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter, or a click."""
        event.stop()
        await self.change(event.option_index)
        if self.is_attached:
            self._show(event.option_index)

    def _show(self, at: int) -> None:
        rows = self.rows()
        self._list.set_options(Option(row) for row in rows)
        self._list.highlighted = min(at, len(rows) - 1)

    async def ask(self, field: Field, value: Any, about: str) -> str | None:
        """What a person types or chooses for a setting, checked; None where they leave it."""
        choices, text = self._choices(field), shown(value)
        if choices:
            preview = self._preview if field.name == "theme" else _no_preview
            return await self.app.push_screen_wait(ChoiceScreen(visible(about), choices, text, preview))
        unset = field.unset or "as it comes"
        return await self.app.push_screen_wait(
            ValueScreen(visible(about), text, unset, lambda typed: self._look(field, typed))
        )

    async def write(self, change: Callable[..., None], *values: Any) -> bool:
        """Let the desk make a change, and read what the settings are then; False, and a sentence, where it can't."""
        try:
            await asyncio.to_thread(change, *values)
            self.settings = await asyncio.to_thread(self.desk.read)
        except GptossChatError as error:
            self._said.update(Content.styled(error_text(error), "$text-error"))
            return False
        return True

    def say(self, text: str) -> None:
        """Say what came of it."""
        self._said.update(Content(visible(text)))

    def _choices(self, field: Field) -> list[str]:
        """What it can be, where that is a closed list."""
        if field.name == "theme":
            set_, known = self.settings.theme, self.app.available_themes
            return [*THEMES, *([set_] if set_ not in THEMES and set_ in known else [])]
        if field.name == "preset":
            return ["", *(preset.name for preset in self.settings.presets)]
        return list(FLAG if field.kind == "flag" else field.choices)

    def _preview(self, theme: str) -> None:
        self.app.theme = theme_name(theme)

    def _look(self, field: Field, text: str) -> None:
        """Check what is typed, also by what takes a look at files. Raises GptossChatError."""
        value = checked(field, text)
        if value is not None and field.name == "model":
            self._shelf.find(value)
        if value is not None and field.name == "route":
            parse_route(value)


def row(name: str, value: Any) -> Content:
    """A line: a name, and what it is set to."""
    return Content.assemble(f"{name:<20}", (" ".join(visible(shown(value)).split()) or "–", "$accent"))


def checked(field: Field, text: str) -> Any:
    """The value; None for nothing, which is taken out of the file. Raises SettingsError."""
    return field.parse(text, TYPED) if text.strip() else None


def shown(value: Any) -> str:
    """A value as a person types it; nothing where it is unset."""
    if isinstance(value, bool):
        return FLAG[0] if value else FLAG[1]
    return "" if value is None else str(value)


def _no_preview(_: str) -> None:
    """Nothing to see."""
