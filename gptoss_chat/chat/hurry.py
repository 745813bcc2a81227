"""How long one thread may keep Python while another waits for it; it knows nothing of what the threads do."""

from __future__ import annotations

import sys
import threading

# The engine lets go of Python at every call of a kernel, and would wait Python's own 5 ms, several tokens' time, whenever the
# screen is being drawn.
TURN_S = 0.0005

# Until an answer begins. The prompt's way to the model lets go of Python a hundred times, while the screen draws the prompt; shorter
# turns for good would make keys wait for the engine.
HURRIED_TURN_S = 0.0001


def share_python() -> None:
    """Let threads take shorter turns with Python than it does by itself."""
    sys.setswitchinterval(TURN_S)


class Hurry:
    """Still shorter turns while anybody waits for a first token. From any thread."""

    def __init__(self) -> None:
        self._waiting: set[object] = set()
        self._lock = threading.Lock()

    def begin(self, who: object) -> None:
        """`who` waits from now on."""
        with self._lock:
            self._waiting.add(who)
            sys.setswitchinterval(HURRIED_TURN_S)

    def end(self, who: object) -> None:
        """`who` has what it waited for; harmless where it has had it before."""
        if who in self._waiting:
            with self._lock:
                self._waiting.discard(who)
                if not self._waiting:
                    share_python()
