"""Messages as rows of the database and back; it knows no queries of anybody."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from array import array
from collections.abc import Sequence

from gptoss_chat.history.values import Node, ToolCall


def node_of(row: sqlite3.Row) -> Node:
    """A message, from a row with all its columns and the text of its calls."""
    values = dict(row)
    values["raw_ids"] = unpack(values["raw_ids"])
    values["usage"] = json.loads(values["usage"]) if values["usage"] else None
    values["calls"] = tuple(ToolCall(*call) for call in json.loads(values["calls"])) if values["calls"] else ()
    return Node(**values)


def put_node(db: sqlite3.Connection, node: Node) -> None:
    """Add a message as it is."""
    values = {**dataclasses.asdict(node), "raw_ids": pack(node.raw_ids)}
    values["usage"] = None if node.usage is None else json.dumps(node.usage)
    del values["calls"]
    row = [storable(value) if isinstance(value, str) else value for value in values.values()]
    db.execute(f"INSERT INTO node ({', '.join(values)}) VALUES ({', '.join('?' * len(row))})", row)
    put_calls(db, node.id, node.calls)


def put_calls(db: sqlite3.Connection, node_id: str, calls: Sequence[ToolCall]) -> None:
    """Make `calls` those of a reply."""
    if calls:
        # In ASCII: no lone surrogate can be in the way.
        rows = json.dumps([dataclasses.astuple(call) for call in calls])
        db.execute("INSERT OR REPLACE INTO calls (node_id, calls) VALUES (?, ?)", (node_id, rows))
    else:
        db.execute("DELETE FROM calls WHERE node_id = ?", (node_id,))


def pack(ids: Sequence[int]) -> bytes:
    """Token ids as uint32, little-endian where the machine is."""
    return array("I", ids).tobytes()


def unpack(blob: bytes) -> tuple[int, ...]:
    """What `pack` packed."""
    ids = array("I")
    ids.frombytes(blob)
    return tuple(ids)


def storable(text: str) -> str:
    """Lone surrogates can't be stored as UTF-8."""
    return text.encode("utf-8", errors="replace").decode("utf-8")
