"""Opening the database file: private, migrated, set aside when it is damaged; it knows nothing of its rows."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from gptoss_chat.errors import HistoryError
from gptoss_chat.history.schema import MIGRATIONS, REBUILD_INDEX
from gptoss_chat.paths import private_folder

BUSY_S = 10.0  # how long one instance waits for another's write
SMALL_BYTES = 8 * 2**20  # up to this size the whole file is examined at every start: it takes milliseconds


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection, and what the reader must be told about how it was opened."""

    connection: sqlite3.Connection
    notice: str | None


def open_database(path: Path) -> Opened:
    """Open or make the database at `path`.

    A file that is no database, or a damaged one, is renamed beside itself, never deleted, and `notice` says so. Raises
    HistoryError for a database of a newer version, and for one that can't be opened or written.
    """
    try:
        private_folder(path.parent)
        try:
            return Opened(_open(path), None)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            aside = _set_aside(path)
            notice = f"The history was damaged ({error}); it is kept as {aside}, and a new one was begun."
            return Opened(_open(path), notice)
    except sqlite3.Error as error:
        raise told(error, path) from error
    except OSError as error:
        raise HistoryError(
            f"Can't open the history {path}: {error.strerror}.", "Check the folder, or use --no-history."
        ) from error


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the error says that the file's content is broken, rather than busy, full or forbidden."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def told(error: sqlite3.Error, path: Path) -> HistoryError:
    """The sentence for a database error."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return HistoryError(f"The disk is full: the history {path} can't be written.", "Free some space and try again.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return HistoryError(f"Another program holds the history {path}.", "Close it, or try again in a moment.")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return HistoryError(f"The history {path} can't be written.", "Check its permissions, or use --no-history.")
    if is_damage(error):
        return HistoryError(f"The history {path} is damaged: {error}.", "Start again: it is then set aside and kept.")
    return HistoryError(f"The history {path} failed: {error}.", "Try again, or use --no-history.")


def note_damage(path: Path) -> None:
    """Leave a mark beside the database: the next start examines all of it, whatever its size."""
    with contextlib.suppress(OSError):  # the reader is told of the damage itself; the mark is a help for later
        _mark_of(path).touch(mode=0o600)


def _mark_of(path: Path) -> Path:
    return path.with_name(path.name + ".suspect")


def _open(path: Path) -> sqlite3.Connection:
    # -wal and -shm take the permissions of the database, so it is private before SQLite sees it.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    for file in (path, *_side_files(path)):
        if file.exists() and file.stat().st_mode & 0o077:
            file.chmod(0o600)
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise HistoryError(
                f"The history {path} was written by a newer gptoss-chat (format {version}, this one knows "
                f"{len(MIGRATIONS)}).",
                "Update gptoss-chat, or use --no-history; the history was not touched.",
            )
        _examine(connection, path)
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")  # survives kill -9; a power cut may cost the last moments
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection, path, version)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log. SQLite does not wait for a lock here, so two first starts at once would collide."""
    deadline_s = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline_s:
                raise
        time.sleep(0.02)


def _examine(connection: sqlite3.Connection, path: Path) -> None:
    """Look for damage: at the root page of every table, and at everything when it is small or damage was met."""
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    for name in names:
        connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone()
    mark = _mark_of(path)
    suspect = mark.exists()
    if not suspect and path.stat().st_size > SMALL_BYTES:
        return
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    index_only = "fts5" in verdict.lower()  # newer SQLite looks into the index too
    if verdict != "ok" and not index_only:
        error = sqlite3.DatabaseError(verdict)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
    if (suspect or index_only) and "node_text" in names:
        # The messages are sound: what was met is damage of the index over them, which can be made anew.
        connection.executescript(f"BEGIN IMMEDIATE; {REBUILD_INDEX} COMMIT;")
    mark.unlink(missing_ok=True)


def _migrate(connection: sqlite3.Connection, path: Path, version: int) -> None:
    if version == len(MIGRATIONS):
        return
    if version > 0:
        _back_up(connection, path.with_suffix(f".v{version}.backup.db"))
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        # One transaction with its version number; another instance that got there first makes the statements no-ops.
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")


def _side_files(path: Path) -> list[Path]:
    return [path.with_name(path.name + tail) for tail in ("-wal", "-shm")]


def _back_up(connection: sqlite3.Connection, to: Path) -> None:
    if to.exists():
        return
    os.close(os.open(to, os.O_CREAT | os.O_WRONLY, 0o600))
    with contextlib.closing(sqlite3.connect(to)) as backup:
        connection.backup(backup)


def _set_aside(path: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    n = 1
    while aside.exists():
        n += 1
        aside = path.with_name(f"{path.stem}.damaged-{stamp}-{n}{path.suffix}")
    path.rename(aside)
    for side in _side_files(path):  # they belong to the file set aside: a new database must not read them
        if side.exists():
            side.rename(aside.with_name(aside.name + side.name.removeprefix(path.name)))
    _mark_of(path).unlink(missing_ok=True)
    return aside
