"""The person's settings, as the screen reads and changes them; it knows nothing of files or of the command line."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.config.values import Settings

SAMPLING = frozenset({"temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "max_tokens"})


class Desk(Protocol):
    """Reads and writes files: call it from a thread. Everything raises GptossChatError."""

    def read(self) -> Settings:
        """The settings as they are now, without a preset laid over them."""

    def write(self, name: str, value: Any) -> None:
        """Put a setting into the file; None takes it out."""

    def over(self, settings: Settings, name: str) -> str:
        """What goes before the file for that setting, in words; empty where nothing does."""

    def options(self, settings: Settings, model: str) -> TurnOptions:
        """What settings come to for prompts to a model that has been loaded by that name."""


def with_setting(options: TurnOptions, fresh: TurnOptions, name: str) -> TurnOptions:
    """`options` with what the setting `name` comes to in `fresh`; the rest, which flags or commands gave, stays."""
    if name in SAMPLING:
        sampling = dataclasses.replace(options.sampling, **{name: getattr(fresh.sampling, name)})
        return dataclasses.replace(options, sampling=sampling)
    part = "identity" if name == "system" else name
    return dataclasses.replace(options, **{part: getattr(fresh, part)})
