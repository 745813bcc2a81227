"""The models that the chat can change to, as the screen needs them; it knows nothing of where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gptoss_chat.chat.loading import Loader
    from gptoss_chat.engine.sampling import SamplingParams


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model on this machine, how to load it, and how its answers are drawn."""

    name: str
    load: Loader
    sampling: SamplingParams


class ModelShelf(Protocol):
    """Looks at folders: call it from a thread."""

    def names(self) -> Sequence[str]:
        """What can be found by name."""

    def find(self, name: str) -> FoundModel:
        """The model of that name or folder. Raises GptossChatError when there is none."""


class NoOtherModels:
    """A shelf with nothing on it."""

    def names(self) -> Sequence[str]:
        """None."""
        return ()

    def find(self, name: str) -> FoundModel:
        """Never finds one."""
        from gptoss_chat.errors import ModelNotFoundError

        raise ModelNotFoundError(f"There is no model '{name}'.", "The model can't be changed here.")
