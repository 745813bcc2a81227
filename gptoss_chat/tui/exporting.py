"""Conversations and messages as files of a person's choosing; it knows no widgets. It reads and writes: call it from a thread."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from gptoss_chat.errors import UsageError
from gptoss_chat.history import Store
from gptoss_chat.history.importing import Tally, import_file

HINT = "Give another path, ending in .md, .json or .jsonl."
_INDENTS = {".json": 2, ".jsonl": None}


def suggested_name(title: str) -> str:
    """A file's name made of a title: letters, digits and hyphens."""
    return (re.sub(r"[^\w-]+", "-", title).strip("-")[:40].rstrip("-") or "conversation") + ".md"


def path_of(typed: str, name: str) -> Path:
    """The path that was typed, `~` taken for the home; in a folder, a file of that name. Raises UsageError."""
    try:
        path = Path(typed).expanduser()
        return path / name if path.is_dir() else path
    except (OSError, RuntimeError, ValueError) as error:  # too long, no such user, a zero byte
        raise UsageError(f"'{typed}' is no path that can be used.", HINT) from error


def conversation_text(store: Store, conversation_id: str, path: Path) -> str:
    """A conversation as its file's ending says: .json with every branch, .jsonl with it all in a line, else the branch that is
    shown as Markdown.

    Raises HistoryError.
    """
    from gptoss_chat.history.transfer import to_json, to_markdown

    if (ending := path.suffix.lower()) in _INDENTS:
        return json.dumps(to_json(store, conversation_id), indent=_INDENTS[ending]) + "\n"
    return to_markdown(store, conversation_id)


def message_text(store: Store, node_id: str, path: Path) -> str:
    """One message as its file's ending says: .json or .jsonl with all that is kept of it, else its Markdown.

    Raises HistoryError.
    """
    from gptoss_chat.history.transfer import message_to_json, message_to_markdown

    node = store.node(node_id)
    if (ending := path.suffix.lower()) in _INDENTS:
        return json.dumps(message_to_json(store, node), indent=_INDENTS[ending]) + "\n"
    return message_to_markdown(node) + "\n"


def write_text(path: Path, text: str, *, replace: bool) -> bool:
    """Put `text` in a file; False, and nothing done, where there is one already and it is not to be replaced.

    Raises UsageError where it can't be written.
    """
    try:
        with path.open("w" if replace else "x", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise UsageError(f"Can't write {path}: {error.strerror}.", HINT) from error
    return True


def import_from(store: Store, path: Path, stopped: Callable[[], bool]) -> Tally:
    """Take in the conversations of a file, and count them. Raises UsageError or HistoryError."""
    tally = Tally()
    for imported in import_file(store, path, stopped):
        tally.count(imported)
    return tally
