"""Where models are, whether this machine holds them, and how to get one; it knows nothing of conversations, nor torch."""

from gptoss_chat.catalog.entry import BUILT_IN, ModelEntry, find, list_models

__all__ = ["BUILT_IN", "ModelEntry", "find", "list_models"]
