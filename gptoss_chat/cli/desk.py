"""The person's settings for the chat screen, on config.toml; it knows nothing of how they are shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptoss_chat.paths import Paths
from gptoss_chat.settings import ENVIRONMENT_PREFIX, Settings, load_settings, write_setting

if TYPE_CHECKING:
    from gptoss_chat.chat.turn import TurnOptions


class ConfigDesk:
    """`folders` are those of the models that have been loaded, by the names they have on the screen."""

    def __init__(self, paths: Paths, folders: Mapping[str, Path], environment: Mapping[str, str] = os.environ) -> None:
        self._paths = paths
        self._folders = folders
        self._environment = environment

    def read(self) -> Settings:
        """config.toml under the environment. Raises SettingsError."""
        return load_settings(self._paths, self._environment)

    def write(self, name: str, value: Any) -> None:
        """Change one line of config.toml. Raises GptossChatError; a file that is no valid TOML is left alone."""
        if name == "model" and value is not None:
            from gptoss_chat import catalog

            entry = catalog.find(value, Settings())  # a folder is written whole, for other working directories
            value = str(entry.folder) if entry.source == "folder" else entry.name
        write_setting(self._paths, name, value)

    def over(self, settings: Settings, name: str) -> str:
        """A variable, else the preset that holds from the start on."""
        variable = ENVIRONMENT_PREFIX + name.upper()
        if variable in self._environment:
            return f"the variable {variable}"
        preset = next((preset for preset in settings.presets if preset.name == settings.preset), None)
        return f"the preset {preset.name}" if preset is not None and name in preset.values else ""

    def options(self, settings: Settings, model: str) -> TurnOptions:
        """The settings over what the checkpoint says. Raises UsageError or CheckpointError."""
        from gptoss_chat.cli.options import Sampling, turn_options

        return turn_options(Sampling(), settings, self._folders[model])
