"""How long the chat takes to its first frame, and how fast it echoes keys while torch is being imported.

Run `python -m tests.perf.first_paint [STARTS]`. Figures are medians of warm starts on a fresh home; it asserts nothing.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pexpect
import psutil
import pyte

TEXTUAL = (
    "import textual.app, textual.screen; from textual.widgets import Input, Markdown, OptionList, Static, TextArea"
)
READY = "sk something"  # of the prompt's placeholder, whose first letter lies under the cursor
ECHO_S = 6.0  # long enough for the import of torch and the loading of the built-in model


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds that passed, and seconds of processor time, which other programs disturb less."""

    wall_s: float
    cpu_s: float


def run_python(code: str) -> Spent:
    """What a new interpreter takes to run `code`."""
    start_s, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "-c", code], check=True)
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Spent(time.perf_counter() - start_s, cpu_s)


class Screen:
    """The chat in a pseudo-terminal of 100x30."""

    def __init__(self, home: Path, code: str = "from gptoss_chat.cli.main import run; run()") -> None:
        self._screen = pyte.Screen(100, 30)
        self._stream = pyte.ByteStream(self._screen)
        places = {f"XDG_{kind}_HOME": str(home / kind) for kind in ("DATA", "CACHE", "CONFIG")}
        env = {**os.environ, "HOME": str(home), "TERM": "xterm-256color", **places}
        self.started_s = time.perf_counter()
        self.child = pexpect.spawn(sys.executable, ["-c", code], env=env, dimensions=(30, 100))  # type: ignore[arg-type]
        self.child.delaybeforesend = None  # the package waits 50 ms before every key otherwise

    def wait(self, what: str, count: int = 1, timeout_s: float = 60.0) -> float:
        """Draw until `what` stands on the screen `count` times; the time at which it did."""
        end_s = time.perf_counter() + timeout_s
        while sum(line.count(what) for line in self._screen.display) < count:
            if time.perf_counter() > end_s:
                raise SystemExit(f"never saw {what!r} on\n" + "\n".join(self._screen.display))
            self._stream.feed(self.child.read_nonblocking(65536, 10))
        return time.perf_counter()

    def wait_raw(self, what: str, timeout_s: float = 60.0) -> float:
        """Read until `what` has come, without drawing: the emulator, in Python, takes longer for a frame than the chat."""
        end_s, came = time.perf_counter() + timeout_s, b""
        while what.encode() not in came:
            if time.perf_counter() > end_s:
                raise SystemExit(f"never read {what!r}")
            came += self.child.read_nonblocking(65536, 10)
        return time.perf_counter()

    def drain(self, for_s: float) -> None:
        """Read for so long, and forget it: a chat whose output nobody reads stands still."""
        end_s = time.perf_counter() + for_s
        while (left_s := end_s - time.perf_counter()) > 0:
            with contextlib.suppress(pexpect.TIMEOUT):
                self.child.read_nonblocking(65536, left_s)

    def settle(self, quiet_s: float = 0.05) -> None:
        """Draw what has come, until nothing does for so long."""
        with contextlib.suppress(pexpect.TIMEOUT):
            end_s = time.perf_counter() + 1.0
            while time.perf_counter() < end_s:
                self._stream.feed(self.child.read_nonblocking(65536, quiet_s))

    def first_frame(self) -> Spent:
        """What it took from the start of the interpreter to the first frame."""
        wall_s = self.wait(READY) - self.started_s
        times = psutil.Process(self.child.pid).cpu_times()
        return Spent(wall_s, times.user + times.system)


def measure(starts: int) -> tuple[list[Spent], list[Spent], list[float]]:
    """Textual's imports, first frames, and seconds from a key to its echo while the model loads."""
    bare, frames, echoes_s = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(starts):
            bare.append(run_python(TEXTUAL))
            screen = Screen(Path(folder))
            frames.append(screen.first_frame())
            end_s, typed = time.perf_counter() + ECHO_S, 0
            while time.perf_counter() < end_s:
                sent_s = time.perf_counter()
                screen.child.send("§")
                typed += 1
                echoes_s.append(screen.wait("§", typed) - sent_s)
                time.sleep(0.03)
            screen.child.close(force=True)
    return bare, frames, sorted(echoes_s)


def main(starts: int) -> None:
    """Measure and say."""
    bare, frames, echoes_s = measure(starts)
    for name in ("wall_s", "cpu_s"):
        textual_s, frame_s = (statistics.median(getattr(spent, name) for spent in some) for some in (bare, frames))
        over_s = frame_s - textual_s
        sys.stdout.write(f"{name}: Textual's import {textual_s:.3f}, first frame {frame_s:.3f}, over {over_s:.3f}\n")
    p50_s, p95_s = statistics.median(echoes_s), echoes_s[int(len(echoes_s) * 0.95)]
    sys.stdout.write(
        f"key echo while the model loads: p50 {p50_s * 1e3:.0f} ms, p95 {p95_s * 1e3:.0f} ms, "
        f"worst {echoes_s[-1] * 1e3:.0f} ms, {len(echoes_s)} keys\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
