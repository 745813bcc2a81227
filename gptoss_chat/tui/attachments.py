"""`@path` in a prompt attaches a text file; it knows nothing of widgets or models. It reads files: call it from a thread."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gptoss_chat.errors import UsageError

_MENTION = re.compile(r'(?:(?<=\s)|^)@(?:"([^"\n]+)"|(\S+))')
LARGEST_BYTES = 4 * 2**20  # more text than any context holds


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file's text under its name."""

    name: str
    text: str


def attachments_of(text: str) -> list[Attachment]:
    """The files that `text` mentions, each once. A mention that is no file is only a word.

    Raises UsageError for a file that can't be read, is too large or is no text.
    """
    found: dict[Path, Attachment] = {}
    for mention in _MENTION.finditer(text):
        file = _file_of(mention[1] or mention[2])
        if file is not None and file not in found:
            found[file] = _read(file)
    return list(found.values())


def with_attachments(text: str) -> str:
    """The prompt, then each file under its name, as `-p ... --file` writes them. Raises as `attachments_of`."""
    return "\n\n".join([text, *(f"{file.name}:\n{file.text}" for file in attachments_of(text))])


def _file_of(typed: str) -> Path | None:
    """The file of a mention; a full stop or comma after it belongs to the sentence."""
    for name in dict.fromkeys((typed, typed.rstrip(".,;:!?)"))):
        try:
            path = Path(name).expanduser()
            if path.is_file():
                return path
        except (OSError, RuntimeError, ValueError):  # too long, no such user, a zero byte: no file
            continue
    return None


def _read(file: Path) -> Attachment:
    try:
        size = file.stat().st_size
        if size > LARGEST_BYTES:
            raise UsageError(f"{file} is too large to attach ({size / 2**20:.1f} MiB).", "Attach a part of it.")
        return Attachment(file.name, file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"Can't read {file}: {error.strerror}.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 text.", "Only text files can be attached.") from error
