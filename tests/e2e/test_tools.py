"""Tools through the installed command and the built-in model, which has learnt the clock and the calculator as a pair."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Command, one_sentence

PAIR = ("--tool", "clock", "--tool", "calculator")
GREEDY = ("--temperature", "0")

# The built-in tools again, as anybody would declare their own: a command each.
EVALUATOR = """
import ast, json, operator, sys
SIGNS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
def value(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    return SIGNS[type(node.op)](value(node.left), value(node.right))
result = value(ast.parse(json.load(sys.stdin)["expression"], mode="eval").body)
print(int(result) if result == int(result) else round(result, 4))
"""
DECLARED = f"""
tools = ["clock", "calculator"]

[tool.clock]
description = "Tells the time."
command = ["date", "+%H:%M"]
allow = "always"

[tool.calculator]
description = "Works out an expression."
parameters = {{ type = "object", properties = {{ expression = {{ type = "string" }} }}, required = ["expression"] }}
command = [{sys.executable!r}, "-c", {json.dumps(EVALUATOR)}]
allow = "ALLOW"
"""


def configure(command: Command, text: str) -> None:
    """Write config.toml."""
    file = Path(command.run("config", "path").stdout.strip())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def ask(command: Command, *args: str) -> dict[str, object]:
    """A prompt whose answer is one JSON object."""
    done = command.run(*args, *GREEDY, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("effort", ["low", "medium"])
def test_clock_is_read(command: Command, effort: str) -> None:
    """The answer is the time of this machine, give or take the minute that passes meanwhile."""
    before = time.strftime("%H:%M")
    answer = ask(command, "-p", "What time is it?", "--reasoning", effort, *PAIR)
    assert answer["calls"], answer
    (call,) = answer["calls"]  # type: ignore[misc]
    assert (call["name"], json.loads(call["arguments"])) == ("functions.clock", {})
    assert call["result"] in (before, time.strftime("%H:%M"))
    assert call["result"] in str(answer["answer"])


def test_calculator_works_out_what_the_model_can_not(command: Command) -> None:
    """Six digits times two: the expression is the question's, the number is the calculator's."""
    answer = ask(command, "-p", "What is 485454 * 2?", *PAIR)
    (call,) = answer["calls"]  # type: ignore[misc]
    assert call["name"] == "functions.calculator"
    assert call["result"] == "970908"
    assert "970908" in str(answer["answer"])


def test_declared_commands_are_run(command: Command) -> None:
    """The same pair, declared in config.toml, which also offers it."""
    configure(command, DECLARED.replace("ALLOW", "always"))
    clock = ask(command, "-p", "What time is it?")
    assert re.search(r"\d\d:\d\d", str(clock["answer"]))
    assert clock["calls"]
    calculator = ask(command, "-p", "What is 485454 * 2?")
    assert "970908" in str(calculator["answer"])


def test_tool_that_asks_is_refused_without_a_person(command: Command) -> None:
    """The model owns up to it; --allow-tools lets it run."""
    configure(command, DECLARED.replace("ALLOW", "ask"))
    done = command.run("-p", "What is 485454 * 2?", *GREEDY)
    assert done.returncode == 0
    assert "may not run: give --allow-tools" in done.stderr
    assert "970908" not in done.stdout
    allowed = command.run("-p", "What is 485454 * 2?", *GREEDY, "--allow-tools")
    assert "970908" in allowed.stdout


def test_next_turn_goes_on_from_a_call(command: Command) -> None:
    """The conversation keeps its tools without being told again, and what is exported shows the call."""
    first = ask(command, "-p", "What is 100 + 23?", *PAIR)
    assert first["calls"]
    second = ask(command, "-p", "Multiply that by 2.", "--continue")
    (call,) = second["calls"]  # type: ignore[misc]
    assert call["result"] == "246"
    exported = json.loads(command.run("history", "show", str(first["conversation"]), "--json").stdout)
    assert [bool(message["calls"]) for message in exported["messages"]] == [False, True, False, True]


def test_mistakes_are_one_sentence(command: Command) -> None:
    """A tool that is none, and a line of config.toml that makes no sense."""
    done = command.run("-p", "Hello", "--tool", "cloak")
    assert done.returncode == 2
    assert "There is no tool 'cloak'." in one_sentence(done.stderr)[0]
    configure(command, 'model = "built-in"\n[tool.x]\ncommand = "date"\n')
    done = command.run("-p", "Hello")
    assert done.returncode == 2
    assert "line 3: [tool.x] command is 'date'." in one_sentence(done.stderr)[0]
