"""Queries over many conversations: the list, its search, the prompts; it knows a connection, nothing of locks."""

from __future__ import annotations

import sqlite3

from gptoss_chat.history.search import like_pattern, match_query
from gptoss_chat.history.values import HIT_END, HIT_START, Hit, Listed

HITS_READ = 400  # of a search, best first: more than anybody looks at, few enough to be read at every key


def search(db: sqlite3.Connection, query: str, limit: int) -> list[Hit]:
    """The messages that hold every word of `query` (the last one as a beginning), best first."""
    return [Hit(*row) for row in _hits(db, query, limit, ("", ""))]


def listed(db: sqlite3.Connection, query: str, limit: int) -> list[Listed]:
    """Conversations: pinned ones first, then the newest; with `query`, those that hold it in the title, then in a message."""
    columns = "conversation.id, conversation.title, pin.conversation_id IS NOT NULL AS pinned, conversation.updated"
    joined = "conversation LEFT JOIN pin ON pin.conversation_id = conversation.id"
    order = "ORDER BY pinned DESC, conversation.updated DESC, conversation.id LIMIT ?"
    if not query.strip():
        # Two plain walks along the index of `updated`: a sort by `pinned` would read every conversation.
        pinned = db.execute(f"SELECT {columns} FROM {joined} WHERE deleted IS NULL AND pinned {order}", (limit,))
        rows = [Listed(*row) for row in pinned]
        newest = db.execute(
            f"SELECT {columns} FROM {joined} WHERE deleted IS NULL AND pin.conversation_id IS NULL "
            "ORDER BY conversation.updated DESC, conversation.id LIMIT ?",
            (limit,),
        )
        return rows + [Listed(*row) for row in newest]
    where = "deleted IS NULL AND title LIKE ? ESCAPE '\\'"
    titled = db.execute(f"SELECT {columns} FROM {joined} WHERE {where} {order}", (like_pattern(query.strip()), limit))
    found = {row[0]: Listed(*row) for row in titled}
    for conversation_id, _, title, snippet in _hits(db, query, HITS_READ, (HIT_START, HIT_END)):
        if conversation_id not in found:
            found[conversation_id] = Listed(conversation_id, title, False, 0.0, snippet)
    return list(found.values())[:limit]


def prompts(db: sqlite3.Connection, query: str, limit: int) -> list[str]:
    """Different prompts that contain `query`, the latest first."""
    rows = db.execute(
        "SELECT text FROM node JOIN conversation ON conversation.id = node.conversation_id "
        "WHERE role = 'user' AND conversation.deleted IS NULL AND text LIKE ? ESCAPE '\\' ORDER BY seq DESC LIMIT ?",
        (like_pattern(query), 4 * limit),
    )
    return list(dict.fromkeys(row[0] for row in rows))[:limit]


def holding(query: str) -> tuple[str, tuple[str, ...]]:
    """A condition on conversations, and its values: the title contains `query`, or a message holds its words."""
    inside = "SELECT conversation_id FROM node JOIN node_text ON node.seq = node_text.rowid WHERE node_text MATCH ?"
    match = match_query(query)
    if match is None:  # signs only, which the index does not hold
        inside, match = "SELECT conversation_id FROM node WHERE text LIKE ? ESCAPE '\\'", like_pattern(query)
    return f"title LIKE ? ESCAPE '\\' OR id IN ({inside})", (like_pattern(query), match)


def _hits(db: sqlite3.Connection, query: str, limit: int, marks: tuple[str, str]) -> list[tuple[str, str, str, str]]:
    match = match_query(query)
    if match is None:
        return []
    rows = db.execute(
        """SELECT node.conversation_id, node.id, conversation.title, snippet(node_text, 0, ?, ?, '…', 12)
           FROM node_text JOIN node ON node.seq = node_text.rowid
           JOIN conversation ON conversation.id = node.conversation_id
           WHERE node_text MATCH ? AND conversation.deleted IS NULL ORDER BY rank LIMIT ?""",
        (*marks, match, limit),
    )
    return [tuple(row) for row in rows]
