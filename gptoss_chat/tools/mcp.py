"""Tools of MCP servers over stdio, through the official `mcp` package; it knows nothing of consent or conversations.

The package takes long to import and is an extra: it is met at the first use, on the thread that runs the servers.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

from gptoss_chat.harmony.messages import FunctionTool
from gptoss_chat.tools.values import Allow, Stopped, Tool, ToolError, ToolStoppedError

if TYPE_CHECKING:
    from mcp import ClientSession

T = TypeVar("T")
LOOK_S = 0.05  # between two looks at whether a call shall end
CLOSE_S = 5.0
MOST_STDERR_BYTES = 4_096
TOLD_CHARACTERS = 300  # of what a server that failed says on stderr


@dataclass(frozen=True, slots=True)
class McpServerConfig:
    """How a server is started, and the limits of its tools. `env` is added to the few variables that a server is given."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    allow: Allow = "ask"
    timeout_s: float = 30.0
    start_timeout_s: float = 30.0
    output_characters: int = 16_000


class McpServer:
    """One server, started at its first use, and again when it is used after it ended. From any thread."""

    def __init__(self, config: McpServerConfig) -> None:
        self.config = config
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._session: ClientSession | None = None
        self._stderr: TextIO | None = None

    def tools(self, stopped: Stopped) -> tuple[Tool, ...]:
        """The tools that it offers, each named `server_tool`. Starts it. Raises ToolError, in one sentence, and
        ToolStoppedError."""
        config = self.config
        listed = self._ask(self._list, stopped, config.start_timeout_s, "lists no tools")
        return tuple(
            Tool(
                FunctionTool(function_name(config.name, name), description, schema),
                functools.partial(self._call, name),
                f"{name} of the MCP server {config.name}",
                config.allow,
                config.output_characters,
            )
            for name, description, schema in listed
        )

    def close(self) -> None:
        """End it."""
        self._closing.set()
        with self._lock:
            self._end()

    def _call(self, name: str, arguments: Mapping[str, Any], stopped: Stopped) -> str:
        return self._ask(
            lambda: self._call_tool(name, dict(arguments)), stopped, self.config.timeout_s, "gave no result"
        )

    def _ask(self, asked: Callable[[], Coroutine[Any, Any, T]], stopped: Stopped, timeout_s: float, failing: str) -> T:
        """The result of `asked` on the server's thread. A server that fails is ended: its next use starts it again."""
        with self._lock:
            loop = self._start(stopped)
            future = asyncio.run_coroutine_threadsafe(asked(), loop)
        try:
            return _wait_for(future, lambda: stopped() or self._closing.is_set(), timeout_s)
        except (ToolError, ToolStoppedError):
            future.cancel()
            raise
        except TimeoutError:
            future.cancel()
            raise ToolError(f"timed out after {timeout_s:g} s") from None
        except Exception as error:
            said = self._said(error)
            with self._lock:
                self._end()
            raise ToolError(f"the MCP server {self.config.name} {failing}: {said}") from error

    async def _list(self) -> list[tuple[str, str, Mapping[str, Any]]]:
        from mcp.types import PaginatedRequestParams

        session = cast("ClientSession", self._session)
        listed: list[tuple[str, str, Mapping[str, Any]]] = []
        cursor = None
        while True:
            page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
            listed += [(tool.name, tool.description or "", tool.input_schema) for tool in page.tools]
            cursor = page.next_cursor
            if not cursor:
                return listed

    async def _call_tool(self, name: str, arguments: dict[str, Any]) -> str:
        from mcp.types import CallToolResult, TextContent

        result = await cast("ClientSession", self._session).call_tool(name, arguments)
        if not isinstance(result, CallToolResult):
            raise ToolError("the tool asks for something that this program can't give")
        parts = [part.text if isinstance(part, TextContent) else f"[{part.type}, not shown]" for part in result.content]
        text = "\n".join(parts)
        if not parts and result.structured_content is not None:
            text = json.dumps(result.structured_content, ensure_ascii=False)
        if result.is_error:
            raise ToolError(text or "the tool failed")
        return text

    # Starting and ending; the caller holds the lock -----------------------------------------------------------------

    def _start(self, stopped: Stopped) -> asyncio.AbstractEventLoop:
        if self._loop is not None:
            if self._thread is not None and self._thread.is_alive():
                return self._loop
            self._end()  # the connection broke, and its loop is closed
        try:
            import mcp  # noqa: F401 - here, where the time that it takes is nobody's limit
        except ImportError as error:
            raise ToolError("MCP servers need the package mcp: pip install 'gptoss-chat[mcp]'") from error
        self._stderr = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - lives as long as the server
        ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=self._run, args=(ready, self._stderr), name=f"mcp {self.config.name}", daemon=True
        )
        self._thread.start()
        timeout_s = self.config.start_timeout_s
        try:
            _wait_for(ready, lambda: stopped() or self._closing.is_set(), timeout_s)
        except TimeoutError as error:
            self._end()
            raise ToolError(f"the MCP server {self.config.name} did not start within {timeout_s:g} s") from error
        except ToolStoppedError:
            self._end()
            raise
        except Exception as error:
            said = self._said(error)
            self._end()
            raise ToolError(f"the MCP server {self.config.name} did not start: {said}") from error
        assert self._loop is not None
        return self._loop

    def _run(self, ready: concurrent.futures.Future[None], stderr: TextIO) -> None:
        """The server's thread."""
        with contextlib.suppress(asyncio.CancelledError):  # it was ended
            asyncio.run(self._serve(ready, stderr))

    async def _serve(self, ready: concurrent.futures.Future[None], stderr: TextIO) -> None:
        """Hold the connection until it is cancelled: what opens it has to close it, in the same task."""
        from mcp import ClientSession
        from mcp.client.stdio import StdioServerParameters, stdio_client

        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        command, *args = self.config.command
        parameters = StdioServerParameters(command=command, args=args, env=dict(self.config.env))
        try:
            async with stdio_client(parameters, errlog=stderr) as streams, ClientSession(*streams) as session:
                await session.initialize()
                self._session = session
                ready.set_result(None)
                await asyncio.Event().wait()
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the start; a later end shows at the next call
            if not ready.done():
                ready.set_exception(error)

    def _end(self) -> None:
        loop, task, thread = self._loop, self._task, self._thread
        self._loop = self._task = self._thread = self._session = None
        if loop is not None and task is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself, and its loop with it
                loop.call_soon_threadsafe(task.cancel)
        if thread is not None:
            thread.join(CLOSE_S)
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    def _said(self, error: BaseException) -> str:
        """The end of what the server wrote to stderr, else the error."""
        text = ""
        if self._stderr is not None:
            file = self._stderr.fileno()  # read in place: the server goes on writing where it is
            text = os.pread(file, MOST_STDERR_BYTES, max(0, os.fstat(file).st_size - MOST_STDERR_BYTES)).decode(
                "utf-8", errors="replace"
            )
        while isinstance(error, BaseExceptionGroup):  # as task groups wrap it
            error = error.exceptions[0]
        return " ".join(text.split())[-TOLD_CHARACTERS:] or str(error) or type(error).__name__


def _wait_for(future: concurrent.futures.Future[T], stopped: Stopped, timeout_s: float) -> T:
    """The future's result. Raises what it raises, ToolStoppedError, and TimeoutError when the time is up."""
    until_s = time.monotonic() + timeout_s
    while True:
        done, _ = concurrent.futures.wait((future,), timeout=LOOK_S)
        if done:
            return future.result()
        if stopped():
            raise ToolStoppedError
        if time.monotonic() > until_s:
            raise TimeoutError


def function_name(server: str, tool: str) -> str:
    """A tool's name in the prompt: letters, digits and _, the server's name first."""
    return re.sub(r"\W", "_", f"{server}_{tool}", flags=re.ASCII)
