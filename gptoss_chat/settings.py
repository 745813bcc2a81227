"""What a person has set for good: environment over config.toml over defaults; it knows nothing of the flags of a command.

Every setting is one top-level line of config.toml. The environment variable of `effort` is GPTOSS_CHAT_EFFORT, and so on.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gptoss_chat.errors import SettingsError
from gptoss_chat.paths import Paths, private_folder

ENVIRONMENT_PREFIX = "GPTOSS_CHAT_"
EFFORTS = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings. None means: as the checkpoint says, or OpenAI recommends.

    model None is the built-in one. cache_gib bounds the KV cache. developer is the instruction text of new conversations.
    """

    model: str | None = None
    effort: str = "medium"
    developer: str = ""
    cache_gib: float = 2.0
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    theme: str | None = None
    show_reasoning: bool = False


NAMES = tuple(field.name for field in fields(Settings))
_KINDS: Mapping[str, type] = {
    "model": str, "effort": str, "developer": str, "theme": str, "show_reasoning": bool,
    "cache_gib": float, "temperature": float, "top_p": float, "min_p": float, "repetition_penalty": float,
    "top_k": int, "seed": int, "max_tokens": int,
}  # fmt: skip
_WORDS = {str: "a text", bool: "true or false", float: "a number", int: "a whole number"}
_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def load_settings(paths: Paths, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in force, before flags. Raises SettingsError that names the file or variable."""
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {
        name: _check(name, value, str(paths.config_file)) for name, value in _read(paths.config_file).items()
    }
    for name in NAMES:
        variable = ENVIRONMENT_PREFIX + name.upper()
        if environment.get(variable):
            values[name] = parse(name, environment[variable], variable)
    return Settings(**values)


def parse(name: str, text: str, source: str) -> Any:
    """The value that `text` means for the setting `name`. Raises SettingsError, which names `source`."""
    known(name, source)
    kind = _KINDS[name]
    value: object = text
    if kind is bool:
        value = _BOOLEANS.get(text.strip().lower(), text)
    elif kind is not str:
        try:
            value = int(text) if kind is int else float(text)
        except ValueError:
            value = text
    return _check(name, value, source)


def known(name: str, source: str) -> str:
    """`name`, if there is such a setting. Raises SettingsError, which names `source`."""
    if name not in NAMES:
        close = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(NAMES)}."
        raise SettingsError(f"{source}: there is no setting {name!r}.", hint)
    return name


def store_setting(paths: Paths, name: str, value: object) -> None:
    """Write one setting to config.toml and leave every other line as it is; None removes it. Raises SettingsError."""
    file = paths.config_file
    known(name, str(file))
    wanted = dict(_read(file))
    wanted.pop(name, None)
    if value is not None:
        wanted[name] = _check(name, value, str(file))
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    edited = _edit(text, name, wanted.get(name))
    try:
        kept = tomllib.loads(edited) == wanted
    except tomllib.TOMLDecodeError:
        kept = False
    if not kept:  # the old value spans lines, for instance
        raise SettingsError(f"{name} can't be changed in {file} without touching other lines.", f"Edit {file} by hand.")
    _replace(file, edited)


def _edit(text: str, name: str, value: object) -> str:
    """`text` with the top-level line `name = ...` replaced, added above the first table, or removed."""
    lines = text.splitlines(keepends=True)
    top = next((at for at, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))
    at = next((at for at in range(top) if re.match(rf"\s*[\"']?{name}[\"']?\s*=", lines[at])), None)
    new = [] if value is None else [f"{name} = {_toml(value)}\n"]
    if at is not None:
        lines[at : at + 1] = new
    elif new:
        if top and not lines[top - 1].endswith("\n"):
            lines[top - 1] += "\n"
        lines[top:top] = new
    return "".join(lines)


def _toml(value: object) -> str:
    # A JSON string, with control characters escaped, is a TOML basic string; so are JSON's numbers and booleans.
    return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")


def _replace(file: Path, text: str) -> None:
    """Write all of it or nothing."""
    private_folder(file.parent)
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as scratch:
            scratch.write(text)
        os.replace(scratch.name, file)
    except OSError as error:
        raise SettingsError(f"{file} can't be written: {error.strerror}.", "Check the folder's permissions.") from error


def _read(file: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}.", "Check its permissions.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}.", "Correct it, or delete it for the defaults.") from error


def _check(name: str, value: object, source: str) -> Any:
    known(name, source)
    kind = _KINDS[name]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise SettingsError(f"{source}: {name} is {value!r}, and it must be {_WORDS[kind]}.")
    if name == "effort" and value not in EFFORTS:
        raise SettingsError(f"{source}: effort is {value!r}.", f"Use {', '.join(EFFORTS)}.")
    if name == "cache_gib" and not 0.01 <= value <= 4096:  # type: ignore[operator]
        raise SettingsError(f"{source}: cache_gib is {value:g}, out of range.", "Use a number from 0.01 to 4096.")
    return value
