"""Where models are, whether this machine holds them, and how to get one; it knows nothing of conversations, nor torch."""

from gptoss_chat.catalog.entry import BUILT_IN, ModelEntry, find, list_models
from gptoss_chat.catalog.memory import MemoryReport, fits, too_big
from gptoss_chat.catalog.pull import pull

__all__ = ["BUILT_IN", "MemoryReport", "ModelEntry", "find", "fits", "list_models", "pull", "too_big"]
