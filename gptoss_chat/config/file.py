"""config.toml: read, searched for a line, and changed without losing a comment; it knows nothing of what settings mean."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gptoss_chat.errors import SettingsError
from gptoss_chat.paths import Paths

_HEADER = re.compile(r"\s*\[+([^\]#]+)\]")
_KEY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=""")
_PART = re.compile(r"""\"([^"]*)\"|'([^']*)'|([\w-]+)""")
_QUOTES = re.compile(r'"""|' + "'''")


def read_config(paths: Paths) -> dict[str, Any]:
    """What config.toml holds, unchecked; nothing when there is none. Raises SettingsError."""
    try:
        text = paths.config_file.read_text(encoding="utf-8")
        import tomllib  # most people have no file: the first frame does not wait for the parser

        return tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except ValueError as error:  # no TOML, or no UTF-8
        raise SettingsError(
            f"{paths.config_file} is no valid TOML: {error}.", "Mend that line, or move the file away."
        ) from error
    except OSError as error:
        raise SettingsError(f"Can't read {paths.config_file}: {error.strerror}.", "Check its permissions.") from error


def source_of(paths: Paths, *path: str) -> str:
    """`FILE, line N` of a setting, given as the tables it lies in and its name; `FILE` where no line is found."""
    try:
        number = line_of(paths.config_file.read_text(encoding="utf-8"), *path)
    except OSError:  # it was there a moment ago: the name of the file is still right
        number = None
    return f"{paths.config_file}, line {number}" if number is not None else str(paths.config_file)


def line_of(text: str, *path: str) -> int | None:
    """The first line, from 1, that sets `path` or something in it; None where it is written in another way."""
    table: tuple[str, ...] = ()
    in_text = False
    for number, line in enumerate(text.splitlines(), start=1):
        began_in_text = in_text
        in_text ^= len(_QUOTES.findall(line)) % 2 == 1
        if began_in_text:
            continue
        if header := _HEADER.match(line):
            here = table = _parts(header[1])
        elif key := _KEY.match(line):
            here = table + _parts(key[1])
        else:
            continue
        if here[: len(path)] == path:
            return number
    return None


def _parts(key: str) -> tuple[str, ...]:
    return tuple(next(part for part in found if part) if any(found) else "" for found in _PART.findall(key))


def change_config(paths: Paths, changes: Mapping[tuple[str, ...], Any]) -> None:
    """Set each path (tables and name) to its value, None takes it out, {} is an empty table; all else stays as it is.

    A file that is no valid TOML is left alone. Raises SettingsError.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    read_config(paths)  # refuses to touch a file that is not valid
    try:
        paths.config.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = paths.config_file.read_text(encoding="utf-8") if paths.config_file.exists() else ""
        document = tomlkit.parse(text)
        for path, value in changes.items():
            _change(document, path, value)
        _replace(paths.config_file.resolve(), tomlkit.dumps(document))  # a link stays a link
    except OSError as error:
        raise SettingsError(f"Can't write {paths.config_file}: {error.strerror}.", "Check the disk.") from error
    except TOMLKitError as error:
        raise SettingsError(f"Can't change {paths.config_file}: {error}.", "Change it with an editor.") from error


def _replace(file: Path, text: str) -> None:
    """Put `text` in the place of a file, which a full disk leaves as it is. The scratch file is beside it, on the same disk,
    under a name that no other window has."""
    handle, name = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)
    scratch = Path(name)
    try:
        with open(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
        if file.exists():
            scratch.chmod(file.stat().st_mode & 0o777)
        scratch.replace(file)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def _change(document: Any, path: tuple[str, ...], value: Any) -> None:
    *tables, name = path
    place = document
    for depth, table in enumerate(tables, start=1):
        if table not in place:
            if value is None:
                return
            place[table] = _table(place, is_super_table=depth < len(tables) or value == {})
        place = place[table]
    if value is None:
        place.pop(name, None)
    else:
        place[name] = _table(place) if value == {} else value


def _table(place: Any, *, is_super_table: bool = False) -> Any:
    """An empty table, written as its place needs it."""
    import tomlkit
    from tomlkit.items import InlineTable

    return tomlkit.inline_table() if isinstance(place, InlineTable) else tomlkit.table(is_super_table=is_super_table)
