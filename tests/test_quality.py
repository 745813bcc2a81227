"""The checks that hold the code in shape are tests: one command passes everything."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = Path(sysconfig.get_path("scripts"))


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports",),
    ],
    ids=lambda command: " ".join(command),
)
def test_checker_finds_nothing(command: tuple[str, ...]) -> None:
    """Lint, format, types and layers are clean."""
    done = subprocess.run([SCRIPTS / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ci_runs_what_the_readme_says() -> None:
    """The README's two commands are the ones that .ci/run runs (quietly, and without a terminal)."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace("install -q", "install")
    commands = re.findall(r"^python3 -m venv .+$", readme, re.MULTILINE)
    assert len(commands) == 2
    opens, tests = commands
    assert opens.removesuffix(".venv/bin/gptoss-chat") in ci
    assert opens.endswith(".venv/bin/gptoss-chat")
    assert tests in ci


def test_help_does_not_import_torch() -> None:
    """`--help`, completion and the way to the first painted frame stay quick: torch is imported late."""
    code = (
        "import sys; import gptoss_chat.cli.commands, gptoss_chat.cli.oneshot, gptoss_chat.tui.app, gptoss_chat.chat.session;"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
