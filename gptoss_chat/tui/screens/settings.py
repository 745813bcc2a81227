"""Every setting with its value, every preset, and what changing one does; it knows a desk, nothing of files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from textual.content import Content

from gptoss_chat.config.fields import FIELDS, PRESET_NAMES, Field
from gptoss_chat.config.values import Preset, Settings
from gptoss_chat.tui.colours import theme_name
from gptoss_chat.tui.desk import Desk
from gptoss_chat.tui.models import ModelShelf
from gptoss_chat.tui.plain import visible
from gptoss_chat.tui.screens.fields import FieldsScreen, checked, row, shown
from gptoss_chat.tui.screens.line import LineScreen
from gptoss_chat.tui.screens.setting import ChoiceScreen

PRESET_FIELDS = tuple(field for field in FIELDS if field.name in PRESET_NAMES)
KEEP, DELETE = "Keep it", "Delete it"


@dataclass(frozen=True, slots=True)
class Listener:
    """What a change that was written means for the chat: of a setting, or of a preset, each with the settings as they are now."""

    setting: Callable[[str, Settings], Awaitable[None]]
    preset: Callable[[str, Settings], Awaitable[None]]


class SettingsScreen(FieldsScreen):
    """The settings, the presets below them, a line that begins another, and one that tells of what is elsewhere.

    `preset` is the one in force, if one is; `panes` is how many there are, of which a change holds in one.
    """

    def __init__(
        self, desk: Desk, settings: Settings, shelf: ModelShelf, listener: Listener, preset: str, panes: int = 1
    ) -> None:
        super().__init__("Settings · Enter changes one · Esc closes", desk, settings, shelf)
        self._panes = panes
        self._models = shelf
        self._listener = listener
        self._in_force = preset

    def rows(self) -> Sequence[Content]:
        """Settings, presets, the new one, and what is elsewhere."""
        fields = [row(field.name, getattr(self.settings, field.name)) for field in FIELDS]
        presets = [row(f"[{preset.name}]", told(preset)) for preset in self.settings.presets]
        more = [Content.styled(text, "$text-muted") for text in ("New preset …", "Keys, tools, servers …")]
        return [*fields, *presets, *more]

    def words(self, place: int) -> str:
        """What a setting is and when it holds."""
        if place < len(FIELDS):
            return self._about_field(FIELDS[place])
        if place < len(FIELDS) + len(self.settings.presets):
            name = self.settings.presets[place - len(FIELDS)].name
            return (
                f"A preset: settings under a name, for /preset {name} and --preset {name}. Enter changes or deletes it."
            )
        if place == len(FIELDS) + len(self.settings.presets):
            return "Begin a preset: some of the settings under a name, to ask under with /preset NAME."
        return (
            f"They stand in {self.desk.place}, in [keys], [tool.NAME] and [mcp.NAME], for an editor to change, and hold at the "
            "next start. gptoss-chat config example explains every line of it."
        )

    async def change(self, place: int) -> None:
        """A setting, a preset, or a new one."""
        if place < len(FIELDS):
            await self._change_field(FIELDS[place])
        elif place < len(FIELDS) + len(self.settings.presets):
            await self._open(self.settings.presets[place - len(FIELDS)].name)
        elif place == len(FIELDS) + len(self.settings.presets):
            name = await self.app.push_screen_wait(LineScreen("Name of the preset", ""))
            if name is not None and await self.write(self.desk.add_preset, name):
                await self._open(name)

    def _about_field(self, field: Field) -> str:
        words = f"{field.help}. It holds {field.when}."
        if field.unset:
            words += f" Unset: {field.unset}."
        over = self.desk.over(self.settings, field.name, self._in_force)
        return words + (f" Now {over} goes before the file." if over else "")

    async def _change_field(self, field: Field) -> None:
        theme_before = self.app.theme
        text = await self.ask(field, getattr(self.settings, field.name), self._about_field(field))
        written = False
        if text is not None:
            value = checked(field, text)
            written = await self.write(self.desk.write, field.name, value)
            if written:
                await self._listener.setting(field.name, self.settings)
                self._say(field, value)
        if field.name == "theme":  # what was only looked at goes
            self.app.theme = theme_name(self.settings.theme) if written else theme_before

    def _say(self, field: Field, value: Any) -> None:
        done = "taken out of" if value is None else "written to"
        over = self.desk.over(self.settings, field.name, self._in_force)
        here = ", in this pane" if self._panes > 1 and field.when == "from the next prompt on" else ""
        holds = f"{over} goes before it" if over else f"it holds {field.when}{here}"
        self.say(f"{field.name} is {done} config.toml; {holds}.")

    async def _open(self, name: str) -> None:
        screen = PresetScreen(self.desk, self.settings, self._models, self._listener, name)
        await self.app.push_screen_wait(screen)
        self.settings = screen.settings
        if not any(preset.name == name for preset in self.settings.presets):
            self.say(f"The preset {name} is deleted.")


class PresetScreen(FieldsScreen):
    """What one preset sets, and the line that deletes it."""

    def __init__(self, desk: Desk, settings: Settings, shelf: ModelShelf, listener: Listener, name: str) -> None:
        title = f"Preset {name} · Enter changes one · Esc goes back"
        super().__init__(title, desk, settings, shelf)
        self._listener = listener
        self._name_of_preset = name

    @property
    def _preset(self) -> Preset:
        name = self._name_of_preset  # taken away meanwhile, by another window: it sets nothing
        return next((preset for preset in self.settings.presets if preset.name == name), Preset(name, {}))

    def rows(self) -> Sequence[Content]:
        """What it can set, and its end."""
        values = self._preset.values
        fields = [row(field.name, values.get(field.name)) for field in PRESET_FIELDS]
        return [*fields, Content.styled("Delete this preset …", "$text-muted")]

    def words(self, place: int) -> str:
        """What the setting is."""
        if place == len(PRESET_FIELDS):
            return "Take the preset out of config.toml."
        field = PRESET_FIELDS[place]
        return f"{field.help}. Left out of a preset, it is as config.toml and the flags have it."

    async def change(self, place: int) -> None:
        """Another value, or the end of it."""
        if place == len(PRESET_FIELDS):
            await self._delete()
            return
        field, name = PRESET_FIELDS[place], self._name_of_preset
        text = await self.ask(field, self._preset.values.get(field.name), self.words(place))
        if text is None:
            return
        value = checked(field, text)
        if await self.write(self.desk.write, field.name, value, name):
            await self._listener.preset(name, self.settings)
            self.say(f"{field.name} is {'left out of' if value is None else 'written to'} the preset {name}.")

    async def _delete(self) -> None:
        name = self._name_of_preset
        question = visible(f"Delete the preset {name} from config.toml, with the comments in it?")
        answer = await self.app.push_screen_wait(ChoiceScreen(question, (KEEP, DELETE), KEEP, lambda _: None))
        if answer == DELETE and await self.write(self.desk.remove_preset, name):
            await self._listener.preset(name, self.settings)
            self.dismiss()


def told(preset: Preset) -> str:
    """What a preset sets, in a line."""
    return ", ".join(f"{name} {' '.join(shown(value).split())}" for name, value in preset.values.items())
