"""The harmony prompt format: messages to token ids and back; it knows nothing of models, engines or storage."""

from gptoss_chat.harmony.encoding import HarmonyEncoding, Special, load_encoding
from gptoss_chat.harmony.parser import (
    MessageEnded,
    MessageStarted,
    ParseEvent,
    StreamParser,
    TextDelta,
    visible_channel,
)
from gptoss_chat.harmony.render import render

__all__ = [
    "HarmonyEncoding",
    "MessageEnded",
    "MessageStarted",
    "ParseEvent",
    "Special",
    "StreamParser",
    "TextDelta",
    "load_encoding",
    "render",
    "visible_channel",
]
