"""Conversations as JSON, all branches included, and as Markdown; what is exported comes back equal. It knows no files."""

from __future__ import annotations

import base64
import dataclasses
import re
import typing
from typing import Any

from gptoss_chat.errors import HistoryError
from gptoss_chat.history.fence import fenced
from gptoss_chat.history.store import Store
from gptoss_chat.history.values import LATEST_S, Conversation, Incoming, Node, Role, Status, ToolCall

FORMAT = "gptoss-chat conversation 1"


def to_json(store: Store, conversation_id: str) -> dict[str, Any]:
    """A conversation with every message of its tree, parents first, and their routing records in base64."""
    conversation = store.conversation(conversation_id)
    messages = [message_to_json(store, node) for node in store.nodes(conversation.id)]
    return {"format": FORMAT, "conversation": dataclasses.asdict(conversation), "messages": messages}


def message_to_json(store: Store, node: Node) -> dict[str, Any]:
    """All that is kept of a message, its routing record in base64."""
    routes = store.routes(node.id)
    fields = {**dataclasses.asdict(node), "raw_ids": list(node.raw_ids)}
    fields["calls"] = [dataclasses.asdict(call) for call in node.calls]
    return {**fields, "routes": None if routes is None else base64.b64encode(routes).decode("ascii")}


def message_to_markdown(node: Node) -> str:
    """Its calls as code blocks, and its text."""
    return "\n\n".join([*map(call_block, node.calls), node.text])


def to_markdown(store: Store, conversation_id: str) -> str:
    """The branch that is shown, as Markdown."""
    conversation = store.conversation(conversation_id)
    parts = [f"# {conversation.title}"]
    for node in store.path_to(conversation.leaf_id) if conversation.leaf_id else []:
        parts.append(f"## {'You' if node.role == 'user' else node.model}\n\n{message_to_markdown(node)}")
    return "\n\n".join(parts) + "\n"


def call_block(call: ToolCall) -> str:
    """A call and its result as a code block."""
    return fenced(f"{call.name} {call.arguments}".rstrip() + ("" if call.result is None else f"\n{call.result}"))


def is_export(value: dict[str, Any]) -> bool:
    """Whether this is what `to_json` made."""
    return value.get("format") == FORMAT


def from_json(exported: dict[str, Any]) -> Incoming:
    """What `to_json` made, examined. Raises HistoryError where it is damaged."""
    try:
        conversation = Conversation(**exported["conversation"])
        nodes, routes = [], {}
        for message in exported["messages"]:
            fields = dict(message)
            record = fields.pop("routes", None)
            fields["raw_ids"] = tuple(fields["raw_ids"])
            fields["calls"] = tuple(ToolCall(**call) for call in fields.get("calls", ()))
            node = Node(**{**fields, "status": _settled(fields["status"])})
            nodes.append(node)
            if record is not None:
                routes[node.id] = base64.b64decode(record, validate=True)
        _check_texts(conversation)
        for node in nodes:
            _check_texts(node)
            _check_numbers(node)
            for call in node.calls:
                _check_texts(call)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise HistoryError(f"the export is damaged: {error}.", "Export it again.") from error
    _check_tree(conversation, nodes)
    return Incoming(conversation, tuple(nodes), routes)


def _check_tree(conversation: Conversation, nodes: list[Node]) -> None:
    """Every message hangs below one before it, or is a first one, and the leaf is one of them."""
    known: set[str | None] = {None}
    for node in nodes:
        if node.conversation_id != conversation.id or node.parent_id not in known or node.id in known:
            raise HistoryError("the export is damaged: its messages are no tree.", "Export it again.")
        known.add(node.id)
    if conversation.leaf_id not in known:
        raise HistoryError("the export is damaged: its last message is missing.", "Export it again.")


def _settled(status: object) -> object:
    return "stopped" if status == "streaming" else status  # nobody here goes on writing it


def _check_texts(value: Conversation | Node | ToolCall) -> None:
    """Types as declared: a text where a number belongs would only come to light when it is shown."""
    for name, wanted in typing.get_type_hints(type(value)).items():
        content = getattr(value, name)
        if wanted in (str, str | None) and not isinstance(content, wanted):
            raise TypeError(f"{name} is {content!r}")
        if wanted is int and (type(content) is not int or content < 0):
            raise TypeError(f"{name} is {content!r}")
        if wanted is float and (isinstance(content, bool) or not isinstance(content, int | float)):
            raise TypeError(f"{name} is {content!r}")
        if wanted is float and not 0 <= content < LATEST_S:
            raise ValueError(f"{name} is {content!r}, which is no time")
        if wanted in (Role, Status) and content not in typing.get_args(wanted):
            raise ValueError(f"{name} is {content!r}")
        if name in ("id", "conversation_id") and not re.fullmatch(r"[\w.-]{1,100}", content):
            raise ValueError(f"{name} is {content!r}")


def _check_numbers(node: Node) -> None:
    if not all(type(token) is int and 0 <= token < 2**32 for token in node.raw_ids):
        raise ValueError("raw_ids holds no token ids")
    if not isinstance(node.usage, dict | None):
        raise TypeError(f"usage is {node.usage!r}")
    dataclasses.asdict(node)  # what is nested too deeply for the store raises RecursionError here
