"""Which of several runs has the next step of the model, and which wait; it knows neither tensors nor threads.

Every run gets the same time of the model: the next step is that of the run which has had the least. Steps differ (a layer of a
prompt's piece takes as long as several tokens), so time is what is counted, not steps.
"""

from __future__ import annotations

from gptoss_chat.engine.prefix_tree import common_prefix
from gptoss_chat.engine.protocol import PAGE_TOKENS
from gptoss_chat.engine.run import Run


class Turns:
    """The runs that have not ended. At most `most` of them take turns; the others wait, in the order in which they came."""

    def __init__(self, most: int) -> None:
        assert most > 0
        self._most = most
        self._running: list[Run] = []
        self._waiting: list[Run] = []  # by number
        self._short_of_pages = False

    def __len__(self) -> int:
        return len(self._running) + len(self._waiting)

    def add(self, run: Run) -> None:
        """A new one, with a higher number than all before."""
        self._waiting.append(run)

    def next(self) -> Run:
        """The run whose step is next, a newcomer before the others; there is one while `len` is not 0."""
        if self._waiting:
            self._admit()
        if len(self._running) == 1:
            return self._running[0]
        return min(self._running, key=lambda run: (run.used_s, -run.number))

    def remove(self, run: Run) -> None:
        """It has ended."""
        (self._running if run in self._running else self._waiting).remove(run)
        self._short_of_pages = False

    def cancelled(self) -> list[Run]:
        """Those that were told to stop."""
        return [run for run in (*self._running, *self._waiting) if run.generation.cancelled]

    def make_room(self, run: Run) -> bool:
        """`run` found no page: let the youngest of those that hold pages give its own back, and wait until another has ended.

        The oldest is never that one, so it gets to its end, and then the others do. What they gave back is in the tree, and
        only what the older ones really need of it is lost. False when `run` alone holds pages: there is no room to make.
        """
        holding = [other for other in self._running if other.holds_pages]
        youngest = max(holding, key=lambda other: other.number)
        if holding == [run]:
            return False
        youngest.park()
        self._running.remove(youngest)
        self._waiting.append(youngest)
        self._waiting.sort(key=lambda other: other.number)
        self._short_of_pages = True
        return True

    def _admit(self) -> None:
        if self._short_of_pages:
            return
        for run in list(self._waiting):
            if len(self._running) == self._most:
                return
            if self._ready(run):
                self._waiting.remove(run)
                # Neither a debt nor a credit: it has its share from now on.
                run.used_s = max(run.used_s, min((other.used_s for other in self._running), default=0.0))
                self._running.append(run)

    def _ready(self, run: Run) -> bool:
        """Whether the cache has what a running one's prompt and this one's have in common.

        Where it is being computed it is waited for: to compute it twice at the same time would end later for both.
        """
        for other in self._running:
            unshared_T = other.unshared_T
            common = common_prefix(run.ids_T[: run.reusable], other.ids_T[: unshared_T.stop])
            if common - unshared_T.start < PAGE_TOKENS:
                continue
            if other.length < common or other.midway:
                return False
            other.share()
        return True
