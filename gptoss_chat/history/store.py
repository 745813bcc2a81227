"""Conversations and their messages in SQLite; it knows nothing of models, prompts or screens.

One connection behind one lock: safe from several threads. Several processes may use one database at once.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptoss_chat.errors import HistoryError
from gptoss_chat.history import listing
from gptoss_chat.history.owner import is_alive, own_name
from gptoss_chat.history.rows import node_of, pack, put_calls, storable
from gptoss_chat.history.values import Conversation, Hit, Incoming, Listed, Node, ToolCall

if TYPE_CHECKING:
    from gptoss_chat.history.merging import Taken

_NODE = (
    "id, conversation_id, parent_id, role, text, reasoning, raw_ids, status, model, effort, usage, created, sampling, "
    "(SELECT calls FROM calls WHERE node_id = node.id) AS calls"
)
_CONVERSATION = "id, title, model, date, created, updated, leaf_id"


class Store:
    """The history. Every method raises HistoryError, in one sentence, when the database can't do it."""

    def __init__(self, path: Path) -> None:
        """The history at `path`, opened, or begun, at its first use, by whichever thread that is."""
        self.notice: str | None = None
        """Tells, once it is open, if a damaged one had to be set aside."""
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path) -> Store:
        """The history at `path`, opened now."""
        store = cls(path)
        with store._read():
            return store

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    # Conversations ---------------------------------------------------------------------------------------------------

    def new_conversation(self, title: str = "", *, model: str = "", date: str) -> Conversation:
        """Begin a conversation. `date` (YYYY-MM-DD) is the one its prompts will carry for good."""
        now = time.time()
        conversation = Conversation(uuid.uuid4().hex, title, model, date, now, now, None)
        with self._write() as db:
            db.execute(
                f"INSERT INTO conversation ({_CONVERSATION}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (conversation.id, storable(title), model, date, now, now, None),
            )
        return conversation

    def conversation(self, conversation_id: str) -> Conversation:
        """A conversation by its id, or by the beginning of its id when that names only one. Raises HistoryError."""
        with self._read() as db:
            rows = db.execute(
                f"SELECT {_CONVERSATION} FROM conversation WHERE deleted IS NULL AND substr(id, 1, ?) = ? LIMIT 2",
                (len(conversation_id), conversation_id),
            ).fetchall()
        if len(rows) != 1 or not conversation_id:
            what = "Several conversations begin" if rows else "No conversation begins"
            raise HistoryError(f"{what} with the id '{conversation_id}'.", "`gptoss-chat history list` shows them.")
        return Conversation(*rows[0])

    def conversations(self, limit: int = 200, query: str | None = None) -> list[Conversation]:
        """The latest conversations, newest first; with `query`, those whose title or text holds its words."""
        where, values = "TRUE", tuple[str, ...]()
        if query and query.strip():
            where, values = listing.holding(query.strip())
        with self._read() as db:
            rows = db.execute(
                f"SELECT {_CONVERSATION} FROM conversation WHERE deleted IS NULL AND ({where}) "
                "ORDER BY updated DESC, id LIMIT ?",
                (*values, limit),
            ).fetchall()
        return [Conversation(*row) for row in rows]

    def rename(self, conversation_id: str, title: str) -> None:
        """Give a conversation another title."""
        with self._write() as db:
            db.execute("UPDATE conversation SET title = ? WHERE id = ?", (storable(title), conversation_id))

    def pin(self, conversation_id: str, pinned: bool) -> None:
        """Keep a conversation at the top of the list, or no more."""
        with self._write() as db:
            if pinned:
                db.execute(
                    "INSERT OR IGNORE INTO pin (conversation_id, since) VALUES (?, ?)", (conversation_id, time.time())
                )
            else:
                db.execute("DELETE FROM pin WHERE conversation_id = ?", (conversation_id,))

    def delete(self, conversation_id: str) -> None:
        """Hide a conversation; `undelete` brings it back."""
        with self._write() as db:
            db.execute("UPDATE conversation SET deleted = ? WHERE id = ?", (time.time(), conversation_id))

    def undelete(self, conversation_id: str) -> None:
        """Bring a deleted conversation back."""
        with self._write() as db:
            db.execute("UPDATE conversation SET deleted = NULL WHERE id = ?", (conversation_id,))

    def purge(self, *, older_than_s: float = 0.0) -> int:
        """Remove for good what was deleted at least `older_than_s` ago; returns how many conversations."""
        with self._write() as db:
            return db.execute("DELETE FROM conversation WHERE deleted <= ?", (time.time() - older_than_s,)).rowcount

    def set_leaf(self, conversation_id: str, node_id: str | None) -> None:
        """Remember which branch is shown; None: nothing of it."""
        with self._write() as db:
            db.execute("UPDATE conversation SET leaf_id = ? WHERE id = ?", (node_id, conversation_id))

    # Messages --------------------------------------------------------------------------------------------------------

    def add_user(self, conversation_id: str, parent_id: str | None, text: str) -> Node:
        """Add a prompt under `parent_id` (None: at the root) and show it."""
        return self._add(conversation_id, parent_id, "user", text, "complete", "", "", "{}")

    def begin_reply(self, conversation_id: str, parent_id: str, model: str, effort: str, sampling: str) -> Node:
        """Add an empty reply that this process is going to write. `sampling` is a JSON object of how it is drawn."""
        return self._add(conversation_id, parent_id, "assistant", "", "streaming", model, effort, sampling)

    def reopen_reply(self, node_id: str) -> None:
        """Go on writing a stopped reply."""
        with self._write() as db:
            db.execute("UPDATE node SET status = 'streaming', owner = ? WHERE id = ?", (own_name(), node_id))

    def save_partial(
        self,
        node_id: str,
        text: str,
        reasoning: str,
        raw_ids: Sequence[int],
        calls: Sequence[ToolCall] | None = None,
    ) -> None:
        """Save what is written of a reply so far; cheap enough for several times a second. `calls` None: as last saved."""
        with self._write() as db:
            if calls is not None:
                put_calls(db, node_id, calls)
            db.execute(
                "UPDATE node SET text = ?, reasoning = ?, raw_ids = ? WHERE id = ?",
                (storable(text), storable(reasoning), pack(raw_ids), node_id),
            )

    def set_sampling(self, node_id: str, sampling: str) -> None:
        """Say more of how a reply is drawn: what is known only once its turn has come."""
        with self._write() as db:
            db.execute("UPDATE node SET sampling = ? WHERE id = ?", (sampling, node_id))

    def finish_reply(
        self,
        node_id: str,
        *,
        status: str,
        final: str | None = None,
        reasoning: str | None = None,
        raw_ids: Sequence[int] | None = None,
        usage: dict[str, Any] | None = None,
        routes: bytes | None = None,
        calls: Sequence[ToolCall] | None = None,
    ) -> None:
        """Close a reply, in one transaction. What is None stays as it was last saved."""
        changes: dict[str, Any] = {"status": str(status), "owner": None}
        if final is not None:
            changes["text"] = storable(final)
        if reasoning is not None:
            changes["reasoning"] = storable(reasoning)
        if raw_ids is not None:
            changes["raw_ids"] = pack(raw_ids)
        if usage is not None:
            changes["usage"] = json.dumps(usage)
        with self._write() as db:
            names = ", ".join(f"{name} = ?" for name in changes)
            db.execute(f"UPDATE node SET {names} WHERE id = ?", (*changes.values(), node_id))
            if calls is not None:
                put_calls(db, node_id, calls)
            if routes is not None:
                db.execute("INSERT OR REPLACE INTO routes (node_id, blob) VALUES (?, ?)", (node_id, routes))
            db.execute(
                "UPDATE conversation SET updated = ? WHERE id = (SELECT conversation_id FROM node WHERE id = ?)",
                (time.time(), node_id),
            )

    def node(self, node_id: str) -> Node:
        """One message. Raises HistoryError when there is none."""
        with self._read() as db:
            row = db.execute(f"SELECT {_NODE} FROM node WHERE id = ?", (node_id,)).fetchone()
        if row is None:
            raise HistoryError(f"There is no message '{node_id}'.", "It may have been deleted by another window.")
        return node_of(row)

    def path_to(self, node_id: str) -> list[Node]:
        """The messages from the root to `node_id`."""
        names = ", ".join(name if name.startswith("(") else f"node.{name}" for name in _NODE.split(", "))
        with self._read() as db:
            rows = db.execute(
                f"""WITH RECURSIVE up (id, parent_id, depth) AS (
                        SELECT id, parent_id, 0 FROM node WHERE id = ?
                        UNION ALL SELECT node.id, node.parent_id, depth + 1 FROM node JOIN up ON node.id = up.parent_id)
                    SELECT {names} FROM up JOIN node ON node.id = up.id ORDER BY depth DESC""",
                (node_id,),
            ).fetchall()
        return [node_of(row) for row in rows]

    def children(self, node_id: str | None, conversation_id: str | None = None) -> list[Node]:
        """The messages under `node_id`, oldest first; with None, the first prompts of `conversation_id`."""
        with self._read() as db:
            if node_id is not None:
                rows = db.execute(f"SELECT {_NODE} FROM node WHERE parent_id = ? ORDER BY seq", (node_id,)).fetchall()
            else:
                rows = db.execute(
                    f"SELECT {_NODE} FROM node WHERE parent_id IS NULL AND conversation_id = ? ORDER BY seq",
                    (conversation_id,),
                ).fetchall()
        return [node_of(row) for row in rows]

    def siblings(self, node_id: str) -> list[Node]:
        """The messages that share `node_id`'s parent, itself included, oldest first."""
        node = self.node(node_id)
        return self.children(node.parent_id, node.conversation_id)

    def nodes(self, conversation_id: str) -> list[Node]:
        """Every message of a conversation, oldest first: a parent before its children."""
        with self._read() as db:
            rows = db.execute(f"SELECT {_NODE} FROM node WHERE conversation_id = ? ORDER BY seq", (conversation_id,))
            return [node_of(row) for row in rows.fetchall()]

    def take_in(self, incoming: Incoming) -> Taken:
        """Add a conversation from elsewhere, or what it has gained to the one of its id: all of it or nothing."""
        from gptoss_chat.history.merging import take_in

        with self._write() as db:
            return take_in(db, incoming)

    def leaf_under(self, node_id: str) -> str:
        """The end of the branch that was written last under `node_id`."""
        with self._read() as db:
            while (
                row := db.execute("SELECT id FROM node WHERE parent_id = ? ORDER BY seq DESC", (node_id,)).fetchone()
            ) is not None:
                node_id = row[0]
        return node_id

    def routes(self, node_id: str) -> bytes | None:
        """The routing record stored with a reply."""
        with self._read() as db:
            row = db.execute("SELECT blob FROM routes WHERE node_id = ?", (node_id,)).fetchone()
        return row[0] if row else None

    def search(self, query: str, limit: int = 50) -> list[Hit]:
        """The messages that hold every word of `query` (the last one as a beginning), best first."""
        with self._read() as db:
            return listing.search(db, query, limit)

    def listed(self, query: str = "", limit: int = 200) -> list[Listed]:
        """Conversations for a list: pinned ones first, then the newest; with `query`, those that hold it, with a hit."""
        with self._read() as db:
            return listing.listed(db, query, limit)

    def prompts(self, query: str = "", limit: int = 50) -> list[str]:
        """Different prompts of all conversations that contain `query`, the latest first."""
        with self._read() as db:
            return listing.prompts(db, query, limit)

    # Inside ----------------------------------------------------------------------------------------------------------

    def _add(
        self,
        conversation_id: str,
        parent_id: str | None,
        role: str,
        text: str,
        status: str,
        model: str,
        effort: str,
        sampling: str,
    ) -> Node:
        now, node_id = time.time(), uuid.uuid4().hex
        owner = own_name() if status == "streaming" else None
        with self._write() as db:
            db.execute(
                "INSERT INTO node (id, conversation_id, parent_id, role, text, status, owner, model, effort, sampling, "
                "created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    node_id,
                    conversation_id,
                    parent_id,
                    role,
                    storable(text),
                    status,
                    owner,
                    model,
                    effort,
                    sampling,
                    now,
                ),
            )
            db.execute("UPDATE conversation SET leaf_id = ?, updated = ? WHERE id = ?", (node_id, now, conversation_id))
        return self.node(node_id)

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            from gptoss_chat.history.database import open_database  # the first frame does not wait for it

            opened = open_database(self._path)
            self._connection, self.notice = opened.connection, opened.notice
            self._settle_abandoned()
        return self._connection

    def _settle_abandoned(self) -> None:
        """A reply whose process is gone is a stopped one: what was saved of it can be gone on with."""
        with self._read() as db:
            owners = {row[0] for row in db.execute("SELECT DISTINCT owner FROM node WHERE status = 'streaming'")}
        gone = [owner for owner in owners if not is_alive(owner)]
        if gone:
            with self._write() as db:
                db.executemany(
                    "UPDATE node SET status = 'stopped', owner = NULL WHERE status = 'streaming' AND owner IS ?",
                    [(owner,) for owner in gone],
                )

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._opened()
            except sqlite3.Error as error:
                from gptoss_chat.history.database import is_damage, note_damage, told

                if is_damage(error):
                    note_damage(self._path)
                raise told(error, self._path) from error

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._read() as db:
            db.execute("BEGIN IMMEDIATE")  # waits for another instance now, not in the middle
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # a full disk has rolled back already
                    db.execute("ROLLBACK")
                raise
