"""Tools with -p: who may run, what is printed where, and the flags."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gptoss_chat.chat.session import Session
from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.cli.oneshot import OneShot, run_oneshot
from gptoss_chat.harmony.messages import FunctionTool
from gptoss_chat.history import Store
from gptoss_chat.tools.toolbox import Toolbox
from gptoss_chat.tools.values import Tool
from tests.encodings import byte_encoding
from tests.scripted import scripted_loader
from tests.tool_script import ToolEngine, clock_step

PLAIN = TurnOptions()
Open = Callable[[str], Session]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """A session whose clock has the consent given."""
    store = Store.open(tmp_path / "history.db")
    sessions: list[Session] = []

    def open_(allow: str) -> Session:
        tool = Tool(FunctionTool("clock", ""), lambda _a, _s: "14:05\n\x1b", "date", allow)  # type: ignore[arg-type]
        session = Session(
            store,
            scripted_loader(ToolEngine(byte_encoding(), clock_step)),
            model_name="scripted",
            date=lambda: "2026-01-02",
            toolbox=Toolbox({"clock": tool}, offered=["clock"]),
        )
        sessions.append(session)
        session.start()
        return session

    yield open_
    for session in sessions:
        session.close()
    store.close()


@pytest.mark.parametrize(("allow", "flag"), [("always", False), ("ask", True)])
def test_allowed_tool_runs(opened: Open, capsys: pytest.CaptureFixture[str], allow: str, flag: bool) -> None:
    """By its setting or by the flag; the answer alone is on stdout, the call is one harmless line on stderr."""
    assert run_oneshot(opened(allow), OneShot("What time is it?", PLAIN, allow_tools=flag)) == 0
    out, err = capsys.readouterr()
    assert out == "It is 14:05\n\x1b.\n"
    assert err == "functions.clock {} → 14:05 ␛\n"


def test_tool_that_asks_is_refused(opened: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is there to ask: the model is told, and so is the person, with a remedy."""
    assert run_oneshot(opened("ask"), OneShot("What time is it?", PLAIN)) == 0
    out, err = capsys.readouterr()
    assert out == "It is error: the person did not allow this call.\n"
    assert "functions.clock may not run: give --allow-tools" in err


def test_json_tells_calls(opened: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """One object holds them with their results; the stream has every state of each."""
    call = {"name": "functions.clock", "arguments": "{}", "result": "14:05\n\x1b"}
    run_oneshot(opened("always"), OneShot("What time is it?", PLAIN, output="json"))
    assert json.loads(capsys.readouterr().out)["calls"] == [call]
    run_oneshot(opened("always"), OneShot("What time is it?", PLAIN, output="jsonl"))
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["state"], row["result"]) for row in rows if row["type"] == "tool"] == [
        ("running", ""),
        ("done", "14:05\n\x1b"),
    ]
    assert "".join(row["text"] for row in rows if row["type"] == "tool_call") == "{}"
    assert rows[-1]["calls"] == [call]
