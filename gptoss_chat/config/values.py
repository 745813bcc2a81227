"""What a person has set, as plain values; it knows nothing of where it is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gptoss_chat.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Preset:
    """A named set of some settings; `values` holds those that it sets, checked."""

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KeySetting:
    """A line of [keys]: the action's name, its keys as typed (comma between several, empty for none), and where it stands."""

    action: str
    keys: str
    source: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting. None means: as the checkpoint, or OpenAI's recommendation, says."""

    model: str = "built-in"
    preset: str = ""
    effort: str = "medium"
    system: str = ""
    developer: str = ""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    route: str = ""
    cache_gib: float = 2.0
    device: str = "auto"
    gpu_memory_gib: float | None = None
    theme: str = "dark"
    show_reasoning: bool = False
    presets: tuple[Preset, ...] = ()
    keys: tuple[KeySetting, ...] = ()

    def with_preset(self, name: str) -> Settings:
        """These settings under those of the preset `name`; an empty name means none. Raises SettingsError."""
        if not name:
            return dataclasses.replace(self, preset="")
        for preset in self.presets:
            if preset.name == name:
                return dataclasses.replace(self, preset=name, **preset.values)
        there_are = ", ".join(preset.name for preset in self.presets)
        hint = f"There are: {there_are}." if there_are else f"Write [presets.{name}] into config.toml."
        raise SettingsError(f"There is no preset '{name}'.", hint)
