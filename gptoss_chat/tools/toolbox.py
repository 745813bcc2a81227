"""The tools that a person has: which are offered, and which one a call means; it knows nothing of conversations or consent."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gptoss_chat.errors import UsageError
from gptoss_chat.harmony.messages import FunctionTool
from gptoss_chat.tools.builtin import BUILT_IN
from gptoss_chat.tools.mcp import McpServer, McpServerConfig
from gptoss_chat.tools.schema import mismatch
from gptoss_chat.tools.values import Call, Stopped, Tool, ToolError

PREFIX = "functions."


@dataclass(frozen=True, slots=True)
class Offer:
    """Functions for a conversation's first message, and what the person has to be told of those that are missing."""

    functions: tuple[FunctionTool, ...]
    notices: tuple[str, ...] = ()


class Toolbox:
    """Declared tools, the built-in ones and those of MCP servers, which are started at their first use. From any thread.

    `offered` are the names (of tools, or of servers for all of theirs) that a conversation begins with, unless told otherwise.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool] = BUILT_IN,
        servers: Sequence[McpServerConfig] = (),
        offered: Sequence[str] = (),
    ) -> None:
        self._tools = dict(tools)
        self._servers = {config.name: McpServer(config) for config in servers}
        self._offered = tuple(offered)
        self._of_server: dict[str, tuple[Tool, ...]] = {}  # as each listed them at its first use
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """What can be offered by name."""
        return (*self._tools, *self._servers)

    def check(self, names: Sequence[str]) -> None:
        """Raises UsageError for a name of nothing here."""
        for name in names:
            if name not in self.names:
                raise UsageError(f"There is no tool '{name}'.", f"There are: {', '.join(self.names)}.")

    def offer(self, stopped: Stopped, names: Sequence[str] | None = None) -> Offer:
        """The functions of `names`, else of those that are always offered; the built-in ones stand first, in their own order.

        May start servers, and wait for them: not for a thread that draws. Raises ToolStoppedError.
        """
        ordered = self._ordered(names)
        functions: dict[str, FunctionTool] = {}
        notices: list[str] = []
        for name in ordered:
            try:
                tools = (self._tools[name],) if name in self._tools else self._tools_of(name, stopped)
            except ToolError as error:
                notices.append(f"No tools of {name}: {error}.")
                continue
            for tool in tools:
                functions.setdefault(tool.function.name, tool.function)
        return Offer(tuple(functions.values()), tuple(notices))

    def at_hand(self, names: Sequence[str] | None = None) -> tuple[FunctionTool, ...] | None:
        """What `offer` would give, where it need not ask a server for the first time; else None. At once."""
        ordered = self._ordered(names)
        if any(name not in self._tools and name not in self._of_server for name in ordered):
            return None
        return self.offer(lambda: False, ordered).functions

    def call(self, recipient: str, arguments: str, offered: Sequence[FunctionTool], stopped: Stopped) -> Call:
        """What a call to `recipient` means, for a conversation that offers `offered`; `arguments` is JSON as the model wrote it.

        Raises ToolError: an unknown tool, no JSON, or not what its schema wants; and ToolStoppedError.
        """
        name = recipient.removeprefix(PREFIX)
        function = next((function for function in offered if function.name == name), None)
        tool = self._find(name, stopped) if function is not None else None
        if function is None or tool is None:
            raise ToolError(f"unknown tool {name}")
        try:
            value: Any = json.loads(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError) as error:
            raise ToolError("the arguments are no valid JSON") from error
        if not isinstance(value, dict):
            raise ToolError("the arguments are no JSON object")
        # What the conversation declares is what the model knows; what the tool wants by now is what it will be given.
        for schema in (function.parameters, tool.function.parameters):
            if schema is not None and (wrong := mismatch(schema, value)) is not None:
                raise ToolError(wrong)
        return Call(tool, value)

    def close(self) -> None:
        """End the servers."""
        for server in self._servers.values():
            server.close()

    def _ordered(self, names: Sequence[str] | None) -> list[str]:
        wanted = dict.fromkeys(self._offered if names is None else names)
        return [name for name in BUILT_IN if name in wanted] + [name for name in wanted if name not in BUILT_IN]

    def _find(self, name: str, stopped: Stopped) -> Tool | None:
        if (tool := self._tools.get(name)) is not None:
            return tool
        for server in self._servers:
            if name.startswith(f"{server}_"):
                for tool in self._tools_of(server, stopped):
                    if tool.function.name == name:
                        return tool
        return None

    def _tools_of(self, server: str, stopped: Stopped) -> tuple[Tool, ...]:
        with self._lock:
            if server not in self._of_server:
                self._of_server[server] = self._servers[server].tools(stopped)
            return self._of_server[server]
