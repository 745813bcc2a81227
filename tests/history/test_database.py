"""The file: private, migrated, refused when newer, set aside when damaged, and errors in words."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest

from gptoss_chat.errors import HistoryError
from gptoss_chat.history import Store, database
from gptoss_chat.history.schema import MIGRATIONS
from tests.history.conftest import exchange


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def filled(path: Path, conversations: int = 3) -> None:
    """A closed database with something in it."""
    store = Store.open(path)
    for number in range(conversations):
        talk = store.new_conversation(f"talk {number}", date="2026-01-02")
        exchange(store, talk.id, None, f"question {number}", "answer " * 200)
    store.close()


def test_files_are_the_owners_alone(store: Store, path: Path) -> None:
    """Chats are nobody else's: the folder, the database and SQLite's side files."""
    store.new_conversation(date="2026-01-02")
    assert mode(path.parent) == 0o700
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["history.db", "history.db-shm", "history.db-wal"]
    assert {mode(file) for file in files} == {0o600}


def test_loose_permissions_are_tightened(path: Path) -> None:
    """A file that others could read is closed at the next start."""
    filled(path)
    path.chmod(0o644)
    Store.open(path).close()
    assert mode(path) == 0o600


def test_newer_database_is_refused_and_untouched(path: Path) -> None:
    """A newer version's history is not opened, not changed and not set aside."""
    filled(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(HistoryError, match="newer") as caught:
        Store.open(path)
    assert "Update" in caught.value.hint
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["history.db"]


def test_migration_backs_up_and_applies_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later format is reached step by step; the database before it is kept, private."""
    filled(path)
    later = (*MIGRATIONS, "CREATE TABLE IF NOT EXISTS extra (id INTEGER PRIMARY KEY);")
    monkeypatch.setattr(database, "MIGRATIONS", later)
    for _ in range(2):
        store = Store.open(path)
        assert len(store.conversations()) == 3
        store.close()
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (len(later),)
        assert raw.execute("SELECT count(*) FROM extra").fetchone() == (0,)
    (backup,) = (file for file in path.parent.iterdir() if "backup" in file.name)
    assert mode(backup) == 0o600
    with closing(sqlite3.connect(backup)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert raw.execute("SELECT count(*) FROM conversation").fetchone() == (3,)


def test_failed_migration_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that fails half-way is rolled back with its version number."""
    filled(path)
    broken = (*MIGRATIONS, "CREATE TABLE extra (id INTEGER); SELECT * FROM nowhere;")
    monkeypatch.setattr(database, "MIGRATIONS", broken)
    with pytest.raises(HistoryError):
        Store.open(path)
    monkeypatch.undo()
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert raw.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'").fetchone() == (0,)


@pytest.mark.parametrize("content", [b"this is no database, " * 100, b"SQLite format 3\0" + b"\xff" * 8000])
def test_what_is_no_database_is_set_aside(path: Path, content: bytes) -> None:
    """A new history begins, the reader is told, and the old bytes are all there."""
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    store = Store.open(path)
    assert store.notice is not None
    store.new_conversation(date="2026-01-02")
    store.close()
    (aside,) = (file for file in path.parent.iterdir() if "damaged" in file.name)
    assert aside.read_bytes() == content
    assert str(aside) in store.notice


def test_half_corrupt_database_is_set_aside_at_the_start(path: Path) -> None:
    """A good header and a page of rubbish further on: found before the chat begins."""
    filled(path, 12)
    data = bytearray(path.read_bytes())
    page = int.from_bytes(data[16:18], "big")
    for at in range(4 * page, len(data) - page, page):
        data[at : at + page] = b"\xa5" * page
    path.write_bytes(data)
    store = Store.open(path)
    assert store.notice is not None
    assert store.conversations() == []
    store.close()
    (aside,) = (file for file in path.parent.iterdir() if "damaged" in file.name)
    assert aside.read_bytes() == bytes(data)


def test_damage_met_in_a_large_database_is_examined_at_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large one is not read through at every start: damage leaves a mark, and the next start looks at everything."""
    filled(path, 12)
    with closing(sqlite3.connect(path)) as raw:
        root = raw.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'node'").fetchone()[0]
    data = bytearray(path.read_bytes())
    page = int.from_bytes(data[16:18], "big")
    start = (root - 1) * page
    children = data[start + 12 : start + 14]  # the root is an interior page: break its last leaf
    child = int.from_bytes(data[start + int.from_bytes(children, "big") :][:4], "big")
    last = int.from_bytes(data[start + 8 : start + 12], "big")
    for number in {last, child}:
        data[(number - 1) * page : number * page] = b"\xa5" * page
    path.write_bytes(data)
    monkeypatch.setattr(database, "SMALL_BYTES", 0)
    store = Store.open(path)
    if store.notice is None:
        with pytest.raises(HistoryError, match="damaged"):
            [store.children(None, talk.id) for talk in store.conversations()]
        store.close()
        store = Store.open(path)
    assert store.notice is not None
    store.close()


def test_damaged_index_is_made_anew_and_nothing_set_aside(path: Path) -> None:
    """The index holds nothing that the messages do not: its loss costs nothing."""
    filled(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DELETE FROM node_text_data WHERE id > 10")
        raw.commit()
    store = Store.open(path)
    with pytest.raises(HistoryError, match="damaged"):
        store.search("question")
    store.close()
    store = Store.open(path)
    assert store.notice is None
    assert len(store.search("question")) == 3
    store.close()


def test_full_disk_is_one_sentence_and_the_store_goes_on(store: Store) -> None:
    """The write fails, what was saved before stays, and the next write works once there is space."""
    talk = store.new_conversation(date="2026-01-02")
    connection = store._connection
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(HistoryError, match="full"):
        store.add_user(talk.id, None, "x" * 200_000)
    assert store.children(None, talk.id) == []
    connection.execute("PRAGMA max_page_count = 1000000")
    store.add_user(talk.id, None, "x" * 200_000)
    assert len(store.children(None, talk.id)) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission_is_one_sentence(tmp_path: Path) -> None:
    """The path is named and a way on is given."""
    tmp_path.chmod(0o500)
    with pytest.raises(HistoryError) as caught:
        Store.open(tmp_path / "data" / "history.db")
    assert "--no-history" in caught.value.hint


def test_directory_in_place_of_the_database_is_one_sentence(path: Path) -> None:
    """Something odd at the path is told, not raised through."""
    path.mkdir(parents=True)
    with pytest.raises(HistoryError):
        Store.open(path)


def test_large_history_opens_quickly(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """5,000 conversations: the start does not read them all (processor time, so that a busy machine passes too)."""
    monkeypatch.setattr(database, "SMALL_BYTES", 0)  # as large ones are opened
    store = Store.open(path)
    with store._write() as db:
        text = "some words of an answer that is not short " * 4
        for number in range(5000):
            db.execute(
                "INSERT INTO conversation (id, title, model, date, created, updated) VALUES (?, ?, '', '', 0, ?)",
                (f"c{number:05}", f"talk {number}", number),
            )
            db.execute(
                "INSERT INTO node (id, conversation_id, role, text, status, created) "
                "VALUES (?, ?, 'user', ?, 'complete', 0)",
                (f"n{number:05}", f"c{number:05}", text),
            )
    store.close()
    began_s = time.process_time()
    store = Store.open(path)
    listed = store.conversations(limit=200)
    elapsed_s = time.process_time() - began_s
    store.close()
    assert [c.title for c in listed[:2]] == ["talk 4999", "talk 4998"]
    assert elapsed_s < 0.5
