"""Tools in config.toml: what they become, and how mistakes are told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gptoss_chat.errors import SettingsError, UsageError
from gptoss_chat.paths import Paths
from gptoss_chat.settings import Settings, load_settings
from gptoss_chat.tools.builtin import BUILT_IN
from gptoss_chat.tools.config import read_toolbox

WEATHER = f"""
effort = "low"
tools = ["weather", "calculator", "clock"]

[tool.weather]
description = "Tells the weather."
parameters = {{ type = "object", properties = {{ city = {{ type = "string" }} }}, required = ["city"] }}
command = [{sys.executable!r}, "-c", "import json, sys; print('rain in', json.load(sys.stdin)['city'])"]
"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Folders of a person who has none of them yet."""
    (tmp_path / "config").mkdir()
    return Paths(tmp_path / "data", tmp_path / "cache", tmp_path / "config")


def test_nothing_declared_offers_nothing(paths: Paths) -> None:
    """The built-in tools are there for whoever names them."""
    toolbox = read_toolbox(paths)
    assert toolbox.names == ("clock", "calculator")
    assert toolbox.offer(lambda: False).functions == ()


def test_declared_tool_is_offered_and_runs(paths: Paths) -> None:
    """The built-in ones stand first, as the built-in model has learnt them."""
    paths.config_file.write_text(WEATHER)
    toolbox = read_toolbox(paths)
    functions = toolbox.offer(lambda: False).functions
    assert [function.name for function in functions] == ["clock", "calculator", "weather"]
    call = toolbox.call("functions.weather", '{"city": "Bonn"}', functions, lambda: False)
    assert call.tool.allow == "ask"
    assert call.run(lambda: False) == "rain in Bonn"


def test_settings_leave_tools_alone(paths: Paths) -> None:
    """The tables are no settings that they do not know."""
    paths.config_file.write_text(WEATHER)
    assert load_settings(paths, {}) == Settings(effort="low")


def test_built_in_tool_can_be_changed(paths: Paths) -> None:
    """Its consent alone, or what runs, under the declaration that the built-in model knows."""
    paths.config_file.write_text('[tool.clock]\nallow = "ask"\n[tool.calculator]\ncommand = ["echo", "42"]\n')
    toolbox = read_toolbox(paths)
    functions = toolbox.offer(lambda: False, ["calculator", "clock"]).functions
    assert functions == tuple(tool.function for tool in BUILT_IN.values())
    assert toolbox.call("functions.clock", "{}", functions, lambda: False).tool.allow == "ask"
    calculator = toolbox.call("functions.calculator", '{"expression":"1"}', functions, lambda: False)
    assert (calculator.tool.allow, calculator.run(lambda: False)) == ("ask", "42")


def test_name_of_nothing_is_told(paths: Paths) -> None:
    """With what there is."""
    with pytest.raises(UsageError, match=r"no tool 'wether'.*clock, calculator"):
        read_toolbox(paths).check(["clock", "wether"])


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('tools = "clock"', 1, "list"),
        ('\ntools = ["clock", "weather"]', 2, "'weather', which is no tool"),
        ("tool = 3", 1, r"\[tool.NAME\]"),
        ("[tool.1x]\ncommand = ['a']", 1, "letters, digits"),
        ("[tool.x]\ndescription = 'a'", 1, "has no command"),
        ("[tool.x]\ncommand = 'date'", 2, "It must be a list"),
        ("[tool.x]\ncommand = []", 2, "It must be a list"),
        ("[tool.x]\ncommand = ['a']\nalow = 'ask'", 3, "no setting 'alow'"),
        ("[tool.x]\ncommand = ['a']\nallow = 'never'", 3, '"ask" or "always"'),
        ("[tool.x]\ncommand = ['a']\nallow = ['ask']", 3, '"ask" or "always"'),
        ("[tool.x]\ncommand = ['a']\ntimeout_s = 0", 3, "seconds"),
        ("[tool.x]\ncommand = ['a']\ntimeout_s = true", 3, "seconds"),
        ("[tool.x]\ncommand = ['a']\noutput_characters = 1.5", 3, "whole number"),
        ("[tool.x]\ncommand = ['a']\nparameters = {type = 'string'}", 3, "no schema of an object"),
        ("[tool.clock]\ntimeout_s = 3", 2, "without a command"),
        ("[mcp.x]\nenv = {}", 1, "has no command"),
        ("[mcp.x]\ncommand = ['a']\nenv = {A = 1}", 3, "table of texts"),
        ("[mcp.clock]\ncommand = ['a']", 1, "name of a tool"),
    ],
)
def test_mistake_is_one_sentence_with_its_line(paths: Paths, text: str, line: int, says: str) -> None:
    """The file, the line, what is there, and what should be."""
    paths.config_file.write_text(text)
    with pytest.raises(SettingsError, match=says) as caught:
        read_toolbox(paths)
    assert caught.value.message.startswith(f"{paths.config_file}, line {line}: ")
