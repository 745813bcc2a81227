"""The printed example is a config.toml that works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gptoss_chat.cli.config import example
from gptoss_chat.paths import Paths
from gptoss_chat.settings import BY_NAME, load_settings, read_config
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
