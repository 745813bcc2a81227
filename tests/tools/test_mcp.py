"""Tools of MCP servers, through the official package and a tiny server of our own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gptoss_chat.tools.mcp import McpServerConfig
from gptoss_chat.tools.toolbox import Toolbox
from gptoss_chat.tools.values import ToolError, ToolStoppedError

pytest.importorskip("mcp")
SERVER = Path(__file__).with_name("mcp_server.py")
Open = Callable[..., Toolbox]


@pytest.fixture
def boxed() -> Iterator[Open]:
    """A toolbox with the server in one of its modes; closed after the test."""
    boxes: list[Toolbox] = []

    def make(mode: str = "good", *, timeout_s: float = 60.0, start_timeout_s: float = 60.0) -> Toolbox:
        command = (sys.executable, "-u", str(SERVER), mode)
        env = {"GREETING": "hello"}
        config = McpServerConfig("tiny", command, env, timeout_s=timeout_s, start_timeout_s=start_timeout_s)
        boxes.append(Toolbox({}, [config], ["tiny"]))
        return boxes[-1]

    yield make
    for box in boxes:
        box.close()


def never() -> bool:
    """Nobody wants it to end."""
    return False


def result_of(box: Toolbox, name: str, arguments: str = "{}") -> str:
    """Call a tool of the server."""
    return box.call(f"functions.{name}", arguments, box.offer(never).functions, never).run(never)


def test_tools_of_a_server_are_listed_and_called(boxed: Open) -> None:
    """All pages of the list, under the server's name; schemas are checked, errors are told, the environment is given."""
    box = boxed()
    offer = box.offer(never)
    assert offer.notices == ()
    assert [function.name for function in offer.functions] == [
        "tiny_add_up", "tiny_fail", "tiny_sleep", "tiny_die", "tiny_greet",
    ]  # fmt: skip
    assert offer.functions[0].description == "Adds two numbers."
    call = box.call("functions.tiny_add_up", '{"a": 2, "b": 3}', offer.functions, never)
    assert (call.tool.allow, call.tool.about) == ("ask", "add-up of the MCP server tiny")
    assert call.run(never) == "5"
    with pytest.raises(ToolError, match="'b' is missing"):
        box.call("functions.tiny_add_up", '{"a": 2}', offer.functions, never)
    assert result_of(box, "tiny_fail") == "error: it failed"
    assert result_of(box, "tiny_greet") == "hello"


def test_server_that_dies_is_told_and_starts_again(boxed: Open) -> None:
    """With what it said last."""
    box = boxed()
    assert result_of(box, "tiny_die") == "error: the MCP server tiny gave no result: out of luck"
    assert result_of(box, "tiny_add_up", '{"a": 2, "b": 3}') == "5"


def test_call_ends_in_time_and_on_demand(boxed: Open) -> None:
    """Neither waits for the server."""
    box = boxed(timeout_s=0.5)
    assert result_of(box, "tiny_sleep") == "error: timed out after 0.5 s"
    box = boxed()
    call = box.call("functions.tiny_sleep", "{}", box.offer(never).functions, never)
    from_s = time.monotonic()
    with pytest.raises(ToolStoppedError):
        call.run(lambda: time.monotonic() - from_s > 0.2)


def test_server_that_does_not_start_is_one_sentence(boxed: Open) -> None:
    """Its own last words; or that it was too slow. Neither keeps the conversation from being answered."""
    assert boxed("crash").offer(never).notices == (
        "No tools of tiny: the MCP server tiny did not start: no such folder.",
    )
    slow = boxed("slow", start_timeout_s=1).offer(never)
    assert slow.notices == ("No tools of tiny: the MCP server tiny did not start within 1 s.",)
    assert slow.functions == ()


def test_server_that_writes_nonsense_between_still_works(boxed: Open) -> None:
    """Lines that are no JSON-RPC are passed over."""
    assert result_of(boxed("rude"), "tiny_add_up", '{"a": 2, "b": 3}') == "5"
