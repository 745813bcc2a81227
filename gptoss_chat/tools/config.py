"""The tools that config.toml declares; it knows nothing of how they are run."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import Any

from gptoss_chat.errors import SettingsError
from gptoss_chat.harmony.messages import FunctionTool
from gptoss_chat.paths import Paths
from gptoss_chat.settings import read_config, source_of
from gptoss_chat.tools.builtin import BUILT_IN
from gptoss_chat.tools.command import run_command
from gptoss_chat.tools.mcp import McpServerConfig
from gptoss_chat.tools.toolbox import Toolbox
from gptoss_chat.tools.values import Tool

EXAMPLE_OFFERED = (
    'tools = ["clock", "calculator", "weather"]  # what new conversations offer; a server stands for its tools'
)
EXAMPLE = """\
# A tool of your own. There is no shell; the arguments are one JSON object on the command's stdin.
[tool.weather]
description = "Tells the weather of a city."
parameters = { type = "object", properties = { city = { type = "string" } }, required = ["city"] }
command = ["weather-now", "--brief"]
allow = "ask"  # or "always": runs without a question
timeout_s = 10.0
output_characters = 16000  # longer output is an error

# Of a built-in tool, what the model is told and whether it asks can be changed.
[tool.clock]
allow = "always"

# An MCP server over stdio; needs the extra mcp.
[mcp.files]
command = ["npx", "-y", "@modelcontextprotocol/server-filesystem", "/home/me/notes"]
env = { LANG = "C" }  # added to the few variables that a server is given
allow = "ask"
timeout_s = 30.0
start_timeout_s = 30.0
output_characters = 16000
"""
"""For config.toml, with every setting of a tool and of a server."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
TOOL_KEYS = ("description", "parameters", "command", "allow", "timeout_s", "output_characters")
MCP_KEYS = ("command", "env", "allow", "timeout_s", "start_timeout_s", "output_characters")
"""What a table of each kind can hold."""


def read_toolbox(paths: Paths) -> Toolbox:
    """The tools of this person. Raises SettingsError, which names the file and the line."""
    config = read_config(paths)
    reader = _Reader(paths)
    tools = dict(BUILT_IN)
    for name, table in reader.tables(config, "tool"):
        tools[name] = reader.tool(name, table)
    servers = []
    for name, table in reader.tables(config, "mcp"):
        if name in tools:
            raise reader.wrong(f"[mcp.{name}] has the name of a tool.", "Give it another name.", "mcp", name)
        servers.append(reader.server(name, table))
    offered = config.get("tools", [])
    names = (*tools, *(server.name for server in servers))
    if not _is_texts(offered):
        raise reader.wrong(f"tools is {offered!r}.", 'It must be a list such as ["clock"].', "tools")
    for name in offered:
        if name not in names:
            hint = f"There are: {', '.join(names)}."
            raise reader.wrong(f"tools names '{name}', which is no tool.", hint, "tools")
    return Toolbox(tools, servers, offered)


class _Reader:
    """Checks tables, and finds the line of what is wrong."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def tables(self, config: Mapping[str, Any], kind: str) -> list[tuple[str, Mapping[str, Any]]]:
        tables = config.get(kind, {})
        if not isinstance(tables, dict):
            raise self.wrong(f"{kind} is {tables!r}.", f"Write tables: [{kind}.NAME].", kind)
        for name, table in tables.items():
            if not isinstance(table, dict) or not _NAME.fullmatch(name):
                hint = "A name has letters, digits and _, and begins with no digit."
                raise self.wrong(f"[{kind}.{name}] is no table of a tool.", hint, kind, name)
        return list(tables.items())

    def tool(self, name: str, table: Mapping[str, Any]) -> Tool:
        self._keys("tool", name, table, TOOL_KEYS)
        known = BUILT_IN.get(name)
        function = known.function if known is not None else FunctionTool(name, "")
        if "description" in table:
            description = self._value("tool", name, table, "description", str, "text in quotes")
            function = dataclasses.replace(function, description=description)
        if "parameters" in table:
            parameters = self._value("tool", name, table, "parameters", dict, "a JSON schema")
            if parameters.get("type") != "object":
                message = f"[tool.{name}] parameters is no schema of an object."
                raise self.wrong(message, 'Begin it with type = "object".', "tool", name, "parameters")
            function = dataclasses.replace(function, parameters=parameters)
        limits = self._limits("tool", name, table)
        if known is not None and "command" not in table:
            if "timeout_s" in table:
                message = f"[tool.{name}] has a timeout_s without a command."
                raise self.wrong(message, "The built-in tool takes no time.", "tool", name, "timeout_s")
            limits.pop("timeout_s", None)
            return dataclasses.replace(known, function=function, **limits)
        command = self._command("tool", name, table)
        allow, timeout_s = limits.get("allow", "ask"), limits.get("timeout_s", 10.0)
        characters = limits.get("output_characters", 16_000)
        run = functools.partial(run_command, command, timeout_s=timeout_s, output_characters=characters)
        return Tool(function, run, " ".join(command), allow, characters)

    def server(self, name: str, table: Mapping[str, Any]) -> McpServerConfig:
        self._keys("mcp", name, table, MCP_KEYS)
        env = self._value("mcp", name, table, "env", dict, "a table of texts") if "env" in table else {}
        if not _is_texts(list(env.values())):
            raise self.wrong(f"[mcp.{name}] env is {env!r}.", "It must be a table of texts.", "mcp", name, "env")
        return McpServerConfig(name, self._command("mcp", name, table), env, **self._limits("mcp", name, table))

    def wrong(self, message: str, hint: str, *path: str) -> SettingsError:
        """The error at a setting, given as the tables that it lies in and its name."""
        return SettingsError(f"{source_of(self._paths, *path)}: {message}", hint)

    def _keys(self, kind: str, name: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                message = f"[{kind}.{name}] has no setting '{key}'."
                raise self.wrong(message, f"There are: {', '.join(known)}.", kind, name, key)

    def _value(self, kind: str, name: str, table: Mapping[str, Any], key: str, wanted: type, words: str) -> Any:
        value = table[key]
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise self.wrong(f"[{kind}.{name}] {key} is {value!r}.", f"It must be {words}.", kind, name, key)
        return value

    def _command(self, kind: str, name: str, table: Mapping[str, Any]) -> tuple[str, ...]:
        command = table.get("command")
        if command is None:
            message = f"[{kind}.{name}] has no command."
            raise self.wrong(message, 'Add one, such as command = ["date", "+%H:%M"].', kind, name)
        if not _is_texts(command) or not command or not command[0]:
            message = f"[{kind}.{name}] command is {command!r}."
            raise self.wrong(message, 'It must be a list such as ["date", "+%H:%M"].', kind, name, "command")
        return tuple(command)

    def _limits(self, kind: str, name: str, table: Mapping[str, Any]) -> dict[str, Any]:
        limits: dict[str, Any] = {}
        if "allow" in table:
            limits["allow"] = allow = table["allow"]
            if allow not in ("ask", "always"):
                message = f"[{kind}.{name}] allow is {allow!r}."
                raise self.wrong(message, 'Use "ask" or "always".', kind, name, "allow")
        for key in ("timeout_s", "start_timeout_s"):
            if key in table:
                seconds = self._value(kind, name, table, key, int | float, "a number of seconds")  # type: ignore[arg-type]
                if not 0 < seconds <= 86_400:
                    message = f"[{kind}.{name}] {key} is {seconds}."
                    raise self.wrong(message, "Use seconds above 0, at most a day's 86400.", kind, name, key)
                limits[key] = float(seconds)
        if "output_characters" in table:
            limits["output_characters"] = most = self._value(
                kind, name, table, "output_characters", int, "a whole number of characters"
            )
            if not 1 <= most <= 10_000_000:
                message = f"[{kind}.{name}] output_characters is {most}."
                raise self.wrong(message, "Use 1 to 10000000.", kind, name, "output_characters")
        return limits


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
