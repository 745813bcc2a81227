"""A scripted engine: answers by a function of the prompt's text, token by token, so that chat and screens are tested without torch."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from gptoss_chat.chat.loading import LoadedModel, Loader
from gptoss_chat.engine.types import (
    EngineEvent,
    Finished,
    FinishReason,
    GenerateRequest,
    PrefillProgress,
    RouteRecord,
    TokenEvent,
    Usage,
)
from gptoss_chat.harmony import HarmonyEncoding

LAYERS, EXPERTS, CHOSEN = 6, 16, 4
Script = Callable[[str], tuple[str, str]]


def echo_script(prompt: str) -> tuple[str, str]:
    """Reasoning and answer that name the last user message."""
    last = prompt.rsplit("<|start|>user<|message|>", 1)[-1].split("<|end|>", 1)[0]
    return f"The user says {last}.", f"You said: {last}"


class ScriptedGeneration:
    """A mailbox with the events of one scripted answer, filled by a thread."""

    def __init__(self, engine: ScriptedEngine, request: GenerateRequest) -> None:
        self._events: deque[EngineEvent] = deque()
        self._ready = threading.Condition()
        self._cancel = threading.Event()
        self.finished = False
        self.on_ready: Callable[[], None] | None = None
        threading.Thread(target=self._run, args=(engine, request), daemon=True).start()

    def cancel(self) -> None:
        self._cancel.set()

    def drain(self) -> list[EngineEvent]:
        with self._ready:
            events = list(self._events)
            self._events.clear()
        return events

    def wait(self, timeout_s: float | None = None) -> bool:
        with self._ready:
            return self._ready.wait_for(lambda: bool(self._events), timeout_s)

    def _put(self, event: EngineEvent) -> None:
        with self._ready:
            self._events.append(event)
            self.finished = isinstance(event, Finished)
            self._ready.notify_all()

    def _run(self, engine: ScriptedEngine, request: GenerateRequest) -> None:
        prompt = list(request.prompt_ids)
        reused = engine.reuse(prompt)
        self._put(PrefillProgress(reused, len(prompt), reused))
        self._put(PrefillProgress(len(prompt), len(prompt), reused))
        ids = engine.answer_ids(prompt)
        limit = request.sampling.max_tokens or len(ids)
        done: list[int] = []
        reason = FinishReason.LENGTH
        for n, token_id in enumerate(ids):
            if engine.pause_at == n:
                engine.go.clear()
                engine.paused.set()
            while not engine.go.wait(0.01) and engine.holds(n) and not self._cancel.is_set():
                pass
            if self._cancel.is_set():
                reason = FinishReason.CANCELLED
                break
            if n >= limit:
                break
            experts, weights = routing_of(token_id)
            done.append(token_id)
            self._put(TokenEvent(token_id, -0.1, (), experts, weights))
            if token_id in request.sampling.stop_ids:
                reason = FinishReason.STOP
                break
        engine.cached.append(prompt + done)
        rows = (prompt + done)[request.record_from : len(prompt) + max(0, len(done) - 1)]
        different, which = np.unique(np.array(rows, np.int64), return_inverse=True)
        routed = [routing_of(int(token_id)) for token_id in different]
        given = min(len(rows), len(prompt) - request.record_from)  # the rest was drawn
        likeliest = np.array([alternatives_of(token_id) for token_id in rows], np.uint32).reshape(len(rows), 3)
        record = RouteRecord(
            request.record_from,
            np.array(rows, np.uint32),
            np.array([e for e, _ in routed], np.uint8).reshape(-1, LAYERS, CHOSEN)[which],
            np.array([w for _, w in routed], np.float16).reshape(-1, LAYERS, CHOSEN)[which],
            np.full((len(rows), LAYERS), 2.5, np.float16),
            np.where(np.arange(len(rows)) < given, np.nan, np.log(0.5)).astype(np.float32),
            likeliest,
            np.where(np.arange(len(rows))[:, None] < given, np.nan, np.log([0.5, 0.25, 0.125])).astype(np.float32),
        )
        usage = Usage(
            reused_tokens=reused,
            prefilled_tokens=len(prompt) - reused,
            generated_tokens=len(done),
            prefill_s=0.01,
            decode_s=0.1,
            context_tokens=len(prompt) + len(done),
            context_limit=engine.context_limit,
            seed=request.sampling.seed or 0,
            writing_s=0.1,
        )
        self._put(Finished(reason, usage, record, engine.error if reason is FinishReason.ERROR else None))


@cache
def routing_of(token_id: int) -> tuple[np.ndarray, np.ndarray]:
    """A routing that is a plain function of the token: experts [L, K] uint8 and weights [L, K] float16."""
    experts = (token_id + np.arange(LAYERS)[:, None] + np.arange(CHOSEN)[None, :] * 3) % EXPERTS
    weights = np.broadcast_to(np.array([0.4, 0.3, 0.2, 0.1]), (LAYERS, CHOSEN))
    return experts.astype(np.uint8), weights.astype(np.float16)


def alternatives_of(token_id: int) -> tuple[int, int, int]:
    """The likeliest tokens where this one was drawn, itself first."""
    return token_id, ord("A"), ord("B")


class ScriptedEngine:
    """Answers by script, all requests at once. `pause_at` = n stops each before its token n until `release` is called;
    `paused` tells when the first has stopped."""

    backend = "scripted"
    context_limit = 4096
    kv_bytes_used = 0
    kv_bytes_limit = 1 << 20
    warm_error: Exception | None = None

    def __init__(self, encoding: HarmonyEncoding, script: Script = echo_script, *, pause_at: int | None = None) -> None:
        self.encoding = encoding
        self.script = script
        self.pause_at = pause_at
        self.go = threading.Event()
        self.go.set()
        self.paused = threading.Event()
        self.cached: list[list[int]] = []
        self.ahead: list[list[int]] = []
        self.requests: list[GenerateRequest] = []
        self.error: Exception | None = None

    def submit(self, request: GenerateRequest) -> ScriptedGeneration:
        self.requests.append(request)
        return ScriptedGeneration(self, request)

    def warm(self, ids: Sequence[int], wanted: Callable[[], bool] | None = None) -> None:
        """What was read for a prompt that may come is only noted: whether it came in time would be up to the machine."""
        if wanted is None:
            self.cached.append(list(ids))
        elif wanted():
            self.ahead.append(list(ids))

    def close(self) -> None:
        self.release()

    def release(self) -> None:
        """Let a paused answer go on to its end."""
        self.pause_at = None
        self.go.set()

    def holds(self, n: int) -> bool:
        """Whether an answer has come to where it shall stop."""
        return self.pause_at is not None and n >= self.pause_at

    def reuse(self, prompt: list[int]) -> int:
        """The longest common prefix with anything cached; the last prompt token is always computed."""
        best = 0
        for ids in self.cached:
            n = 0
            while n < min(len(ids), len(prompt) - 1) and ids[n] == prompt[n]:
                n += 1
            best = max(best, n)
        return best

    def answer_ids(self, prompt: list[int]) -> list[int]:
        """The answer's tokens in harmony form; a prompt that already holds the beginning of an answer gets the rest."""
        encoding = self.encoding
        text = encoding.decode_bytes(prompt).decode("utf-8")
        head, _, begun = text.rpartition("<|start|>assistant")
        if "<|start|>user" in begun:  # no generation prompt inside
            head, begun = text, ""
        reasoning, answer = self.script(head)
        ids = [
            encoding.special("<|channel|>"), *encoding.encode_text("analysis"),
            encoding.special("<|message|>"), *encoding.encode_text(reasoning), encoding.special("<|end|>"),
            encoding.special("<|start|>"), *encoding.encode_text("assistant"),
            encoding.special("<|channel|>"), *encoding.encode_text("final"),
            encoding.special("<|message|>"), *encoding.encode_text(answer), encoding.special("<|return|>"),
        ]  # fmt: skip
        skip = self._begun(prompt, ids)
        return ids[skip:]

    def _begun(self, prompt: list[int], ids: list[int]) -> int:
        return next((n for n in range(min(len(ids), len(prompt)), 0, -1) if prompt[-n:] == ids[:n]), 0)


def scripted_loader(engine: ScriptedEngine, name: str = "scripted") -> Loader:
    """A loader for a Session that brings `engine` at once."""

    def load(progress: Callable[[float], None]) -> LoadedModel:
        progress(1.0)
        return LoadedModel(name, engine, engine.encoding)  # type: ignore[arg-type]

    return load
