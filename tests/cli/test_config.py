"""The printed example is a config.toml that works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gptoss_chat.cli.config import example, set_
from gptoss_chat.cli.opening import _check_theme
from gptoss_chat.cli.options import Flags, turn_options
from gptoss_chat.errors import GptossChatError, SettingsError, UsageError
from gptoss_chat.paths import Paths
from gptoss_chat.settings import BY_NAME, Settings, load_settings, read_config
from gptoss_chat.tools.config import MCP_KEYS, TOOL_KEYS, read_toolbox
from gptoss_chat.tui.key_map import KeyMap


def test_example_with_every_line_in_force_is_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each setting stands in it once; with the comment signs taken away, settings, preset, keys and tools are read back."""
    example()
    lines = [line.removeprefix("# ") for line in capsys.readouterr().out.splitlines()]
    active = [line for line in lines if re.match(r"\[|[a-z_0-9]+ = ", line)]
    paths = Paths(tmp_path / "data", tmp_path / "cache", tmp_path)
    paths.config_file.write_text("\n".join(active))
    settings = load_settings(paths, {})
    assert [line.split(" = ")[0] for line in active][: len(BY_NAME)] == list(BY_NAME)
    assert settings.with_preset("careful").effort == "high"
    assert [action.keys for action in KeyMap(settings.keys).actions] == [action.keys for action in KeyMap().actions]
    toolbox = read_toolbox(paths)
    assert toolbox.names == ("clock", "calculator", "weather", "files")
    tables = read_config(paths)
    assert tuple(tables["tool"]["weather"]) == TOOL_KEYS
    assert tuple(tables["mcp"]["files"]) == MCP_KEYS
    assert toolbox.offer(lambda: False, tables["tools"]).functions[-1].name == "weather"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("theme", "pink", "no theme 'pink'"),
        ("preset", "careful", "no preset 'careful'"),
        ("route", "fly", "no routing rule"),
        ("model", "/nowhere", "/nowhere"),
        ("effort", "3", "effort is '3'"),
        ("keys", "x", "no setting 'keys'"),
    ],
)
def test_what_the_next_start_would_refuse_is_not_written(
    name: str, value: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence; the file stays as it is."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = Paths.of_user().config_file
    set_("theme", "paper")
    before = file.read_text()
    with pytest.raises(GptossChatError, match=says):
        set_(name, value)
    assert file.read_text() == before


def test_theme_of_the_file_that_there_is_not_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or with the variable's name, where that goes before the file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = Paths.of_user().config_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('effort = "low"\ntheme = "pink"\n')
    with pytest.raises(SettingsError, match=r"config\.toml, line 2: there is no theme 'pink'"):
        _check_theme(load_settings(Paths.of_user(), {}))
    monkeypatch.setenv("GPTOSS_CHAT_THEME", "green")
    with pytest.raises(SettingsError, match="GPTOSS_CHAT_THEME: there is no theme 'green'"):
        _check_theme(load_settings(Paths.of_user()))
    _check_theme(Settings(theme="nord"))  # one of the toolkit's


def test_route_of_the_file_that_is_none_is_told_as_a_setting(tmp_path: Path) -> None:
    """A flag goes before it."""
    with pytest.raises(UsageError, match="The setting route: 'fly' is no routing rule"):
        turn_options(Flags(), Settings(route="fly"), tmp_path)
    assert turn_options(Flags(route=""), Settings(route="fly"), tmp_path).route == ()
