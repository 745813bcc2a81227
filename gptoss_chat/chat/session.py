"""A session joins the history, the prompt format and the engine; it knows nothing of screens or tensors.

One pump thread takes the turns in order, feeds the engine, reads its tokens, writes the history and fills each turn's queue.
A reader who is slow, or gone, slows nothing and loses nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import queue
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import assert_never

from gptoss_chat.chat.events import Prefilling, Routed, TurnEvent, TurnFinished, TurnStatus
from gptoss_chat.chat.loading import LoadedModel, Loader
from gptoss_chat.chat.prompt import messages_of, title_of
from gptoss_chat.chat.reply import Reply
from gptoss_chat.chat.turn import Turn, TurnOptions
from gptoss_chat.engine.types import (
    Finished,
    FinishReason,
    GenerateRequest,
    PrefillProgress,
    RouteRecord,
    TokenEvent,
    Usage,
)
from gptoss_chat.errors import GptossChatError, HistoryError, UsageError
from gptoss_chat.harmony import render
from gptoss_chat.history import Store, encode_routes

SAVE_EVERY_S = 0.25  # how much of an answer a kill -9 can cost
_log = logging.getLogger(__name__)


class ModelState(StrEnum):
    """Where the model stands."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class Session:
    """Conversations on one model.

    `store` is the history; `load` brings the model (called once, on the pump thread, after `start`); `on_change` is called
    from that thread whenever state or progress changed.
    """

    def __init__(self, store: Store, load: Loader, *, model_name: str, date: Callable[[], str]) -> None:
        self.store = store
        self.model_name = model_name
        self.state = ModelState.LOADING
        self.progress = 0.0
        self.error: Exception | None = None
        self.on_change: Callable[[], None] | None = None
        self._load = load
        self._date = date
        self._model: LoadedModel | None = None
        self._turns: queue.Queue[_Job | None] = queue.Queue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._pump, name="chat", daemon=True)

    def start(self) -> None:
        """Begin to load the model. Prompts may be asked before it is ready: they wait."""
        self._thread.start()

    def close(self) -> None:
        """Stop what runs, keep what was written, and end the threads. The store stays open: it is the caller's."""
        self._closing.set()
        self._turns.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        if self._model is not None:
            self._model.engine.close()

    @property
    def backend(self) -> str:
        """What computes, in words; empty until the model is loaded."""
        return self._model.engine.backend if self._model else ""

    @property
    def context_limit(self) -> int:
        """Tokens that fit the model's context; 0 until the model is loaded."""
        return self._model.engine.context_limit if self._model else 0

    @property
    def kv_bytes_used(self) -> int:
        """Bytes of the KV cache in use."""
        return self._model.engine.kv_bytes_used if self._model else 0

    def count_tokens(self, text: str) -> int | None:
        """How many tokens `text` takes; None until the model is loaded."""
        return len(self._model.encoding.encode_text(text)) if self._model else None

    def ask(self, conversation_id: str | None, text: str, options: TurnOptions) -> Turn:
        """Add a prompt at the leaf of a conversation (None begins a new one) and queue its answer."""
        if not text.strip():
            raise UsageError("The prompt is empty.", "Type something first.")
        if conversation_id is None:
            conversation_id = self.store.new_conversation(title_of(text), model=self.model_name, date=self._date()).id
        parent_id = self.store.conversation(conversation_id).leaf_id
        user = self.store.add_user(conversation_id, parent_id, text)
        return self._reply_to(conversation_id, user.id, options)

    def edit(self, user_node_id: str, text: str, options: TurnOptions) -> Turn:
        """Ask again with other words: a sibling of the prompt `user_node_id`; the old one stays."""
        old = self.store.node(user_node_id)
        user = self.store.add_user(old.conversation_id, old.parent_id, text)
        return self._reply_to(old.conversation_id, user.id, options)

    def regenerate(self, reply_node_id: str, options: TurnOptions) -> Turn:
        """Another answer to the same prompt: a sibling of `reply_node_id`; the old one stays."""
        old = self.store.node(reply_node_id)
        if old.role != "assistant" or old.parent_id is None:
            raise UsageError("Only an answer can be regenerated.", "Pick an answer.")
        return self._reply_to(old.conversation_id, old.parent_id, options)

    def resume(self, reply_node_id: str, options: TurnOptions) -> Turn:
        """Go on with an answer that was stopped, in place: its tokens so far are the beginning of the new ones."""
        node = self.store.node(reply_node_id)
        if node.role != "assistant" or node.parent_id is None or node.status == "complete":
            raise UsageError("This answer is complete.", "Only a stopped answer can be gone on with.")
        self.store.reopen_reply(reply_node_id)
        turn = Turn(node.conversation_id, node.parent_id, node.id, options)
        self._turns.put(_Job(turn, tuple(node.raw_ids)))
        return turn

    def _reply_to(self, conversation_id: str, user_node_id: str, options: TurnOptions) -> Turn:
        sampling = {k: v for k, v in dataclasses.asdict(options.sampling).items() if k != "stop_ids"}
        settings = json.dumps({"developer": options.developer, "stop": options.stop, **sampling})
        reply = self.store.begin_reply(conversation_id, user_node_id, self.model_name, options.effort, settings)
        turn = Turn(conversation_id, user_node_id, reply.id, options)
        self._turns.put(_Job(turn, ()))
        return turn

    # The pump thread -----------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        try:
            self._model = self._load(self._on_progress)
            self.state, self.progress = ModelState.READY, 1.0
        except Exception as error:  # noqa: BLE001 - whatever went wrong is told to the reader, in every waiting turn
            if not isinstance(error, GptossChatError):
                _log.exception("loading %s", self.model_name)
            self.state, self.error = ModelState.FAILED, error
        self._changed()
        while (job := self._turns.get()) is not None:
            self._run(job)

    def _on_progress(self, progress: float) -> None:
        self.progress = progress
        self._changed()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _run(self, job: _Job) -> None:
        turn = job.turn
        try:
            if self._model is None:
                raise self.error or GptossChatError("The model is not loaded.", "Start again.")
            running = _Running(self.store, self._model, turn, job.begun_ids, self._closing)
            finished = running.run()
        except Exception as error:  # noqa: BLE001 - a turn always ends with an event, whatever happened
            if not isinstance(error, GptossChatError):
                _log.exception("turn %s", turn.reply_node_id)
            finished = TurnFinished(TurnStatus.FAILED, FinishReason.ERROR, "", "", None, error)
            # A history that can't be written can't take this either; the reader is told of the first error.
            with contextlib.suppress(HistoryError):
                self.store.finish_reply(turn.reply_node_id, status=TurnStatus.FAILED)
        turn.emit(finished)


@dataclasses.dataclass(frozen=True, slots=True)
class _Job:
    turn: Turn
    begun_ids: tuple[int, ...]  # tokens of a stopped answer that is gone on with


class _Running:
    """One turn on the pump thread."""

    def __init__(
        self, store: Store, model: LoadedModel, turn: Turn, begun_ids: tuple[int, ...], closing: threading.Event
    ) -> None:
        self._store = store
        self._model = model
        self._turn = turn
        self._closing = closing
        self._reply = Reply(model.encoding, turn.options.stop)
        self._begun_ids = begun_ids
        self._saved_s = time.monotonic()

    def run(self) -> TurnFinished:
        """Generate, tell, save; returns the last event (not yet emitted)."""
        encoding, turn = self._model.encoding, self._turn
        path = self._store.path_to(turn.user_node_id)
        date = self._store.conversation(turn.conversation_id).date
        messages = messages_of(path, date=date, options=turn.options)
        prompt = render(encoding, messages) + list(self._begun_ids)
        for token_id in self._begun_ids:
            self._reply.feed(token_id)
        sampling = dataclasses.replace(turn.options.sampling, stop_ids=encoding.stop_ids)
        record_from = len(render(encoding, messages[:-1], generate=False))
        generation = self._model.engine.submit(GenerateRequest(tuple(prompt), sampling, record_from=record_from))
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
        return [routed, *self._reply.feed(event.token_id)]

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
        reason = FinishReason.STOP if reply.stopped else finished.reason
        status = _STATUS[reason]
        self._store.finish_reply(
            turn.reply_node_id,
            status=status,
            final=reply.answer,
            reasoning=reply.reasoning,
            raw_ids=reply.raw_ids,
            usage=_usage_row(finished.usage, reason),
            routes=_routes_blob(finished.routes),
        )
        if status is TurnStatus.COMPLETE and not self._closing.is_set():
            self._warm()
        return TurnFinished(status, reason, reply.answer, reply.reasoning, finished.usage, finished.error)

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


def _usage_row(usage: Usage, reason: FinishReason) -> dict[str, object]:
    return {**dataclasses.asdict(usage), "reason": reason.value}


def _routes_blob(routes: RouteRecord | None) -> bytes | None:
    return encode_routes(routes) if routes is not None and len(routes.token_ids) else None
