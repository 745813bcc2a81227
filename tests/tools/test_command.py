"""Commands as tools: arguments in, text out, and every way to fail."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from gptoss_chat.tools.command import run_command
from gptoss_chat.tools.values import ToolError, ToolStoppedError


def run(program: str, arguments: dict[str, object] | None = None, *, timeout_s: float = 20, most: int = 1000) -> str:
    """Run a Python program as a tool."""
    command = (sys.executable, "-c", program)
    return run_command(command, arguments or {}, lambda: False, timeout_s=timeout_s, output_characters=most)


def test_arguments_are_json_on_stdin() -> None:
    """All of them, and no shell reads them."""
    text = run("import json, sys; print(json.load(sys.stdin)['a'])", {"a": "$(date) é; `x`"})
    assert text == "$(date) é; `x`"


def test_exit_code_is_told_with_the_end_of_stderr() -> None:
    """What a command says when it fails is the most useful thing to know."""
    with pytest.raises(ToolError, match="exit code 3: no such city"):
        run("import sys; print('no such\\ncity', file=sys.stderr); sys.exit(3)")


def test_signal_is_told() -> None:
    """A command that crashes has no exit code of its own."""
    with pytest.raises(ToolError, match="ended by signal 6"):
        run("import os; os.abort()")


def test_missing_command_is_told() -> None:
    """By its name."""
    with pytest.raises(ToolError, match="no-such-command can't be run: No such file"):
        run_command(("no-such-command",), {}, lambda: False, timeout_s=1, output_characters=10)


def test_output_over_the_limit_is_an_error_at_once() -> None:
    """A command that never stops writing is killed."""
    with pytest.raises(ToolError, match="longer than 1,000 characters"):
        run("while True: print('x' * 1000)")


def test_time_limit_kills_the_command_and_its_children(tmp_path: Path) -> None:
    """Also one that has put its child in the background."""
    pid_file = tmp_path / "pid"
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pid_file)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)"
    )
    with pytest.raises(ToolError, match="timed out after 3 s"):
        run(program, timeout_s=3)
    assert _is_gone(int(pid_file.read_text()))


def test_child_left_behind_keeps_nobody_waiting() -> None:
    """The command has ended; what it left behind is killed."""
    program = (
        "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)"
    )
    assert _is_gone(int(run(program)))


def test_stop_kills_the_command(tmp_path: Path) -> None:
    """Whoever waits is told that it was stopped."""
    stop = threading.Event()
    pid_file = tmp_path / "pid"
    program = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    def stopped() -> bool:
        if pid_file.exists() and pid_file.read_text():
            stop.set()
        return stop.is_set()

    with pytest.raises(ToolStoppedError):
        run_command((sys.executable, "-c", program), {}, stopped, timeout_s=60, output_characters=10)
    assert _is_gone(int(pid_file.read_text()))


def _is_gone(pid: int) -> bool:
    """Killed, or dead and waiting to be reaped by whoever took it over."""
    until_s = time.monotonic() + 5
    while time.monotonic() < until_s:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat")
            if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.01)
    return False
