"""The chat in a pseudo-terminal: the installed command, the built-in model, real keys."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator

import pexpect
import pyte
import pytest

from tests.e2e.conftest import COMMAND, Command


class Terminal:
    """A screen of 100x30 on which the command draws."""

    def __init__(self, command: Command) -> None:
        self._screen = pyte.Screen(100, 30)
        self._stream = pyte.ByteStream(self._screen)
        self._child = pexpect.spawn(str(COMMAND), env=command.env, dimensions=(30, 100), timeout=5)  # type: ignore[arg-type]

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    def keys(self, keys: str) -> None:
        self._child.send(keys)

    def wait(self, what: str, seen: Callable[[str], object], timeout_s: float = 60) -> str:
        """Draw until `seen` is true of the screen."""
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            try:
                self._stream.feed(self._child.read_nonblocking(65536, 0.1))
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                break
            if seen(self.text):
                return self.text
        pytest.fail(f"never saw {what} on:\n{self.text}")

    def end(self) -> int | None:
        """Wait for the command to end; its exit code."""
        end_s = time.monotonic() + 20
        while self._child.isalive() and time.monotonic() < end_s:
            try:
                self._child.read_nonblocking(65536, 0.1)
            except (pexpect.TIMEOUT, pexpect.EOF):
                continue
        self._child.close(force=True)
        return self._child.exitstatus


@pytest.fixture
def terminal(command: Command) -> Iterator[Terminal]:
    """The chat, opened; closed by force after the test if it still runs."""
    terminal = Terminal(command)
    yield terminal
    terminal.end() if terminal._child.exitstatus is not None else terminal._child.close(force=True)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_three_questions_and_a_cached_follow_up(terminal: Terminal) -> None:
    """Typing works before the model is there; three questions are answered; the follow-up reuses the cache; Ctrl+Q quits."""
    terminal.wait("the prompt", lambda text: "Ask" in text)
    terminal.keys("What is 12 + 7?")
    terminal.wait("what was typed", lambda text: "What is 12 + 7?" in text)
    terminal.keys("\r")
    first = _counts(terminal.wait("the first usage", lambda text: _counts(text) is not None and "tok/s" in text))
    assert first is not None
    reused, prefilled = first
    assert reused == 0
    assert prefilled > 20
    time.sleep(0.5)  # the reader reads; the canonical rendering is prefilled meanwhile
    for question in ("and times 3?", "Which planet is the largest?"):
        before = _counts(terminal.text)
        terminal.keys(question)
        terminal.wait("what was typed", lambda text, q=question: q in text)  # type: ignore[misc]
        terminal.keys("\r")
        text = terminal.wait("another usage", lambda text, b=before: _counts(text) not in (None, b) and "tok/s" in text)  # type: ignore[misc]
        counts = _counts(text)
        assert counts is not None
        assert counts[0] > prefilled, "everything before the new prompt is reused"
        assert counts[1] < 40, "only what was typed is prefilled"
        time.sleep(0.5)
    terminal.keys("\x11")
    assert terminal.end() == 0


def _counts(text: str) -> tuple[int, int] | None:
    """Reused and prefilled tokens, as the status line says."""
    found = re.search(r"reused ([\d,]+) · prefilled ([\d,]+)", text)
    return (int(found[1].replace(",", "")), int(found[2].replace(",", ""))) if found else None
