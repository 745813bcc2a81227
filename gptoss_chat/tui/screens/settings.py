"""Every setting with its value, and what changing it does; it knows a desk, nothing of files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from gptoss_chat.config.fields import FIELDS, Field
from gptoss_chat.config.values import Settings
from gptoss_chat.errors import GptossChatError
from gptoss_chat.model.route import parse_route
from gptoss_chat.tui.colours import THEMES, theme_name
from gptoss_chat.tui.desk import Desk
from gptoss_chat.tui.models import ModelShelf
from gptoss_chat.tui.plain import visible
from gptoss_chat.tui.screens.setting import ChoiceScreen, ValueScreen
from gptoss_chat.tui.widgets.message import error_text

Changed = Callable[[str, Settings], Awaitable[None]]
TYPED = "As typed"  # what an error of a value names as its place
FLAG = ("true", "false")


class SettingsScreen(ModalScreen[None]):
    """The list; Enter or a click changes one. `changed` carries out what a change that was written means for the chat."""

    BINDINGS = [Binding("escape,q", "dismiss", "Close", show=False)]  # noqa: RUF012 - the toolkit's own form

    def __init__(self, desk: Desk, settings: Settings, shelf: ModelShelf, changed: Changed) -> None:
        super().__init__()
        self._desk = desk
        self._settings = settings
        self._shelf = shelf
        self._changed = changed
        self._list = OptionList(markup=False)
        self._about = Static("", id="about", markup=False)
        self._said = Static("", id="said", markup=False)

    def compose(self) -> ComposeResult:
        """The list, what the setting under the bar is, and what came of the last change."""
        with Vertical(classes="box", id="settings"):
            yield Static(Content("Settings · Enter changes one · Esc closes"))
            yield self._list
            yield self._about
            yield self._said

    def on_mount(self) -> None:
        """The values."""
        self._show(0)
        self._list.focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Say what it is."""
        event.stop()
        self._about.update(Content(self._words(FIELDS[event.option_index])))

    def _show(self, at: int) -> None:
        self._list.set_options(Option(self._row(field)) for field in FIELDS)
        self._list.highlighted = at

    def _row(self, field: Field) -> Content:
        value = shown(getattr(self._settings, field.name))
        return Content.assemble(f"{field.name:<20}", (" ".join(visible(value).split()) or "–", "$accent"))

    def _words(self, field: Field) -> str:
        words = f"{field.help}. It holds {field.when}."
        if field.unset:
            words += f" Unset: {field.unset}."
        over = self._desk.over(self._settings, field.name)
        return visible(words + (f" Now {over} goes before the file." if over else ""))

    @work(group="setting", exclusive=True)
    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Ask for another value, write it, and let it hold."""
        event.stop()
        field, theme_before = FIELDS[event.option_index], self.app.theme
        text = await self._asked(field)
        written = False
        if text is not None:
            value = _checked(field, text)
            written = await self._write(field, value)
            if written:
                await self._changed(field.name, self._settings)
                self._say(field, value)
        if field.name == "theme":  # what was only looked at goes
            self.app.theme = theme_name(self._settings.theme) if written else theme_before
        self._show(event.option_index)

    async def _asked(self, field: Field) -> str | None:
        value = shown(getattr(self._settings, field.name))
        about = self._words(field)
        choices = self._choices(field)
        if choices:
            preview = self._preview if field.name == "theme" else _no_preview
            return await self.app.push_screen_wait(ChoiceScreen(about, choices, value, preview))
        unset = field.unset or "as it comes"
        return await self.app.push_screen_wait(ValueScreen(about, value, unset, lambda text: self._look(field, text)))

    def _choices(self, field: Field) -> list[str]:
        """What it can be, where that is a closed list."""
        if field.name == "theme":
            set_, known = self._settings.theme, self.app.available_themes
            return [*THEMES, *([set_] if set_ not in THEMES and set_ in known else [])]
        if field.name == "preset":
            return ["", *(preset.name for preset in self._settings.presets)]
        return list(FLAG if field.kind == "flag" else field.choices)

    def _preview(self, theme: str) -> None:
        self.app.theme = theme_name(theme)

    def _look(self, field: Field, text: str) -> None:
        """Check what is typed, also by what takes a look at files. Raises GptossChatError."""
        value = _checked(field, text)
        if value is not None and field.name == "model":
            self._shelf.find(value)
        if value is not None and field.name == "route":
            parse_route(value)

    async def _write(self, field: Field, value: Any) -> bool:
        try:
            await asyncio.to_thread(self._desk.write, field.name, value)
            self._settings = await asyncio.to_thread(self._desk.read)
        except GptossChatError as error:
            self._said.update(Content.styled(error_text(error), "$text-error"))
            return False
        return True

    def _say(self, field: Field, value: Any) -> None:
        done = "taken out of" if value is None else "written to"
        over = self._desk.over(self._settings, field.name)
        holds = f"{over} goes before it" if over else f"it holds {field.when}"
        self._said.update(Content(f"{field.name} is {done} config.toml; {visible(holds)}."))


def _checked(field: Field, text: str) -> Any:
    """The value; None for nothing, which is taken out of the file. Raises SettingsError."""
    return field.parse(text, TYPED) if text.strip() else None


def shown(value: Any) -> str:
    """A value as a person types it; nothing where it is unset."""
    if isinstance(value, bool):
        return FLAG[0] if value else FLAG[1]
    return "" if value is None else str(value)


def _no_preview(_: str) -> None:
    """Nothing to see."""
