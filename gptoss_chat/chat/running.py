"""One turn on the session's pump thread: prompt, tokens, events, history; it knows nothing of queues or screens."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import assert_never

from gptoss_chat.chat.events import AnswerDelta, Prefilling, ReasoningDelta, Routed, TurnEvent, TurnFinished, TurnStatus
from gptoss_chat.chat.loading import LoadedModel
from gptoss_chat.chat.prompt import messages_of
from gptoss_chat.chat.reply import Reply
from gptoss_chat.chat.turn import Turn
from gptoss_chat.engine.types import (
    Finished,
    FinishReason,
    GenerateRequest,
    PrefillProgress,
    RouteRecord,
    TokenEvent,
    Usage,
)
from gptoss_chat.errors import HistoryError
from gptoss_chat.harmony import render
from gptoss_chat.history import Store, decode_routes, encode_routes, with_draws_of

SAVE_EVERY_S = 0.25  # how much of an answer a kill -9 can cost


class RunningTurn:
    """One turn. `begun_ids` are what the answer begins with, and `begun_by` the reply whose tokens they are: this one, that is
    gone on with, or one that it branches from; `closing` ends it early."""

    def __init__(
        self,
        store: Store,
        model: LoadedModel,
        turn: Turn,
        begun_ids: tuple[int, ...],
        closing: threading.Event,
        *,
        begun_by: str,
    ) -> None:
        self._store = store
        self._model = model
        self._turn = turn
        self._closing = closing
        self._reply = Reply(model.encoding, turn.options.stop)
        self._begun_ids = begun_ids
        self._begun_by = begun_by
        self._saved_s = time.monotonic()
        self._reasoning = Stopwatch()

    def run(self) -> TurnFinished:
        """Generate, tell, save; returns the last event (not yet emitted)."""
        encoding, turn = self._model.encoding, self._turn
        path = self._store.path_to(turn.user_node_id)
        date = self._store.conversation(turn.conversation_id).date
        messages = messages_of(path, date=date, options=turn.options)
        prompt = render(encoding, messages) + list(self._begun_ids)
        for token_id in self._begun_ids:
            begun = self._reply.feed(token_id)
            if self._begun_by != turn.reply_node_id:  # nobody has been told of it yet
                turn.emit(*begun)
        earlier_s = (self._store.node(turn.reply_node_id).usage or {}).get("reasoning_s", 0.0)
        self._reasoning = Stopwatch(earlier_s)
        sampling = dataclasses.replace(turn.options.sampling, stop_ids=encoding.stop_ids)
        record_from = len(render(encoding, messages[:-1], generate=False))
        request = GenerateRequest(tuple(prompt), sampling, record_from=record_from, route=turn.options.route)
        generation = self._model.engine.submit(request)
        try:
            while True:
                generation.wait(0.05)
                if turn.cancelled or self._closing.is_set():
                    generation.cancel()
                for event in generation.drain():
                    match event:
                        case PrefillProgress():
                            turn.emit(Prefilling(event.done, event.total, event.reused))
                        case TokenEvent():
                            turn.emit(*self._token(event))
                            if self._reply.stopped:
                                generation.cancel()
                        case Finished():
                            return self._finish(event)
                        case _:
                            assert_never(event)
                self._save_partial()
        finally:
            generation.cancel()  # when the history fails in the middle, nobody reads the rest

    def _token(self, event: TokenEvent) -> list[TurnEvent]:
        if self._reply.stopped:
            return []
        text = self._model.encoding.decode_bytes([event.token_id]).decode("utf-8", errors="replace")
        routed = Routed(event.token_id, text, event.logprob, event.alternatives, event.experts, event.weights)
        if event.token_id in self._model.encoding.stop_ids:
            # Kept out of the raw ids: an answer that is gone on with goes on before its end.
            return [routed]
        return [routed, *self._timed(self._reply.feed(event.token_id))]

    def _timed(self, events: list[TurnEvent]) -> list[TurnEvent]:
        for event in events:
            if isinstance(event, ReasoningDelta):
                self._reasoning.start()
            elif isinstance(event, AnswerDelta):
                self._reasoning.stop()
        return events

    def _save_partial(self) -> None:
        now_s = time.monotonic()
        if now_s - self._saved_s >= SAVE_EVERY_S and self._reply.raw_ids:
            self._saved_s = now_s
            self._store.save_partial(
                self._turn.reply_node_id, self._reply.answer, self._reply.reasoning, self._reply.raw_ids
            )

    def _finish(self, finished: Finished) -> TurnFinished:
        reply, turn = self._reply, self._turn
        turn.emit(*reply.close())
        self._reasoning.stop()
        reason = FinishReason.STOP if reply.stopped else finished.reason
        status = _STATUS[reason]
        self._store.finish_reply(
            turn.reply_node_id,
            status=status,
            final=reply.answer,
            reasoning=reply.reasoning,
            raw_ids=reply.raw_ids,
            usage=_usage_row(finished.usage, reason, self._reasoning.elapsed_s),
            routes=self._routes_blob(finished.routes),
        )
        if status is TurnStatus.COMPLETE and not self._closing.is_set():
            self._warm()
        return TurnFinished(status, reason, reply.answer, reply.reasoning, finished.usage, finished.error)

    def _routes_blob(self, routes: RouteRecord | None) -> bytes | None:
        if routes is None or not len(routes.token_ids):
            return None
        earlier = self._store.routes(self._begun_by) if self._begun_ids else None
        if earlier is None:
            return encode_routes(routes)
        try:
            return encode_routes(with_draws_of(routes, decode_routes(earlier)))
        except HistoryError:  # a damaged record of another answer: this one is whole without it
            return encode_routes(routes)

    def _warm(self) -> None:
        """Prefill the canonical rendering of the answer while the reader reads, so that the next turn prefills only its prompt."""
        path = self._store.path_to(self._turn.reply_node_id)
        date = self._store.conversation(self._turn.conversation_id).date
        messages = messages_of(path, date=date, options=self._turn.options)
        self._model.engine.warm(render(self._model.encoding, messages, generate=False))


_STATUS = {
    FinishReason.STOP: TurnStatus.COMPLETE,
    FinishReason.LENGTH: TurnStatus.STOPPED,
    FinishReason.CONTEXT: TurnStatus.STOPPED,
    FinishReason.CANCELLED: TurnStatus.STOPPED,
    FinishReason.ERROR: TurnStatus.FAILED,
}


def _usage_row(usage: Usage, reason: FinishReason, reasoning_s: float) -> dict[str, object]:
    return {**dataclasses.asdict(usage), "reason": reason.value, "reasoning_s": reasoning_s}


class Stopwatch:
    """Adds up the time between `start` and `stop`; both may be called again without harm. `elapsed_s` is in seconds."""

    def __init__(self, elapsed_s: float = 0.0) -> None:
        self.elapsed_s = elapsed_s
        self._from_s: float | None = None

    def start(self) -> None:
        """Go on, unless it runs."""
        if self._from_s is None:
            self._from_s = time.monotonic()

    def stop(self) -> None:
        """Add what has passed since the start."""
        if self._from_s is not None:
            self.elapsed_s += time.monotonic() - self._from_s
            self._from_s = None
