"""The history: a conversation tree in SQLite that overwrites nothing; it knows nothing of models or screens."""

from gptoss_chat.history.store import Store
from gptoss_chat.history.values import HIT_END, HIT_START, Conversation, Hit, Listed, Node, ToolCall

__all__ = [
    "HIT_END",
    "HIT_START",
    "Conversation",
    "Hit",
    "Listed",
    "Node",
    "Store",
    "ToolCall",
]
