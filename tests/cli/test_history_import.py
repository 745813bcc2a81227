"""`history import` as a command: what it tells, what it leaves, and how it fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gptoss_chat.cli import history
from gptoss_chat.cli.main import run
from gptoss_chat.paths import Paths
from tests.history.test_chatgpt import message, talk


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A fresh user."""
    paths = Paths(tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    monkeypatch.setattr(Paths, "of_user", classmethod(lambda cls: paths))
    return paths


def invoke(*arguments: str) -> str:
    """What the command prints; it must end well."""
    result = CliRunner().invoke(history.app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def wild() -> dict[str, Any]:
    """A conversation with a call, whose every text tries to drive the terminal."""
    escape = "\x1b]0;owned\x07"
    nodes = [
        ("u", None, message("user", f"look {escape}")),
        ("c", "u", message("assistant", f"query {escape}", recipient=f"web{escape}")),
        ("r", "c", message("tool", f"found {escape}", author={"role": "tool", "name": "web"})),
        ("a", "r", message("assistant", f"there {escape}", metadata={"model_slug": f"gpt{escape}"})),
    ]
    return talk(nodes, "a", title=f"Wild {escape}")


def test_import_tells_what_it_did_and_text_stays_data(paths: Paths, tmp_path: Path) -> None:
    """Call, result and answer are shown without controls; the second time nothing is added, and that is told."""
    file = tmp_path / "conversations.json"
    file.write_text(json.dumps([wild(), talk([("root", None, None)], "root", conversation_id="x")]))
    told = invoke("import", str(file))
    assert told == "6540d0d6  Wild ␛]0;owned␇\n1 imported; 1 without a message left out.\n"
    shown = invoke("show", "6540d0d6")
    assert "\x1b" not in shown
    assert "```text\nweb␛]0;owned␇ query ␛]0;owned␇\nfound ␛]0;owned␇\n```\n\nthere ␛]0;owned␇\n" in shown
    assert invoke("import", str(file)) == (
        "0 imported; 1 here already or deleted, and left as they are; 1 without a message left out.\n"
    )
    assert invoke("show", "6540d0d6") == shown


def test_second_import_tells_what_it_added(paths: Paths, tmp_path: Path) -> None:
    """A conversation that went on: its title, and how many messages are new."""
    file = tmp_path / "conversations.json"
    nodes = [("u", None, message("user", "one")), ("a", "u", message("assistant", "two"))]
    file.write_text(json.dumps([talk(nodes, "a")]))
    invoke("import", str(file))
    file.write_text(json.dumps([talk([*nodes, ("v", "a", message("user", "three"))], "v")]))
    assert invoke("import", str(file)) == "6540d0d6  Zoo  1 more\n0 imported; 1 went on by 1 message.\n"
    assert "three" in invoke("show", "6540d0d6")


@pytest.mark.parametrize("content", ["# Zoo\n\n## You\n\nhello\n", '[{"mapping": 3}]', "", "[{"])
def test_malformed_file_is_one_sentence_and_exit_1(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    """No traceback, and the history stays empty."""
    file = tmp_path / "file"
    file.write_text(content)
    monkeypatch.setattr(sys, "argv", ["gptoss-chat", "history", "import", str(file)])
    with pytest.raises(SystemExit) as ended:
        run()
    captured = capsys.readouterr()
    assert (ended.value.code, captured.out) == (1, "")
    assert captured.err.startswith("gptoss-chat: ")
    assert len(captured.err.splitlines()) == 2
    assert invoke("list") == ""
