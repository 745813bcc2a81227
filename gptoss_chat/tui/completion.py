"""What Tab can complete in a prompt: commands and their words at its start, `@` files anywhere; it knows no widgets."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gptoss_chat.tui.commands import COMMANDS

PATHS_SHOWN = 50
PATH_COMMANDS = frozenset(command.name for command in COMMANDS if command.takes_path)


@dataclass(frozen=True, slots=True)
class Candidate:
    """`text` in place of the last `replaces` characters before the cursor."""

    text: str
    replaces: int
    help: str = ""


def candidates(
    before: str, model_names: Callable[[], Sequence[str]], preset_names: Callable[[], Sequence[str]] = tuple
) -> list[Candidate]:
    """Completions of the text before the cursor. May read folders: call it from a thread."""
    if found := re.fullmatch(r"/([a-z]*)", before):
        return [
            Candidate(f"/{command.name} " if command.argument else f"/{command.name}", len(before), command.help)
            for command in COMMANDS
            if command.name.startswith(found[1]) and command.name != found[1]
        ]
    if (found := re.fullmatch(r"/([a-z]+) +(.*)", before)) and found[1] in PATH_COMMANDS:
        return paths(found[2], spaces=True)
    if found := re.fullmatch(r"/([a-z]+) +(\S*)", before):
        words = next((command.words for command in COMMANDS if command.name == found[1]), ())
        if found[1] == "model":
            words = tuple(model_names())
        elif found[1] == "preset":
            words = tuple(preset_names())
        return [Candidate(word, len(found[2])) for word in words if word.startswith(found[2]) and word != found[2]]
    if found := re.search(r"(?:^|\s)@(\"[^\"\n]*|[^\s\"]\S*|)$", before):
        return _mentions(found[1])
    return []


def _mentions(typed: str) -> list[Candidate]:
    """Files after an `@`; a name with spaces gets the quotes that it needs."""
    quoted = typed.startswith('"')
    folder = typed.lstrip('"').rpartition("/")[0]
    found = []
    for path in paths(typed.lstrip('"'), spaces=True):
        if quoted or " " in path.text:
            whole = f"{folder}/{path.text}" if "/" in typed else path.text
            end = "" if whole.endswith("/") else '"'
            found.append(Candidate(f'"{whole}{end}', len(typed)))
        else:
            found.append(path)
    return found


def paths(typed: str, *, spaces: bool = False) -> list[Candidate]:
    """Files and folders whose names begin as typed; hidden ones only when the dot is typed, and those with spaces only where
    they can be typed."""
    folder_part, _, name_part = typed.rpartition("/")
    try:
        folder = Path(folder_part + "/" if "/" in typed else ".").expanduser()
        with os.scandir(folder) as entries:
            found = sorted(
                (not entry.is_dir(), entry.name)
                for entry in entries
                if entry.name.startswith(name_part) and (name_part.startswith(".") or not entry.name.startswith("."))
            )
    except (OSError, RuntimeError, ValueError):  # no such folder, or not ours: there is nothing to complete
        return []
    found = [(is_file, name) for is_file, name in found if spaces or " " not in name][:PATHS_SHOWN]
    named = [(name if is_file else name + "/") for is_file, name in found]
    return [Candidate(name, len(name_part)) for name in named if name != name_part]
