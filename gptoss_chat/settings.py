"""What a person has set: config.toml under GPTOSS_CHAT_* variables; it knows nothing of flags, nor of what the values do."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from gptoss_chat.config.fields import BY_NAME, FIELDS, PRESET_NAMES, Field, field_named
from gptoss_chat.config.file import change_config, line_of, read_config, source_of
from gptoss_chat.config.values import KeySetting, Preset, Settings
from gptoss_chat.errors import SettingsError
from gptoss_chat.paths import Paths

__all__ = [
    "BY_NAME",
    "FIELDS",
    "NO_PRESET",
    "PRESET_NAMES",
    "Field",
    "KeySetting",
    "Preset",
    "Settings",
    "add_preset",
    "change_config",
    "line_of",
    "load_settings",
    "parse_setting",
    "read_config",
    "remove_preset",
    "source_of",
    "write_setting",
]

ENVIRONMENT_PREFIX = "GPTOSS_CHAT_"
NO_PRESET = "none"
"""What a person gives as the name where no preset is meant."""
_PRESET_NAME = re.compile(r"[\w-]{1,40}")
TOOL_TABLES = frozenset({"tools", "tool", "mcp"})
"""What config.toml says of function tools: read by `gptoss_chat.tools.config`."""


def load_settings(paths: Paths, environment: Mapping[str, str] = os.environ) -> Settings:
    """Defaults under config.toml under the environment. Raises SettingsError naming the file or variable and the setting.

    The preset that is set is not yet laid over them: a flag may name another.
    """
    values: dict[str, Any] = {}
    for name, value in read_config(paths).items():
        if name == "presets":
            values[name] = _presets(paths, value)
        elif name == "keys":
            values[name] = _keys(paths, value)
        elif name not in TOOL_TABLES:
            values[name] = _checked(paths, (name,), value)
    for field in FIELDS:
        variable = ENVIRONMENT_PREFIX + field.name.upper()
        if variable in environment:
            values[field.name] = field.parse(environment[variable], variable)
    return Settings(**values)


def parse_setting(name: str, text: str, source: str) -> Any:
    """The value of setting `name` from text typed by a person. Raises SettingsError."""
    return field_named(name, source).parse(text, source)


def write_setting(paths: Paths, name: str, value: Any, preset: str = "") -> None:
    """Put one setting into config.toml, or into a preset there; None takes it out; comments and other settings stay.

    Raises SettingsError.
    """
    field = field_named(name, "config.toml")
    path = ("presets", preset, name) if preset else (name,)
    change_config(paths, {path: None if value is None else field.check(value, "config.toml")})


def add_preset(paths: Paths, name: str) -> None:
    """Begin a preset of that name in config.toml. Raises SettingsError where the name won't do, or is taken."""
    if not _PRESET_NAME.fullmatch(name) or name == NO_PRESET:
        raise SettingsError(f"'{name}' is no name for a preset.", "Use letters, digits, - and _; none means no preset.")
    if any(preset.name == name for preset in load_settings(paths, {}).presets):
        raise SettingsError(f"There is a preset '{name}' already.", "Choose another name, or change that one.")
    change_config(paths, {("presets", name): {}})


def remove_preset(paths: Paths, name: str) -> None:
    """Take a preset out of config.toml, and out of the setting that puts it in force. Raises SettingsError."""
    in_force = load_settings(paths, {}).preset == name
    change_config(paths, {("presets", name): None, **({("preset",): None} if in_force else {})})


def _checked(paths: Paths, path: tuple[str, ...], value: Any) -> Any:
    try:
        return field_named(path[-1], str(paths.config_file)).check(value, str(paths.config_file))
    except SettingsError:  # only now: finding the line is of no use otherwise
        source = source_of(paths, *path)
        return field_named(path[-1], source).check(value, source)


def _presets(paths: Paths, tables: Any) -> tuple[Preset, ...]:
    presets = []
    if not isinstance(tables, dict):
        tables = {"": tables}
    for name, table in tables.items():
        if not isinstance(table, dict):
            source = source_of(paths, "presets", *([name] if name else []))
            raise SettingsError(f"{source}: a preset is a table.", "Write [presets.NAME] and its settings below it.")
        for setting in table:
            if setting not in PRESET_NAMES:
                source = source_of(paths, "presets", name, setting)
                raise SettingsError(
                    f"{source}: a preset can't set '{setting}'.", f"It can set: {', '.join(PRESET_NAMES)}."
                )
        presets.append(Preset(name, {key: _checked(paths, ("presets", name, key), table[key]) for key in table}))
    return tuple(presets)


def _keys(paths: Paths, table: Any) -> tuple[KeySetting, ...]:
    if not isinstance(table, dict):
        raise SettingsError(f"{source_of(paths, 'keys')}: keys is a table.", "Write [keys] and lines below it.")
    found = []
    for action, keys in table.items():
        source = source_of(paths, "keys", action)
        if not isinstance(keys, str):
            raise SettingsError(f"{source}: {action} is {keys!r}.", 'It must be text in quotes, such as "ctrl+g".')
        found.append(KeySetting(action, keys, source))
    return tuple(found)
