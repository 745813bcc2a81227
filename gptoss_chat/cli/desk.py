"""The person's settings for the chat screen, on config.toml; it knows nothing of how they are shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptoss_chat.paths import Paths
from gptoss_chat.settings import (
    ENVIRONMENT_PREFIX,
    Settings,
    add_preset,
    load_settings,
    remove_preset,
    write_setting,
)

if TYPE_CHECKING:
    from gptoss_chat.chat.turn import TurnOptions
    from gptoss_chat.cli.options import Flags


class ConfigDesk:
    """`folders` are those of the models that have been loaded, by the names they have on the screen; `flags` are those that the
    program was started with."""

    def __init__(
        self, paths: Paths, folders: Mapping[str, Path], flags: Flags, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._paths = paths
        self._folders = folders
        self._flags = flags
        self._environment = environment

    @property
    def place(self) -> str:
        """The path of config.toml."""
        return str(self._paths.config_file)

    def read(self) -> Settings:
        """config.toml under the environment. Raises SettingsError."""
        return load_settings(self._paths, self._environment)

    def write(self, name: str, value: Any, preset: str = "") -> None:
        """Change one line of config.toml. Raises GptossChatError; a file that is no valid TOML is left alone."""
        if name == "model" and value is not None:
            from gptoss_chat import catalog

            entry = catalog.find(value, Settings())  # a folder is written whole, for other working directories
            value = str(entry.folder) if entry.source == "folder" else entry.name
        write_setting(self._paths, name, value, preset)

    def add_preset(self, name: str) -> None:
        """An empty table. Raises SettingsError."""
        add_preset(self._paths, name)

    def remove_preset(self, name: str) -> None:
        """Its table goes, with the comments in it. Raises SettingsError."""
        remove_preset(self._paths, name)

    def over(self, settings: Settings, name: str, preset: str) -> str:
        """The preset, else a variable."""
        if any(name in found.values for found in settings.presets if found.name == preset):
            return f"the preset {preset}"
        variable = ENVIRONMENT_PREFIX + name.upper()
        return f"the variable {variable}" if variable in self._environment else ""

    def options(self, settings: Settings, model: str, *, flags: bool) -> TurnOptions:
        """The settings over what the checkpoint says. Raises UsageError or CheckpointError."""
        from gptoss_chat.cli.options import Flags, turn_options

        # What no setting says stays as the flags gave it.
        given = (
            self._flags
            if flags
            else Flags(stop=self._flags.stop, logprobs=self._flags.logprobs, tools=self._flags.tools)
        )
        return turn_options(given, settings, self._folders[model])
