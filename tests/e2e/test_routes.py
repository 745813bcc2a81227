"""Routing through the installed command: an answer with rules, and what is stored of it."""

from __future__ import annotations

import json

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


def test_rule_that_the_model_can_not_follow_is_a_usage_error(command: Command) -> None:
    """Bad text, and an expert that is not there; both say what would be right."""
    for route in ("ban everything", "ban 2:900"):
        done = command.run("-p", "Hi", "--route", route)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert "experts" in done.stderr
