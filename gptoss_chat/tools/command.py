"""Runs a command with the arguments of a call on its standard input; it knows nothing of models or consent.

There is no shell, and no argument ever becomes part of the command line: nothing that a model writes can become an option.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

from gptoss_chat.tools.values import Stopped, ToolError, ToolStoppedError, too_long

LOOK_S = 0.02  # between two looks at a command that runs
TOLD_CHARACTERS = 300  # of what a failed command says on stderr


def run_command(
    command: Sequence[str],
    arguments: Mapping[str, Any],
    stopped: Stopped,
    *,
    timeout_s: float,
    output_characters: int,
) -> str:
    """What `command` writes to stdout, without the last newline; `arguments` are one JSON object on its stdin.

    It is killed, with the processes that it started, when the time is up, when it writes too much and when `stopped` says so.
    Raises ToolError for each of these and for an exit code other than 0, ToolStoppedError for the last.
    """
    # Files, not pipes: a command can neither block on a reader nor be kept open by a child of its own.
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        stdin.write(json.dumps(arguments, ensure_ascii=False).encode("utf-8", errors="replace"))
        stdin.seek(0)
        try:
            process = subprocess.Popen(command, stdin=stdin, stdout=out, stderr=err, start_new_session=True)
        except OSError as error:
            raise ToolError(f"{command[0]} can't be run: {error.strerror}") from error
        try:
            _wait(process, (out, err), stopped, timeout_s, output_characters)
        finally:
            _kill(process)
        text = _text(out)
        if (code := process.returncode) != 0:
            said = " ".join(_text(err).split())[-TOLD_CHARACTERS:]
            how = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
            raise ToolError(f"{how}: {said}" if said else how)
        return text


def _wait(
    process: subprocess.Popen[bytes], written: Sequence[IO[bytes]], stopped: Stopped, timeout_s: float, most: int
) -> None:
    until_s = time.monotonic() + timeout_s
    while True:
        try:
            process.wait(LOOK_S)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
        if any(os.fstat(file.fileno()).st_size > 4 * most for file in written):  # a character takes at most 4 bytes
            raise ToolError(too_long(most))
        if ended:
            return
        if stopped():
            raise ToolStoppedError
        if time.monotonic() > until_s:
            raise ToolError(f"timed out after {timeout_s:g} s")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it and what it started, also where it ended by itself and left something behind."""
    try:
        os.killpg(process.pid, signal.SIGKILL)  # its session's group has its number
    except (ProcessLookupError, PermissionError):  # nothing is left; macOS says so in the second way
        process.kill()
    process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", errors="replace").rstrip("\n")
