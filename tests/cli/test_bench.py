"""`gptoss-chat bench`: what it prints and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gptoss_chat.bench import machine, peers
from gptoss_chat.cli.commands import app
from gptoss_chat.errors import UsageError

QUICK = [
    "bench",
    "--prompt-tokens",
    "8",
    "--prompt-tokens",
    "40",
    "--depth",
    "0",
    "--depth",
    "20",
    "--decode-tokens",
    "2",
]


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine of known speed, and a person with no files."""
    monkeypatch.setattr(machine, "probe", lambda threads: machine.Machine(threads, 1e9, 1e9))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))


def test_bench_prints_a_line_for_every_figure() -> None:
    """The built-in model: load, two prompts, two depths, memory."""
    result = CliRunner().invoke(app, [*QUICK, "--repeats", "1"])
    assert result.exit_code == 0, result.output
    words = [line.split()[0] for line in result.stdout.splitlines()]
    assert words == ["built-in", "this", "load", "prompt", "prompt", "decode", "decode", "memory"]
    assert "after 20 tokens" in result.stdout
    assert "MB a token" in result.stdout


def test_bench_json_is_one_object() -> None:
    """The same as data."""
    result = CliRunner().invoke(app, [*QUICK, "--repeats", "2", "--json"])
    report = json.loads(result.stdout)
    assert [(f["job"]["kind"], f["job"]["tokens"], f["job"]["depth"]) for f in report["figures"]] == [
        ("prompt", 8, 0), ("prompt", 40, 0), ("decode", 2, 0), ("decode", 2, 20),
    ]  # fmt: skip
    assert all(f["lowest"] <= f["tokens_per_s"] <= f["highest"] and f["repeats"] == 2 for f in report["figures"])
    assert report["peak_memory_bytes"]["built-in"] > 2**20


def test_hollow_weights_stand_apart_and_say_what_they_are(tmp_path: Path) -> None:
    """The whole way, with a small size; the folder is another one than that of full weights."""
    result = CliRunner().invoke(app, [*QUICK, "--repeats", "1", "--synthetic", "tiny", "--hollow"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("synthetic tiny, hollow experts")
    (file,) = tmp_path.rglob("*.safetensors")
    assert file.parent.name == "synthetic-tiny-hollow"
    assert "synthetic-tiny" not in {folder.name for folder in tmp_path.rglob("synthetic-*")}


def test_bench_refuses_what_it_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models, holes in a model that is not synthetic, a context that is too long, a comparison with nobody."""
    runner = CliRunner()
    holes = runner.invoke(app, ["bench", "--hollow"]).exception
    assert isinstance(holes, UsageError)
    assert "--synthetic" in holes.hint
    assert isinstance(runner.invoke(app, ["bench", "-m", "x", "--synthetic", "20b"]).exception, UsageError)
    long = runner.invoke(app, ["bench", "--depth", "90000"]).exception
    assert isinstance(long, UsageError)
    assert "more than the 2048" in long.message
    monkeypatch.setattr(peers, "installed", list)
    alone = runner.invoke(app, ["bench", "--compare", "model.gguf"]).exception
    assert isinstance(alone, UsageError)
    assert "pip install" in alone.hint
