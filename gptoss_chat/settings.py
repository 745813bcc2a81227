"""What a person has set: config.toml under GPTOSS_CHAT_* variables; it knows nothing of flags, nor of what the values do."""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gptoss_chat.errors import SettingsError
from gptoss_chat.paths import Paths

ENVIRONMENT_PREFIX = "GPTOSS_CHAT_"
TOOL_TABLES = frozenset({"tools", "tool", "mcp"})
"""What config.toml says of function tools: read by `gptoss_chat.tools.config`."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting. None means: as the checkpoint, or OpenAI's recommendation, says."""

    model: str = "built-in"
    effort: str = "medium"
    developer: str = ""
    cache_gib: float = 2.0  # memory for keys and values of all conversations together
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    max_tokens: int | None = None
    theme: str = "gptoss-dark"
    show_reasoning: bool = False


def load_settings(paths: Paths, environment: Mapping[str, str] = os.environ) -> Settings:
    """Defaults under config.toml under the environment. Raises SettingsError naming the file or variable and the setting."""
    values: dict[str, Any] = {}
    for name, value in read_config(paths).items():
        if name in TOOL_TABLES:
            continue
        try:
            values[name] = _checked(name, value, str(paths.config_file))
        except SettingsError:  # only now: finding the line is of no use otherwise
            values[name] = _checked(name, value, f"{paths.config_file}{_line_of(paths, name)}")
    for field in dataclasses.fields(Settings):
        variable = ENVIRONMENT_PREFIX + field.name.upper()
        if variable in environment:
            values[field.name] = parse_setting(field.name, environment[variable], variable)
    return Settings(**values)


def read_config(paths: Paths) -> dict[str, Any]:
    """What config.toml holds, unchecked; nothing when there is none. Raises SettingsError."""
    try:
        return tomllib.loads(paths.config_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{paths.config_file} is no valid TOML: {error}.", "Mend that line, or move the file away."
        ) from error
    except OSError as error:
        raise SettingsError(f"Can't read {paths.config_file}: {error.strerror}.", "Check its permissions.") from error


def _line_of(paths: Paths, name: str) -> str:
    """`, line N` of a setting in config.toml; nothing where it is written in a way that this does not look for."""
    key = re.compile(
        rf"""\s*(?:{re.escape(name)}|"{re.escape(name)}"|'{re.escape(name)}')\s*[=.]|\s*\[+\s*{re.escape(name)}\b"""
    )
    lines = paths.config_file.read_text(encoding="utf-8").splitlines()
    number = next((number for number, line in enumerate(lines, start=1) if key.match(line)), None)
    return f", line {number}" if number is not None else ""


def parse_setting(name: str, text: str, source: str) -> Any:
    """The value of setting `name` from text typed by a person. Raises SettingsError."""
    wanted = _type_of(name, source)
    value: Any = text
    try:
        if wanted is bool:
            value = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
                text.strip().lower()
            ]
        elif wanted in (int, float):
            value = wanted(text)
    except (KeyError, ValueError) as error:
        raise _wrong(name, text, wanted, source) from error
    return _checked(name, value, source)


def write_setting(paths: Paths, name: str, value: Any) -> None:
    """Put one setting into config.toml; comments and other settings stay. Raises SettingsError."""
    import tomlkit

    read_config(paths)  # refuses to touch a file that is not valid
    _checked(name, value, "config.toml")
    try:
        paths.config.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = paths.config_file.read_text(encoding="utf-8") if paths.config_file.exists() else ""
        document = tomlkit.parse(text)
        document[name] = value
        scratch = paths.config_file.with_suffix(".toml.new")
        scratch.write_text(tomlkit.dumps(document), encoding="utf-8")
        scratch.replace(paths.config_file)  # a full disk leaves the old file as it was
    except OSError as error:
        raise SettingsError(f"Can't write {paths.config_file}: {error.strerror}.", "Check the disk.") from error


def _type_of(name: str, source: str) -> type:
    hints = typing.get_type_hints(Settings)
    if name not in hints:
        raise SettingsError(f"{source}: there is no setting '{name}'.", f"There are: {', '.join(hints)}.")
    hint = hints[name]
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    return typing.cast(type, hint)


def _checked(name: str, value: Any, source: str) -> Any:
    wanted = _type_of(name, source)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise _wrong(name, value, wanted, source)
    if name == "effort" and value not in ("low", "medium", "high"):
        raise SettingsError(f"{source}: effort is {value!r}.", "Use low, medium or high.")
    if name == "cache_gib" and isinstance(value, float) and not 0.01 <= value <= 100_000:
        raise SettingsError(f"{source}: cache_gib is {value}.", "Use a number of GiB from 0.01 up.")
    return value


def _wrong(name: str, value: object, wanted: type, source: str) -> SettingsError:
    word = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes"}[wanted]
    return SettingsError(f"{source}: {name} is {value!r}.", f"It must be {word}.")
