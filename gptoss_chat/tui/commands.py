"""Slash commands: what there is, and how a prompt is told from one; it knows nothing of how they are carried out."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """`/name argument`; `words` are what the argument can be, where that is a closed list."""

    name: str
    help: str
    argument: str = ""
    words: tuple[str, ...] = ()
    takes_path: bool = False


COMMANDS: tuple[Command, ...] = (
    Command("new", "Begin a new conversation"),
    Command("model", "Change the model; alone: which there are", "NAME"),
    Command("effort", "How long the model thinks", "LEVEL", ("low", "medium", "high")),
    Command("system", "Replace the first line of the system message; alone: the usual one", "TEXT"),
    Command("developer", "Instructions for what is asked from now on; alone: none", "TEXT"),
    Command("rename", "Give this conversation another title", "TITLE"),
    Command("find", "Find in this conversation", "TEXT"),
    Command("copy", "Copy the last answer as Markdown"),
    Command("edit", "Ask the last prompt in other words"),
    Command("regenerate", "Another answer beside the last one"),
    Command("export", "Write this conversation to a file: .md, .json or .jsonl", "FILE", takes_path=True),
    Command(
        "save", "Write the last answer, or the picked message, to a file: .md, .json or .jsonl", "FILE", takes_path=True
    ),
    Command("import", "Take in a file: ChatGPT's export, or one of /export as .json", "FILE", takes_path=True),
    Command("delete", "Delete this conversation; /undo brings it back"),
    Command("undo", "Bring the last deleted conversation back"),
    Command("split", "Another pane beside this one"),
    Command("stack", "Another pane under this one"),
    Command("close", "Close this pane"),
    Command("compare", "Send each prompt to all panes; again: no more"),
    Command("tree", "All branches of this conversation"),
    Command("route", "Change the router from the next prompt on; alone: no more", "RULES"),
    Command("theme", "Colours", "NAME", ("dark", "light", "dusk", "paper", "contrast-dark", "contrast-light")),
    Command("settings", "All settings, to look at and to change"),
    Command("preset", "Ask under a preset of config.toml; alone: which there are", "NAME"),
    Command("help", "The list of keys"),
    Command("quit", "Leave"),
)

# Those that the palette asks an argument for; the others there are actions, or have one that asks.
ASKED = frozenset({"model", "system", "developer", "route", "theme", "preset"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A command as typed; `command` is None when there is none of that name."""

    word: str
    command: Command | None
    argument: str


def command_in(text: str) -> Asked | None:
    """The command that `text` is, None when it is a prompt. A path such as /usr/bin is a prompt; so is //anything."""
    found = re.fullmatch(r"/([a-z]+)(?:\s+(.*))?", text.strip(), re.DOTALL)
    if found is None:
        return None
    command = next((command for command in COMMANDS if command.name == found[1]), None)
    return Asked(found[1], command, (found[2] or "").strip())


def as_prompt(text: str) -> str:
    """A prompt without the slash that kept it from being a command."""
    return text[1:] if text.startswith("//") else text
