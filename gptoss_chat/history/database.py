"""Opening the database file: permissions, format, damage, and SQLite's errors in words; it knows nothing of conversations."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from gptoss_chat.errors import HistoryError
from gptoss_chat.history.migrations import LATEST, STEPS
from gptoss_chat.paths import private_folder

BUSY_TIMEOUT_S = 10.0
SMALL_BYTES = 8 * 2**20  # a database up to this size is checked at every start: it takes a few milliseconds
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SIDE_FILES = ("-wal", "-shm")


def open_database(path: Path) -> tuple[sqlite3.Connection, str | None]:
    """The connection, in the latest format, and a notice for the reader when a damaged file was set aside.

    Raises HistoryError when the file is of a newer version or can't be used.
    """
    with explained(path):
        try:
            return _open(path), None
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
        aside = _set_aside(path)
        notice = f"The history was damaged: it was set aside as {aside}, and a new one begun. Nothing was deleted."
        return _open(path), notice


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file itself is broken."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGED


def damage_marker(path: Path) -> Path:
    """A file that stands beside the database from the moment damage is met until it has been examined at a start."""
    return path.with_name(path.name + ".damaged")


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into one sentence. Raises HistoryError."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            with contextlib.suppress(OSError):  # the sentence below matters more than the marker
                damage_marker(path).touch(mode=0o600)
        raise _in_words(error, path) from error
    except OSError as error:
        raise HistoryError(
            f"The history in {path.parent} can't be used: {error.strerror}.", "Check the folder, or use --no-history."
        ) from error


def _in_words(error: sqlite3.Error, path: Path) -> HistoryError:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            free = shutil.disk_usage(path.parent).free / 2**20
            return HistoryError(
                f"The disk is full, so the history can't be saved ({free:.0f} MiB free in {path.parent}).",
                "Free some space; what was saved so far is kept.",
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return HistoryError(
                f"The history was locked by another program for more than {BUSY_TIMEOUT_S:.0f} s.",
                "Close what holds it, and try again.",
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return HistoryError(f"{path} can't be opened for writing.", "Check its permissions, or use --no-history.")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return HistoryError(
                f"The history {path} is damaged.", "Start again: it is examined, and set aside if need be, never deleted."
            )
    return HistoryError(f"The history {path} can't be used: {error}.", "Use --no-history to go on without it.")


def _open(path: Path) -> sqlite3.Connection:
    private_folder(path.parent)
    # SQLite gives the side files the permissions of the database, so the file is made before SQLite can.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
    for file in (path, *(path.with_name(path.name + end) for end in _SIDE_FILES)):
        with contextlib.suppress(FileNotFoundError):
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        version = _version(connection)
        if version > LATEST:
            raise HistoryError(
                f"The history {path} was written by a newer gptoss-chat (format {version}, this one knows {LATEST}).",
                "Update gptoss-chat, or use --no-history; the history was not touched.",
            )
        _examine(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # survives kill -9; a power cut may cost the last moments
        connection.execute("PRAGMA secure_delete = ON")  # deleted chats leave no trace in the file
        _migrate(connection, path)
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _examine(connection: sqlite3.Connection, path: Path) -> None:
    """Check the file: all of it when it is small or damage was met, else only its schema. Raises sqlite3.DatabaseError."""
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    marker = damage_marker(path)
    suspected = marker.exists()
    if not suspected and path.stat().st_size > SMALL_BYTES:
        return
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        error = sqlite3.DatabaseError(verdict)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
    if suspected:
        if _version(connection):  # the tables are sound, so it was the index over them: it can be made anew
            connection.execute("INSERT INTO nodes_fts (nodes_fts) VALUES ('rebuild')")
            connection.execute(
                "INSERT INTO nodes_fts (nodes_fts, rowid, text) SELECT 'delete', seq, text FROM nodes WHERE status = 'streaming'"
            )
        marker.unlink()


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    for target in range(_version(connection) + 1, LATEST + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _version(connection) < target:  # another instance may have been quicker
                if target > 1:
                    _back_up(path, target)
                for statement in STEPS[target - 1]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {target}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _back_up(path: Path, target: int) -> None:
    """Copy the database as it is before the step to `target`, through a second connection: ours holds the write lock."""
    copy = path.with_name(f"{path.name}.before-format-{target}-{_stamp()}")
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT, 0o600))
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as backup:
        source.backup(backup)


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{_stamp()}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{_stamp()}-{number}")
    for end in ("", *_SIDE_FILES):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
    damage_marker(path).unlink(missing_ok=True)
    return aside


def _stamp() -> str:
    return time.strftime("%Y%m%d-%H%M%S")
