"""A conversation from elsewhere into the database: whole where it is new, else what it has gained; it knows no formats."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gptoss_chat.history.rows import put_node, storable
from gptoss_chat.history.values import Incoming, Node


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of it: "grown" is by `messages` new ones, "here" that it had nothing new, or was deleted here."""

    outcome: Literal["added", "grown", "here"]
    messages: int = 0


def take_in(db: sqlite3.Connection, incoming: Incoming) -> Taken:
    """Add a conversation, or to the one of its id the messages that it has not got. Inside a transaction.

    Nothing that is here is altered: messages keep their text, the conversation its title, and one that was deleted stays so.
    Only where the branch that is shown goes on there, it is shown to its new end. Raises sqlite3.IntegrityError where a
    message belongs to another conversation.
    """
    conversation = incoming.conversation
    here = db.execute("SELECT deleted, leaf_id FROM conversation WHERE id = ?", (conversation.id,)).fetchone()
    if here is None:
        names = [field.name for field in dataclasses.fields(conversation)]
        values = [storable(value) if isinstance(value, str) else value for value in dataclasses.astuple(conversation)]
        db.execute(f"INSERT INTO conversation ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", values)
        _add(db, incoming, known=frozenset())
        return Taken("added", len(incoming.nodes))
    if here["deleted"] is not None:
        return Taken("here")
    rows = db.execute("SELECT id FROM node WHERE conversation_id = ?", (conversation.id,))
    known = frozenset(row["id"] for row in rows)
    gained = _add(db, incoming, known)
    if gained:
        leaf_id = conversation.leaf_id if here["leaf_id"] in _above(incoming) else here["leaf_id"]
        db.execute(
            "UPDATE conversation SET leaf_id = ?, updated = max(updated, ?) WHERE id = ?",
            (leaf_id, conversation.updated, conversation.id),
        )
    return Taken("grown" if gained else "here", gained)


def _add(db: sqlite3.Connection, incoming: Incoming, known: frozenset[str]) -> int:
    new = [node for node in incoming.nodes if node.id not in known]
    for node in new:
        put_node(db, node)
        if (blob := incoming.routes.get(node.id)) is not None:
            db.execute("INSERT INTO routes (node_id, blob) VALUES (?, ?)", (node.id, blob))
    return len(new)


def _above(incoming: Incoming) -> frozenset[str]:
    """The messages on the way to the last one that is shown there."""
    by_id: Mapping[str, Node] = {node.id: node for node in incoming.nodes}
    found = set[str]()
    at = incoming.conversation.leaf_id
    while at is not None:
        found.add(at)
        at = by_id[at].parent_id
    return frozenset(found)
