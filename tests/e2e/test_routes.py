"""Routing through the installed command: an answer with rules, and what is stored of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Command


def test_banned_expert_is_in_no_stored_route(command: Command) -> None:
    """-p with --route, then the routes of that answer: the expert has no share; the one that was pinned is everywhere."""
    asked = command.run("-p", "What is 17 + 8?", "--seed", "1", "--max-tokens", "30", "--route", "ban 2:5; pin 4:11")
    assert asked.returncode == 0, asked.stderr
    found = json.loads(command.run("routes", "--format", "json").stdout)
    load = found["analyses"]["load"]
    assert load[2][5] == 0
    assert load[4][11] == len(found["tokens"])
    plain = command.run("-p", "What is 17 + 8?", "--seed", "1", "--max-tokens", "30")
    assert plain.returncode == 0
    assert json.loads(command.run("routes", "--format", "json").stdout)["analyses"]["load"][2][5] > 0


@pytest.mark.parametrize("form", ["csv", "json"])
def test_routes_of_one_prompt_are_those_of_the_command(command: Command, tmp_path: Path, form: str) -> None:
    """-p --routes writes what `routes` prints of the answer, byte by byte; here with fewer experts a token."""
    file = tmp_path / f"routes.{form}"
    asked = command.run(
        "-p", "What is 17 + 8?", "--seed", "1", "--max-tokens", "12", "--route", "topk 2", "--routes", str(file)
    )
    assert asked.returncode == 0, asked.stderr
    printed = command.run("routes", "--format", form).stdout
    assert file.read_text(encoding="utf-8") == printed
    if form == "json":
        tokens = json.loads(printed)["tokens"]
        assert {len(layer) for token in tokens for layer in token["experts"]} == {2}
        assert tokens[-1]["probability"] > 0
        assert len(tokens[-1]["alternatives"]) == 5


def test_rule_that_the_model_can_not_follow_is_a_usage_error(command: Command) -> None:
    """Bad text, and an expert that is not there; both say what would be right."""
    for route in ("ban everything", "ban 2:900"):
        done = command.run("-p", "Hi", "--route", route)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert "experts" in done.stderr
