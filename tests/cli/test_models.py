"""`models`, `history` and `config` as commands, in one process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gptoss_chat.cli import config, history, models
from gptoss_chat.errors import HistoryError
from gptoss_chat.history import Store
from gptoss_chat.paths import Paths
from tests.catalog.test_entry import write_model
from tests.history.conftest import exchange


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A fresh user."""
    paths = Paths(tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    monkeypatch.setattr(Paths, "of_user", classmethod(lambda cls: paths))
    return paths


def test_used_model_is_the_default(paths: Paths, tmp_path: Path) -> None:
    """`use` keeps the folder; `show` without a name then describes it."""
    folder = write_model(tmp_path / "mine")
    assert CliRunner().invoke(models.app, ["use", str(folder)], catch_exceptions=False).exit_code == 0
    shown = CliRunner().invoke(models.app, ["show", "--json"], catch_exceptions=False)
    facts = json.loads(shown.stdout)
    assert (facts["name"], facts["folder"], facts["spec"]["experts"]) == ("mine", str(folder), 6)
    text = CliRunner().invoke(models.app, ["show"], catch_exceptions=False).stdout
    assert "6 a layer, 2 active" in text


def test_history_is_listed_searched_and_shown_without_controls(paths: Paths) -> None:
    """What a model wrote can't drive the terminal."""
    store = Store.open(paths.history_db)
    talk = store.new_conversation("zebras\x1b[2J", date="2026-01-02")
    exchange(store, talk.id, None, "what is a quagga", "an \x1b]0;owned\x07animal")
    store.close()
    runner = CliRunner()
    for command in (["list"], ["search", "quag"], ["show", talk.id[:8]]):
        result = runner.invoke(history.app, command, catch_exceptions=False)
        assert result.exit_code == 0
        assert "\x1b" not in result.stdout
        assert "zebras␛[2J" in result.stdout
    assert json.loads(runner.invoke(history.app, ["list", "--json"]).stdout)[0]["id"] == talk.id
    assert runner.invoke(history.app, ["delete", talk.id], catch_exceptions=False).exit_code == 0
    assert runner.invoke(history.app, ["list"]).stdout == ""
    assert runner.invoke(history.app, ["undelete", talk.id], catch_exceptions=False).exit_code == 0
    assert "zebras" in runner.invoke(history.app, ["list"]).stdout


def test_exported_history_is_imported_elsewhere(paths: Paths, tmp_path: Path) -> None:
    """All of it as JSON Lines, into an empty history; Markdown goes to stdout."""
    store = Store.open(paths.history_db)
    talks = [store.new_conversation(title, date="2026-01-02") for title in ("zebras", "quaggas")]
    for talk in talks:
        exchange(store, talk.id, None, "hello", "hi")
    store.close()
    runner, file = CliRunner(), tmp_path / "all.jsonl"
    assert "## You\n\nhello" in runner.invoke(history.app, ["export", talks[0].id, "--format", "markdown"]).stdout
    runner.invoke(history.app, ["export", "--format", "jsonl", "-o", str(file)], catch_exceptions=False)
    for old in paths.data.iterdir():
        old.unlink()
    runner.invoke(history.app, ["import", str(file)], catch_exceptions=False)
    listed = json.loads(runner.invoke(history.app, ["list", "--json"]).stdout)
    assert sorted(found["title"] for found in listed) == ["quaggas", "zebras"]


def test_unknown_conversation_is_an_error(paths: Paths) -> None:
    """The one sentence is printed by the command's top."""
    result = CliRunner().invoke(history.app, ["show", "feedface"])
    assert isinstance(result.exception, HistoryError)


def test_setting_is_set_and_shown(paths: Paths) -> None:
    """`config set`, `config show` and `config path` agree."""
    assert CliRunner().invoke(config.app, ["set", "effort", "high"], catch_exceptions=False).exit_code == 0
    assert "'high'" in CliRunner().invoke(config.app, ["show"], catch_exceptions=False).stdout
    assert CliRunner().invoke(config.app, ["path"], catch_exceptions=False).stdout.strip() == str(paths.config_file)
