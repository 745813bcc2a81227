"""A file of conversations, of whichever format it is, into the history; it knows nothing of what its formats look like."""

from __future__ import annotations

import io
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, assert_never, cast

from gptoss_chat.errors import HistoryError, UsageError
from gptoss_chat.history.chatgpt import from_chatgpt, is_chatgpt
from gptoss_chat.history.json_stream import HINT, json_objects
from gptoss_chat.history.store import Store
from gptoss_chat.history.transfer import from_json, is_export
from gptoss_chat.history.values import Conversation, Incoming

_MEMBER = re.compile(r"(.*/)?conversations(-\d+)?\.json")  # the large exports are split in several


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one conversation, and how many messages are new.

    "grown" means that it was here before, "here" that nothing in it is new, or that it was deleted here, "empty" that nothing
    in it is shown.
    """

    conversation: Conversation | None
    outcome: Literal["added", "grown", "here", "empty"]
    messages: int = 0


@dataclass(slots=True)
class Tally:
    """Counts what became of the conversations of a file."""

    added: int = 0
    grown: int = 0
    messages: int = 0  # that those which had grown gained
    here: int = 0
    empty: int = 0

    def count(self, imported: Imported) -> None:
        """One more."""
        match imported.outcome:
            case "added":
                self.added += 1
            case "grown":
                self.grown += 1
                self.messages += imported.messages
            case "here":
                self.here += 1
            case "empty":
                self.empty += 1
            case _:
                assert_never(imported.outcome)

    def sentence(self) -> str:
        """For a person."""
        told = [f"{self.added} imported"]
        if self.grown:
            told.append(f"{self.grown} went on by {self.messages} message{'' if self.messages == 1 else 's'}")
        if self.here:
            told.append(f"{self.here} here already or deleted, and left as they are")
        if self.empty:
            told.append(f"{self.empty} without a message left out")
        return "; ".join(told) + "."


def import_file(store: Store, path: Path, stopped: Callable[[], bool] = lambda: False) -> Iterator[Imported]:
    """Add the conversations of a file: JSON or JSON Lines of `history export`, ChatGPT's conversations.json, or its zip.

    The whole file is read once before anything is written, so that a malformed one changes nothing; then each conversation
    is written whole or not at all, and other windows can write between them. One that is here already gets the messages that
    are new; all that is here stays as it is, and one that was deleted stays deleted. Raises HistoryError, naming what is wrong,
    and UsageError where the file can't be read. It ends between two conversations where `stopped` says so.
    """
    with ExitStack() as open_files:
        file = _opened(path, open_files)
        count = 0
        for _ in _conversations(file):
            count += 1
            if stopped():
                return
        if not count:
            raise HistoryError("This holds no conversation.", HINT)
        for incoming in _conversations(file):
            if stopped():
                return
            if incoming is None:
                yield Imported(None, "empty")
            else:
                taken = store.take_in(incoming)
                yield Imported(incoming.conversation, taken.outcome, taken.messages)


def read_conversation(value: dict[str, Any]) -> Incoming | None:
    """A conversation of any format that is known; None where nothing in it is shown. Raises HistoryError."""
    if is_export(value):
        return from_json(value)
    if is_chatgpt(value):
        return from_chatgpt(value)
    raise HistoryError("this was exported neither by gptoss-chat nor by ChatGPT.", HINT)


def _opened(path: Path, open_files: ExitStack) -> BinaryIO:
    """The file, so that it can be read twice: what comes through a pipe is put in a file first."""
    try:
        file = open_files.enter_context(path.open("rb"))
        if file.seekable():
            return file
        copy = open_files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (the stack closes it)
        shutil.copyfileobj(file, copy)
        return cast(BinaryIO, copy)
    except OSError as error:
        raise UsageError(f"Can't read {path}: {error.strerror}.", "Check the path.") from error


def _conversations(file: BinaryIO) -> Iterator[Incoming | None]:
    for number, value in enumerate(_values(file), start=1):
        try:
            incoming = read_conversation(value)
        except HistoryError as error:
            raise HistoryError(f"Conversation {number} can't be imported: {error.message}", error.hint) from error
        except RecursionError as error:
            raise HistoryError(f"Conversation {number} can't be imported: it is nested too deeply.", HINT) from error
        yield incoming


def _values(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file or of the right files in a zip."""
    file.seek(0)
    is_zip = file.read(4) == b"PK\x03\x04"
    file.seek(0)
    try:
        if not is_zip:
            text = io.TextIOWrapper(file, encoding="utf-8-sig")
            try:
                yield from json_objects(text)
            finally:
                text.detach()  # it would close the file
            return
        with zipfile.ZipFile(file) as archive:
            names = sorted(name for name in archive.namelist() if _MEMBER.fullmatch(name))
            if not names:
                raise HistoryError("This zip holds no conversations.json.", HINT)
            for name in names:
                with archive.open(name) as member:
                    yield from json_objects(io.TextIOWrapper(member, encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise HistoryError(f"This is no text in UTF-8: {error.reason}.", HINT) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise HistoryError(f"This zip is damaged: {error}.", "Download it again.") from error
    except RuntimeError as error:  # how zipfile tells of a password
        raise HistoryError(
            f"This zip can't be read: {error}.", "Unpack it, and give its conversations.json."
        ) from error
    except OSError as error:
        raise HistoryError(f"The file can't be read: {error.strerror}.", "Check the disk.") from error
