"""Turns at work, each on a thread of its own, behind those that they go on from; it knows nothing of screens or of loading.

The engine serves the turns by token. What else a turn waits for, a person's consent or a tool, holds up no other turn.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gptoss_chat.chat.hurry import Hurry
from gptoss_chat.chat.turn import Turn
from gptoss_chat.errors import GptossChatError, HistoryError
from gptoss_chat.history import Store, ToolCall

if TYPE_CHECKING:  # met on the first turn's thread: the first frame does not wait for them
    from gptoss_chat.chat.calling import Caller
    from gptoss_chat.chat.events import TurnFinished
    from gptoss_chat.chat.loading import LoadedModel
    from gptoss_chat.tools.toolbox import Toolbox

LOOK_S = 0.05  # between two looks at whether a turn that waits shall end
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A turn to be taken. `begun_ids` are what its answer begins with, `begun_by` the reply whose tokens they are: itself,
    stopped and gone on with, or the one that is branched from."""

    turn: Turn
    begun_ids: tuple[int, ...]
    begun_by: str


class TurnThreads:
    """Takes turns at the same time, but for one that goes on from a reply that is still being written: it waits for its end.

    `model` gives the loaded model, or raises what the reader is to be told; `toolbox` None means the tools that come with the
    program; `closing` ends every turn early.
    """

    def __init__(
        self, store: Store, model: Callable[[], LoadedModel], toolbox: Toolbox | None, closing: threading.Event
    ) -> None:
        self._store = store
        self._model = model
        self._toolbox = toolbox
        self._closing = closing
        self._caller: Caller | None = None
        self._replies: set[str] = set()  # of the turns that have not ended
        self._ended = threading.Condition()
        self._hurry = Hurry()

    def begin(self, job: Job) -> None:
        """Take a turn. Those that were begun before are the ones that it may have to wait for."""
        with self._ended:
            self._replies.add(job.turn.reply_node_id)
        threading.Thread(target=self._work, args=(job,), name="turn", daemon=True).start()

    def writes(self, reply_node_id: str) -> bool:
        """Whether that reply's turn has not ended."""
        with self._ended:
            return reply_node_id in self._replies

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until every turn has ended; False when the time is up before."""
        with self._ended:
            return self._ended.wait_for(lambda: not self._replies, timeout_s)

    def _work(self, job: Job) -> None:
        from gptoss_chat.chat.events import TurnFinished, TurnStatus
        from gptoss_chat.engine.types import FinishReason

        turn = job.turn
        try:
            finished = self._answer(job)
        except Exception as error:  # noqa: BLE001 - a turn always ends with an event, whatever happened
            if not isinstance(error, GptossChatError):
                _log.exception("turn %s", turn.reply_node_id)
            finished = TurnFinished(TurnStatus.FAILED, FinishReason.ERROR, "", "", None, error)
            # A history that can't be written can't take this either; the reader is told of the first error.
            with contextlib.suppress(HistoryError):
                self._store.finish_reply(turn.reply_node_id, status=TurnStatus.FAILED)
        finally:
            self._hurry.end(turn)
        turn.emit(finished)
        with self._ended:
            self._replies.discard(turn.reply_node_id)
            self._ended.notify_all()
        _give_back_memory()

    def _answer(self, job: Job) -> TurnFinished:
        from gptoss_chat.chat.calling import MOST_CALLS
        from gptoss_chat.chat.events import TurnFinished, TurnStatus
        from gptoss_chat.chat.running import RunningTurn
        from gptoss_chat.engine.types import FinishReason
        from gptoss_chat.tools.values import ToolStoppedError

        turn, caller = job.turn, self.tool_caller()
        self._wait_for_those_before(turn)
        self._hurry.begin(turn)
        try:
            model = self._model()
            tools = () if self._stopped(turn) else caller.offer(turn)
        except ToolStoppedError:
            tools = ()
        if self._stopped(turn):  # taken back while it waited
            self._store.finish_reply(turn.reply_node_id, status=TurnStatus.STOPPED)
            return TurnFinished(TurnStatus.STOPPED, FinishReason.CANCELLED, "", "", None)
        running = RunningTurn(
            self._store,
            model,
            turn,
            job.begun_ids,
            self._closing,
            begun_by=job.begun_by,
            tools=tools,
            on_token=partial(self._hurry.end, turn),
        )
        outcome = running.begin()
        while isinstance(outcome, ToolCall):
            if running.calls > MOST_CALLS:
                error = GptossChatError(
                    f"The model called tools more than {MOST_CALLS} times without an answer.", "Ask again."
                )
                return running.end(TurnStatus.FAILED, FinishReason.ERROR, error)
            result = caller.result_of(turn, running.calls, outcome, tools)
            if result is None or self._closing.is_set():
                return running.end(TurnStatus.STOPPED, FinishReason.CANCELLED)
            outcome = running.go_on(result)
        return outcome

    def _wait_for_those_before(self, turn: Turn) -> None:
        """The prompt of a turn that goes on from an unfinished reply is not known yet."""
        with self._ended:
            if len(self._replies) == 1:
                return
        before = {node.id for node in self._store.path_to(turn.user_node_id)}
        with self._ended:
            while before & self._replies and not self._stopped(turn):
                self._ended.wait(LOOK_S)

    def _stopped(self, turn: Turn) -> bool:
        return turn.cancelled or self._closing.is_set()

    def tool_caller(self) -> Caller:
        """What offers and calls tools, made at its first use: it imports much."""
        from gptoss_chat.chat.calling import Caller
        from gptoss_chat.tools.toolbox import Toolbox

        with self._ended:
            if self._caller is None:
                self._caller = Caller(self._store, self._toolbox or Toolbox(), self._closing)
            return self._caller


def _give_back_memory() -> None:
    """Give the system what a turn has let go of: the ids of a long prompt, several times over. The C library keeps it otherwise,
    in pieces that fewer and fewer requests fit in. A few milliseconds, in which other threads go on."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(AttributeError):  # musl has no such function, and no need of it
            ctypes.CDLL(None).malloc_trim(0)
