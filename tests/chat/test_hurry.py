"""Shorter turns with Python while somebody waits for a first token, and the usual ones afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from gptoss_chat.chat.hurry import HURRIED_TURN_S, TURN_S, Hurry
from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.harmony import HarmonyEncoding
from tests.scripted import ScriptedEngine

from .conftest import MakeSession, finish


@pytest.fixture(autouse=True)
def interval() -> Iterator[None]:
    """Every test leaves Python as it was."""
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def hurried() -> bool:
    """How it is now."""
    return sys.getswitchinterval() == pytest.approx(HURRIED_TURN_S)


def test_hurry_ends_with_the_last_who_waits() -> None:
    """Two begin, one of them ends twice."""
    hurry = Hurry()
    hurry.begin("a")
    hurry.begin("b")
    hurry.end("a")
    hurry.end("a")
    assert hurried()
    hurry.end("b")
    assert sys.getswitchinterval() == pytest.approx(TURN_S)


def test_turn_hurries_until_its_first_token(make_session: MakeSession, encoding: HarmonyEncoding) -> None:
    """Before it, and no more while the rest is written, nor after an answer that never began."""
    engine = ScriptedEngine(encoding, pause_at=0)
    session = make_session(engine)
    turn = session.ask(None, "hello", TurnOptions())
    assert engine.paused.wait(5)
    assert hurried()
    engine.pause_at = 2
    engine.paused.clear()
    assert engine.paused.wait(5)
    while sum(type(event).__name__ == "Routed" for event in turn.poll()) == 0:
        assert turn.wait(5)
    assert not hurried()
    engine.release()
    finish(turn)
    engine.pause_at = 0
    engine.paused.clear()
    stopped = session.ask(None, "again", TurnOptions())
    assert engine.paused.wait(5)
    assert hurried()
    stopped.cancel()
    finish(stopped)
    assert not hurried()
