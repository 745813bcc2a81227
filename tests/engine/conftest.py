"""Engines on the stand-in model, and a way to run one request to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from gptoss_chat.engine.engine import Engine
from gptoss_chat.engine.mailbox import Generation
from gptoss_chat.engine.types import (
    EngineEvent,
    Finished,
    GenerateRequest,
    PrefillProgress,
    SamplingParams,
    TokenEvent,
)

from .hash_model import HashModel

PAGE_BYTES = 2 * 2 * 32 * 4 * 8  # k and v, 2 layers, 32 slots, 4 numbers, float64


@dataclass(frozen=True)
class Answer:
    """Everything one request brought back."""

    events: list[EngineEvent]
    ids: list[int]
    finished: Finished

    @property
    def counts(self) -> tuple[int, int]:
        """Prompt tokens reused and prefilled."""
        return self.finished.usage.reused_tokens, self.finished.usage.prefilled_tokens

    @property
    def progress(self) -> list[PrefillProgress]:
        return [event for event in self.events if isinstance(event, PrefillProgress)]


def collect(generation: Generation) -> Answer:
    """Drain a generation to its Finished event."""
    events: list[EngineEvent] = []
    while not generation.finished:
        assert generation.wait(30), "no event for 30 s"
        events += generation.drain()
    finished = events[-1]
    assert isinstance(finished, Finished)
    return Answer(events, [event.token_id for event in events if isinstance(event, TokenEvent)], finished)


def ask(engine: Engine, prompt: list[int], *, record_from: int = 0, **sampling: object) -> Answer:
    """Run one request; greedy, 8 tokens, unless told otherwise."""
    params = SamplingParams(**{"temperature": 0.0, "max_tokens": 8, **sampling})  # type: ignore[arg-type]
    return collect(engine.submit(GenerateRequest(tuple(prompt), params, record_from)))


@pytest.fixture
def model() -> HashModel:
    return HashModel()


@pytest.fixture
def start() -> Iterator[Callable[..., Engine]]:
    """Makes engines (model, pages, chunk) and closes them after the test."""
    engines: list[Engine] = []

    def make(model: HashModel, pages: int = 64, chunk: int = 64) -> Engine:
        engines.append(Engine(model, cache_bytes=pages * PAGE_BYTES, prefill_chunk=chunk))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def engine(model: HashModel, start: Callable[..., Engine]) -> Engine:
    return start(model)
