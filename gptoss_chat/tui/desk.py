"""The person's settings, as the screen reads and changes them; it knows nothing of files or of the command line."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.config.values import Settings

SAMPLING = frozenset({"temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "max_tokens"})


class Desk(Protocol):
    """Reads and writes files: call it from a thread. Everything raises GptossChatError."""

    @property
    def place(self) -> str:
        """Where the settings are kept, for a person to find."""

    def read(self) -> Settings:
        """The settings as they are now, without a preset laid over them."""

    def write(self, name: str, value: Any, preset: str = "") -> None:
        """Put a setting into the file, or into a preset there; None takes it out."""

    def add_preset(self, name: str) -> None:
        """Begin a preset."""

    def remove_preset(self, name: str) -> None:
        """Take a preset out of the file."""

    def over(self, settings: Settings, name: str, preset: str) -> str:
        """What goes before the file for that setting under a preset, in words; empty where nothing does."""

    def options(self, settings: Settings, model: str, *, flags: bool) -> TurnOptions:
        """What settings come to for prompts to a model that has been loaded by that name.

        With `flags`, what the program was started with goes before them.
        """


@dataclasses.dataclass(frozen=True, slots=True)
class InForce:
    """A preset that holds: the settings that it makes, and the options that it was begun with."""

    name: str
    settings: tuple[str, ...]
    given: TurnOptions

    def shown(self, options: TurnOptions) -> str:
        """Its name, and whether `options` are by now other than it made them."""
        changed = any(with_setting(options, self.given, name) != options for name in self.settings)
        return f"{self.name}, changed" if changed else self.name


def in_force(settings: Settings, options: TurnOptions) -> InForce | None:
    """The preset that settings are under, if they are."""
    preset = next((preset for preset in settings.presets if preset.name == settings.preset), None)
    return None if preset is None else InForce(preset.name, tuple(preset.values), options)


def under_preset(desk: Desk, settings: Settings, name: str, model: str) -> TurnOptions:
    """What to ask with under a preset: what it leaves out is as the start gave it, flags before config.toml; so is all with
    an empty name. Raises GptossChatError. It may read files: call it from a thread."""
    options = desk.options(settings.with_preset(""), model, flags=True)
    if name:
        under = settings.with_preset(name)
        made = desk.options(under, model, flags=False)
        for preset in under.presets:
            for setting in preset.values if preset.name == name else ():
                options = with_setting(options, made, setting)
    return options


def with_setting(options: TurnOptions, fresh: TurnOptions, name: str) -> TurnOptions:
    """`options` with what the setting `name` comes to in `fresh`; the rest, which flags or commands gave, stays."""
    if name in SAMPLING:
        sampling = dataclasses.replace(options.sampling, **{name: getattr(fresh.sampling, name)})
        return dataclasses.replace(options, sampling=sampling)
    part = "identity" if name == "system" else name
    return dataclasses.replace(options, **{part: getattr(fresh, part)})
