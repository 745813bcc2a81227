"""An open store in a scratch folder, and short ways to fill it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gptoss_chat.history import Store
from gptoss_chat.history.importing import Imported, import_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database lies."""
    return tmp_path / "data" / "history.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """An empty history."""
    store = Store.open(path)
    yield store
    store.close()


def exchange(store: Store, conversation_id: str, parent_id: str | None, prompt: str, answer: str) -> tuple[str, str]:
    """A prompt and its complete answer; their ids."""
    user = store.add_user(conversation_id, parent_id, prompt)
    reply = store.begin_reply(conversation_id, user.id, "tiny", "low", "{}")
    store.finish_reply(reply.id, status="complete", final=answer, reasoning="hm", raw_ids=[1, 2, 201087])
    return user.id, reply.id


def take(store: Store, content: str | bytes, folder: Path) -> list[Imported]:
    """Import a file with this content, which lies in `folder` for the while."""
    file = folder / "incoming"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(import_file(store, file))
