"""The stored routing of a conversation, what can be said of it, and its exports; it knows no screens and no torch."""

from gptoss_chat.routing.record import (
    KnownModel,
    ModelOf,
    Routes,
    conversation_routes,
    path_routes,
    routes_of,
    text_routes,
    turn_routes,
)
from gptoss_chat.routing.tokens import CHANNELS

__all__ = [
    "CHANNELS",
    "KnownModel",
    "ModelOf",
    "Routes",
    "conversation_routes",
    "path_routes",
    "routes_of",
    "text_routes",
    "turn_routes",
]
