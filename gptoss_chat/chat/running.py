"""One turn on a thread of its own: prompt, tokens, events, history; it knows nothing of other turns or of screens."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from typing import assert_never

from gptoss_chat.chat.events import (
    AnswerDelta,
    CallState,
    Prefilling,
    ReasoningDelta,
    Routed,
    ToolUse,
    TurnEvent,
    TurnFinished,
    TurnStatus,
)
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
from gptoss_chat.harmony.encoding import Special
from gptoss_chat.harmony.messages import FunctionTool, Message, ToolResult
from gptoss_chat.history import Node, Store, ToolCall
from gptoss_chat.history.routes import decode_routes, encode_routes, with_draws_of

SAVE_EVERY_S = 0.25  # how much of an answer a kill -9 can cost


class RunningTurn:
    """One turn, in steps: each ends with a call of a tool, the last one with the turn.

    `begun_ids` are what the answer begins with, and `begun_by` the reply whose tokens they are: this one, that is gone on
    with, or one that it branches from; `tools` are the functions on offer; `closing` ends it early; `on_token` is told of every token.
    """

    def __init__(
        self,
        store: Store,
        model: LoadedModel,
        turn: Turn,
        begun_ids: tuple[int, ...],
        closing: threading.Event,
        *,
        begun_by: str,
        tools: tuple[FunctionTool, ...] = (),
        on_token: Callable[[], None] = lambda: None,
    ) -> None:
        self.model = model
        self.turn = turn
        self.tools = tools
        self._store = store
        self._closing = closing
        self._on_token = on_token
        self._reply = Reply(model.encoding, turn.options.stop)
        self._begun_ids = begun_ids
        self._begun_by = begun_by
        self._saved_s = time.monotonic()
        self._reasoning = Stopwatch()
        self._prompt: list[int] = []
        self._record_from = 0
        self._usage: Usage | None = None  # of the steps before

    @property
    def calls(self) -> int:
        """How many calls have got a result."""
        return len(self._reply.calls)

    def begin(self) -> TurnFinished | ToolCall:
        """The first step: generate, tell, save. Returns a call that waits for its result, or the last event (not yet emitted)."""
        turn = self.turn
        path = self._store.path_to(turn.user_node_id)
        messages = self._messages(path)
        self._prompt = render(self.model.encoding, messages)
        self._record_from = len(render(self.model.encoding, messages[:-1], generate=False))
        for token_id in self._begun_ids:
            begun = self._reply.feed(token_id)
            if self._begun_by != turn.reply_node_id:  # nobody has been told of it yet
                turn.emit(*begun)
        for number, call in enumerate(self._reply.calls):
            if call.result is not None:
                turn.emit(ToolUse(number, call.name, call.arguments, CallState.DONE, result=call.result))
        earlier_s = (self._store.node(turn.reply_node_id).usage or {}).get("reasoning_s", 0.0)
        self._reasoning = Stopwatch(earlier_s)
        return self._step()

    def go_on(self, result: str) -> TurnFinished | ToolCall:
        """The step after a call, with what its tool gave back. It extends what the cache holds: nothing is rendered anew."""
        call, encoding = self._reply.open_call, self.model.encoding
        assert call is not None
        ids = [encoding.special(Special.CALL), *render(encoding, [ToolResult(call.name, result)])]
        for token_id in ids:
            self._reply.feed(token_id)
        self._save()
        return self._step()

    def end(self, status: TurnStatus, reason: FinishReason, error: Exception | None = None) -> TurnFinished:
        """End the turn where a call waits for its result; it can be gone on with, and asks for the call again."""
        self._store.finish_reply(self.turn.reply_node_id, status=status)
        reply = self._reply
        return TurnFinished(status, reason, reply.answer, reply.reasoning, self._usage, error, self._calls())

    def _messages(self, path: Sequence[Node]) -> list[Message]:
        date = self._store.conversation(self.turn.conversation_id).date
        return messages_of(path, date=date, options=self.turn.options, tools=self.tools)

    def _step(self) -> TurnFinished | ToolCall:
        turn, begun = self.turn, self._reply.raw_ids
        sampling = dataclasses.replace(turn.options.sampling, stop_ids=self.model.encoding.stop_ids)
        if sampling.max_tokens is not None and self._usage is not None:
            sampling = dataclasses.replace(sampling, max_tokens=sampling.max_tokens - self._usage.generated_tokens)
        prompt = (*self._prompt, *begun)
        request = GenerateRequest(prompt, sampling, record_from=self._record_from, route=turn.options.route)
        generation = self.model.engine.submit(request)
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
                            self._on_token()
                            turn.emit(*self._token(event))
                            if self._reply.stopped:
                                generation.cancel()
                        case Finished():
                            return self._finish(event)
                        case _:
                            assert_never(event)
                if time.monotonic() - self._saved_s >= SAVE_EVERY_S and self._reply.raw_ids:
                    self._save()
        finally:
            generation.cancel()  # when the history fails in the middle, nobody reads the rest

    def _token(self, event: TokenEvent) -> list[TurnEvent]:
        if self._reply.stopped:
            return []
        text = self.model.encoding.decode_bytes([event.token_id]).decode("utf-8", errors="replace")
        routed = Routed(event.token_id, text, event.logprob, event.alternatives, event.experts, event.weights)
        if event.token_id in self.model.encoding.stop_ids:
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

    def _save(self) -> None:
        reply = self._reply
        self._saved_s = time.monotonic()
        node_id = self.turn.reply_node_id
        self._store.save_partial(node_id, reply.answer, reply.reasoning, reply.raw_ids, self._calls())

    def _calls(self) -> tuple[ToolCall, ...]:
        """The calls so far, the one that has no result yet included."""
        call = self._reply.open_call
        return (*self._reply.calls, *([call] if call is not None else ()))

    def _finish(self, finished: Finished) -> TurnFinished | ToolCall:
        reply, turn = self._reply, self.turn
        self._reasoning.stop()
        usage = self._usage = _together(self._usage, finished.usage)
        limit = turn.options.sampling.max_tokens
        call = reply.open_call
        if call is not None and finished.reason is FinishReason.STOP and not reply.stopped:
            if limit is None or usage.generated_tokens < limit:
                self._save()
                return call
            finished = dataclasses.replace(finished, reason=FinishReason.LENGTH)
        calls = self._calls()
        turn.emit(*reply.close())
        reason = FinishReason.STOP if reply.stopped else finished.reason
        status = _STATUS[reason]
        self._store.finish_reply(
            turn.reply_node_id,
            status=status,
            final=reply.answer,
            reasoning=reply.reasoning,
            raw_ids=reply.raw_ids,
            usage=_usage_row(usage, reason, self._reasoning.elapsed_s),
            routes=self._routes_blob(finished.routes),
            calls=calls,
        )
        if status is TurnStatus.COMPLETE and not self._closing.is_set():
            self._warm()
        return TurnFinished(status, reason, reply.answer, reply.reasoning, usage, finished.error, calls)

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
        messages = self._messages(self._store.path_to(self.turn.reply_node_id))
        self.model.engine.warm(render(self.model.encoding, messages, generate=False))


_STATUS = {
    FinishReason.STOP: TurnStatus.COMPLETE,
    FinishReason.LENGTH: TurnStatus.STOPPED,
    FinishReason.CONTEXT: TurnStatus.STOPPED,
    FinishReason.CANCELLED: TurnStatus.STOPPED,
    FinishReason.ERROR: TurnStatus.FAILED,
}


def _together(earlier: Usage | None, usage: Usage) -> Usage:
    """The usage of a turn of several steps: what it computed adds up, what it reused is what the first step found."""
    if earlier is None:
        return usage
    return dataclasses.replace(
        usage,
        reused_tokens=earlier.reused_tokens,
        prefilled_tokens=earlier.prefilled_tokens + usage.prefilled_tokens,
        generated_tokens=earlier.generated_tokens + usage.generated_tokens,
        prefill_s=earlier.prefill_s + usage.prefill_s,
        decode_s=earlier.decode_s + usage.decode_s,
        writing_s=earlier.writing_s + usage.writing_s,
    )


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
