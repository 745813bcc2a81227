"""What the screen reads from the history, as plain values; it knows nothing of widgets. Call it from a thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gptoss_chat.history import Node, Store

TITLES_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the transcript. `version` of `versions` counts its siblings from 1; `context_tokens` is how much of the
    context was in use after a reply, 0 where it is not known."""

    node_id: str
    role: Literal["user", "assistant"]
    text: str
    reasoning: str = ""
    status: str = "complete"
    model: str = ""
    version: int = 1
    versions: int = 1
    error: str = ""
    reasoning_s: float | None = None
    context_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Title:
    """A line of the conversation list."""

    conversation_id: str
    text: str


def read_titles(store: Store) -> list[Title]:
    """The conversations, newest first."""
    return [Title(found.id, found.title or "Untitled") for found in store.conversations(TITLES_SHOWN)]


def read_entries(store: Store, conversation_id: str) -> list[Entry]:
    """The messages on the path to the conversation's current leaf, oldest first."""
    leaf_id = store.conversation(conversation_id).leaf_id
    if leaf_id is None:
        return []
    versions: dict[str | None, list[str]] = {}
    nodes = {node.id: node for node in store.nodes(conversation_id)}
    for node in nodes.values():
        versions.setdefault(node.parent_id, []).append(node.id)
    path: list[Entry] = []
    at: str | None = leaf_id
    while at is not None:
        path.append(_entry(nodes[at], versions[nodes[at].parent_id]))
        at = nodes[at].parent_id
    return path[::-1]


def switch_version(store: Store, node_id: str, step: int) -> bool:
    """Make the sibling `step` places from `node_id`, with what follows it, current; False when there is none."""
    node = store.node(node_id)
    ids = [sibling.id for sibling in store.siblings(node_id)]
    place = ids.index(node_id) + step
    if not 0 <= place < len(ids):
        return False
    leaf_id = ids[place]
    while children := store.children(leaf_id):
        leaf_id = children[-1].id
    store.set_leaf(node.conversation_id, leaf_id)
    return True


def _entry(node: Node, ids: list[str]) -> Entry:
    usage = node.usage or {}
    return Entry(
        node_id=node.id,
        role=node.role,
        text=node.text,
        reasoning=node.reasoning,
        status=node.status,
        model=node.model,
        version=ids.index(node.id) + 1,
        versions=len(ids),
        reasoning_s=usage.get("reasoning_s") if node.reasoning else None,
        context_tokens=usage.get("context_tokens", 0),
    )
