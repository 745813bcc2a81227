"""The history: a conversation tree in SQLite that overwrites nothing; it knows nothing of models or screens."""

from gptoss_chat.history.routes import StoredRouting, decode_routes, encode_routes
from gptoss_chat.history.store import Store
from gptoss_chat.history.values import Conversation, Hit, Node

__all__ = ["Conversation", "Hit", "Node", "Store", "StoredRouting", "decode_routes", "encode_routes"]
