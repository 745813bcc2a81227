"""What Tab can complete in a prompt: commands and their words at its start, `@` files anywhere; it knows no widgets."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gptoss_chat.tui.commands import COMMANDS

PATHS_SHOWN = 50


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
    if found := re.fullmatch(r"/([a-z]+) +(\S*)", before):
        words = next((command.words for command in COMMANDS if command.name == found[1]), ())
        if found[1] == "model":
            words = tuple(model_names())
        elif found[1] == "preset":
            words = tuple(preset_names())
        return [Candidate(word, len(found[2])) for word in words if word.startswith(found[2]) and word != found[2]]
    if found := re.search(r"(?:^|\s)@(\S*)$", before):
        return _paths(found[1])
    return []


def _paths(typed: str) -> list[Candidate]:
    """Files and folders whose names begin as typed; hidden ones only when the dot is typed."""
    folder_part, _, name_part = typed.rpartition("/")
    folder = Path(folder_part + "/" if "/" in typed else ".").expanduser()
    try:
        with os.scandir(folder) as entries:
            found = sorted(
                (not entry.is_dir(), entry.name)
                for entry in entries
                if entry.name.startswith(name_part) and (name_part.startswith(".") or not entry.name.startswith("."))
            )
    except OSError:  # no such folder, or not ours: there is nothing to complete
        return []
    named = [(name if is_file else name + "/") for is_file, name in found[:PATHS_SHOWN] if " " not in name]
    return [Candidate(name, len(name_part)) for name in named if name != name_part]
