"""A session on a scripted engine and a store in a scratch folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gptoss_chat.chat.session import Session
from gptoss_chat.chat.turn import Turn
from gptoss_chat.harmony import HarmonyEncoding
from gptoss_chat.history import Store
from tests.encodings import byte_encoding
from tests.scripted import ScriptedEngine, scripted_loader

MakeSession = Callable[[ScriptedEngine], Session]


@pytest.fixture
def encoding() -> HarmonyEncoding:
    """Every byte is a token, and the harmony specials follow."""
    return byte_encoding()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty history."""
    store = Store.open(tmp_path / "history.db")
    yield store
    store.close()


@pytest.fixture
def make_session(store: Store) -> Iterator[MakeSession]:
    """Start a session on a scripted engine; it is closed after the test."""
    sessions: list[Session] = []

    def make(engine: ScriptedEngine) -> Session:
        session = Session(store, scripted_loader(engine), model_name="scripted", date=lambda: "2026-01-02")
        sessions.append(session)
        session.start()
        return session

    yield make
    for session in sessions:
        session.close()


def finish(turn: Turn, timeout_s: float = 5.0) -> list[object]:
    """All events of a turn, up to its last."""
    events: list[object] = []
    while True:
        assert turn.wait(timeout_s), f"nothing came for {timeout_s} s after {events[-3:]}"
        events.extend(turn.poll())
        if turn.done and events and events[-1] is turn.result:
            return events
