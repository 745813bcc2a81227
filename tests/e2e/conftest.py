"""The installed command, with folders of its own."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

COMMAND = Path(sysconfig.get_path("scripts")) / "gptoss-chat"


@dataclass(frozen=True, slots=True)
class Command:
    """Runs `gptoss-chat` with a history and settings of its own."""

    env: dict[str, str]

    def run(self, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run to the end; without `stdin` it is empty."""
        return subprocess.run(
            [COMMAND, *args], env=self.env, input=stdin or "", capture_output=True, text=True, timeout=120, check=False
        )

    def start(self, *args: str, **variables: str) -> subprocess.Popen[str]:
        """Start, with stdout and stderr as pipes and these variables of the environment beside its own."""
        return subprocess.Popen(
            [COMMAND, *args],
            env={**self.env, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command of this virtual environment; nothing of the person's who runs the tests is read or written."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GPTOSS_CHAT_")}
    env |= {
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_OFFLINE": "1",
        "HOME": str(tmp_path),
        "OMP_NUM_THREADS": "1",
        "TERM": "xterm-256color",
    }
    return Command(env)


def one_sentence(stderr: str) -> Sequence[str]:
    """The lines of an error, which is no traceback."""
    assert "Traceback" not in stderr, stderr
    return [line for line in stderr.splitlines() if line.strip()]
