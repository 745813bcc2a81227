"""What the screen reads from the history, as plain values; it knows nothing of widgets. Call it from a thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gptoss_chat.history import Node, Store, ToolCall

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
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Title:
    """A line of the conversation list; `snippet` is where a search found its words, marked as the history marks them."""

    conversation_id: str
    text: str
    pinned: bool = False
    snippet: str = ""


def read_titles(store: Store, query: str = "", limit: int = TITLES_SHOWN) -> list[Title]:
    """The conversations, pinned ones first, then the newest; with `query`, those that hold it."""
    found = store.listed(query, limit)
    return [Title(line.id, line.title or "Untitled", line.pinned, line.snippet) for line in found]


@dataclass(frozen=True, slots=True)
class Read:
    """A branch of a conversation, oldest message first, and the conversation's title."""

    entries: tuple[Entry, ...] = ()
    title: str = ""


def read_branch(store: Store, conversation_id: str, leaf_id: str | None = None) -> Read:
    """The messages on the path to `leaf_id`; to the conversation's current leaf where that is None, or gone."""
    conversation = store.conversation(conversation_id)
    nodes = {node.id: node for node in store.nodes(conversation_id)}
    versions: dict[str | None, list[str]] = {}
    for node in nodes.values():
        versions.setdefault(node.parent_id, []).append(node.id)
    path: list[Entry] = []
    at = leaf_id if leaf_id in nodes else conversation.leaf_id
    while at is not None:
        path.append(_entry(nodes[at], versions[nodes[at].parent_id]))
        at = nodes[at].parent_id
    return Read(tuple(reversed(path)), conversation.title)


def leads_to_leaf(store: Store, conversation_id: str | None, node_id: str | None) -> bool:
    """Whether a message is on the branch that the history calls current."""
    leaf_id = store.conversation(conversation_id).leaf_id if conversation_id is not None else None
    return leaf_id is not None and any(node.id == node_id for node in store.path_to(leaf_id))


def switch_version(store: Store, node_id: str, step: int) -> str | None:
    """Make the sibling `step` places from `node_id`, with what follows it, current; its id, None when there is none."""
    node = store.node(node_id)
    ids = [sibling.id for sibling in store.siblings(node_id)]
    place = ids.index(node_id) + step
    if not 0 <= place < len(ids):
        return None
    store.set_leaf(node.conversation_id, store.leaf_under(ids[place]))
    return ids[place]


def take_back(store: Store, user_node_id: str) -> str:
    """Show the conversation as it was before that prompt, which stays as a version of its own; returns its text."""
    node = store.node(user_node_id)
    ids = [sibling.id for sibling in store.siblings(user_node_id)]
    place = ids.index(user_node_id)
    store.set_leaf(node.conversation_id, store.leaf_under(ids[place - 1]) if place else node.parent_id)
    return node.text


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
        calls=node.calls,
    )
