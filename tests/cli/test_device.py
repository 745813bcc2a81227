"""--device and --gpu-memory: over the settings, checked as typed, and told in one sentence where they can't be had."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from gptoss_chat.cli.commands import app
from gptoss_chat.cli.options import on_device
from gptoss_chat.errors import GptossChatError, UsageError
from gptoss_chat.paths import Paths
from gptoss_chat.settings import Settings, load_settings


def test_flags_are_over_the_settings() -> None:
    """What no flag says stays."""
    settings = Settings(device="cuda", gpu_memory_gib=7.0)
    assert on_device(settings, None, None) == settings
    assert on_device(settings, "cpu", None).device == "cpu"
    assert on_device(settings, None, "12GiB").gpu_memory_gib == 12.0


@pytest.mark.parametrize(
    ("text", "gib"),
    [("12", 12.0), ("12GiB", 12.0), ("12 gib", 12.0), ("1.5g", 1.5), ("2048MiB", 2.0), ("16GB", 16e9 / 2**30)],
)
def test_amounts_of_memory_are_read(text: str, gib: float) -> None:
    """In the units that people and vendors use; without one it is GiB."""
    assert on_device(Settings(), None, text).gpu_memory_gib == pytest.approx(gib)


@pytest.mark.parametrize(
    ("device", "memory", "says"),
    [
        ("gpu", None, "--device: device is 'gpu'"),
        ("cuda:", None, "cuda:"),
        (None, "lots", "lots is no amount"),
        (None, "-3", "-3 is no amount"),
        (None, "0", "--gpu-memory"),
    ],
)
def test_senseless_flags_are_named(device: str | None, memory: str | None, says: str) -> None:
    """With the exit code of wrong usage."""
    with pytest.raises(GptossChatError, match=says) as caught:
        on_device(Settings(), device, memory)
    assert caught.value.exit_code == 2


def test_settings_are_read_from_file_and_variables(tmp_path: Path) -> None:
    """A variable is over the file, as for every setting."""
    paths = Paths(tmp_path, tmp_path, tmp_path)
    paths.config_file.write_text('device = "cuda:1"\ngpu_memory_gib = 10\n')
    assert load_settings(paths, {}).device == "cuda:1"
    settings = load_settings(paths, {"GPTOSS_CHAT_DEVICE": "cpu", "GPTOSS_CHAT_GPU_MEMORY_GIB": "4.5"})
    assert (settings.device, settings.gpu_memory_gib) == ("cpu", 4.5)


def test_forced_device_that_is_not_there_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is not computed elsewhere without a word."""
    monkeypatch.setattr(torch.version, "cuda", None)
    result = CliRunner().invoke(app, ["-p", "3 + 4", "--no-history", "--device", "cuda"])
    assert isinstance(result.exception, UsageError)
    assert "built without CUDA" in result.exception.message
    assert result.stdout == ""
