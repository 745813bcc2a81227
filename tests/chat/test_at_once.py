"""Turns at the same time: which go side by side, which wait, and that stopping one leaves the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from gptoss_chat.chat.events import Routed, TurnStatus
from gptoss_chat.chat.loading import LoadedModel
from gptoss_chat.chat.session import Session
from gptoss_chat.chat.turn import Turn, TurnOptions
from gptoss_chat.engine.engine import Engine
from gptoss_chat.engine.mailbox import Generation
from gptoss_chat.engine.types import GenerateRequest, SamplingParams
from gptoss_chat.errors import UsageError
from gptoss_chat.harmony import HarmonyEncoding
from gptoss_chat.harmony.messages import FunctionTool
from gptoss_chat.history import Store
from gptoss_chat.tools.toolbox import Toolbox
from gptoss_chat.tools.values import Tool
from tests.chat.conftest import MakeSession, finish
from tests.engine.conftest import PAGE_BYTES
from tests.engine.hash_model import HashModel, Spec
from tests.scripted import ScriptedEngine, scripted_loader
from tests.tool_script import ToolEngine, clock_step

PLAIN = TurnOptions()


def until(what: Callable[[], bool]) -> None:
    """Wait until `what` holds."""
    for _ in range(2000):
        if what():
            return
        time.sleep(0.005)
    raise AssertionError("never came")


def status_of(turn: Turn) -> TurnStatus | None:
    """How a turn ended, if it has."""
    return turn.result.status if turn.result else None


def test_two_conversations_grow_at_the_same_time(store: Store, encoding: HarmonyEncoding) -> None:
    """On a real engine: when the model stops in the middle of one answer, the other one is as long; then both say what they
    say alone."""
    model = HashModel(Spec(context_limit=2048, vocab=encoding.vocab_size))
    both, stopped, go = threading.Event(), threading.Event(), threading.Event()
    count = 0

    def on_forward(_start: int, tokens: int) -> None:
        nonlocal count
        assert both.wait(30)
        count += tokens == 1
        if count == 101:
            stopped.set()
            assert go.wait(30)

    model.on_forward = on_forward
    ticks = iter(range(10**9))  # every step takes the same time
    engine = Engine(model, cache_bytes=400 * PAGE_BYTES, clock=lambda: float(next(ticks)))  # type: ignore[arg-type]
    submit, submitted = engine.submit, 0

    def counted(request: GenerateRequest) -> Generation:
        nonlocal submitted
        generation = submit(request)
        submitted += 1
        if submitted == 2:
            both.set()
        return generation

    engine.submit = counted  # type: ignore[method-assign]
    session = Session(
        store, lambda _: LoadedModel("hash", engine, encoding), model_name="hash", date=lambda: "2026-01-02"
    )
    session.start()
    options = TurnOptions(sampling=SamplingParams(max_tokens=100, seed=7))
    try:
        turns = [session.ask(None, text, options) for text in ("Hello", "Good morning")]
        assert stopped.wait(30)
        told = [0, 0]

        def both_tell() -> bool:
            for place, turn in enumerate(turns):
                told[place] += sum(isinstance(event, Routed) for event in turn.poll())
            return min(told) >= 40

        until(both_tell)
        assert [turn.result for turn in turns] == [None, None]
        go.set()
        for turn in turns:
            until(lambda turn=turn: turn.done)  # type: ignore[misc]
        texts = [store.node(turn.reply_node_id).raw_ids for turn in turns]
        for turn, text in zip(turns, texts, strict=True):
            alone = session.regenerate(turn.reply_node_id, options)
            finish(alone)
            assert store.node(alone.reply_node_id).raw_ids == text
    finally:
        go.set()
        session.close()


def test_stopping_one_leaves_the_other(encoding: HarmonyEncoding, store: Store, make_session: MakeSession) -> None:
    """Each turn has a stop of its own."""
    engine = ScriptedEngine(encoding, pause_at=40)
    session = make_session(engine)
    one, two = session.ask(None, "one", PLAIN), session.ask(None, "two", PLAIN)
    assert engine.paused.wait(5)
    until(lambda: len(engine.requests) == 2)
    two.cancel()
    finish(two)
    assert not one.done
    engine.release()
    finish(one)
    assert (status_of(one), status_of(two)) == (TurnStatus.COMPLETE, TurnStatus.STOPPED)
    assert store.node(one.reply_node_id).text == "You said: one"


def test_versions_of_an_answer_are_written_side_by_side(encoding: HarmonyEncoding, make_session: MakeSession) -> None:
    """Neither goes on from the other; a prompt behind one of them does."""
    engine = ScriptedEngine(encoding, pause_at=20)
    session = make_session(engine)
    first = session.ask(None, "hello", PLAIN)
    second = session.regenerate(first.reply_node_id, PLAIN)
    behind = session.ask(first.conversation_id, "and then?", PLAIN)
    until(lambda: len(engine.requests) == 2)
    assert engine.paused.wait(5)
    assert not any(turn.done for turn in (first, second, behind))
    engine.release()
    for turn in (first, second, behind):
        finish(turn)
    assert len(engine.requests) == 3
    prompt = encoding.decode_bytes(list(engine.requests[2].prompt_ids)).decode()
    assert "<|channel|>final<|message|>You said: hello<|end|>" in prompt


def test_prompt_taken_back_while_it_waits_ends_at_once(
    encoding: HarmonyEncoding, store: Store, make_session: MakeSession
) -> None:
    """It need not wait for the answer before it."""
    engine = ScriptedEngine(encoding, pause_at=10)
    session = make_session(engine)
    first = session.ask(None, "one", PLAIN)
    assert engine.paused.wait(5)
    second = session.ask(first.conversation_id, "two", PLAIN)
    second.cancel()
    finish(second)
    assert not first.done
    assert store.node(second.reply_node_id).status == "stopped"


def test_answer_that_is_being_written_is_not_gone_on_with(encoding: HarmonyEncoding, make_session: MakeSession) -> None:
    """Two threads would write one row."""
    engine = ScriptedEngine(encoding, pause_at=10)
    session = make_session(engine)
    turn = session.ask(None, "one", PLAIN)
    assert engine.paused.wait(5)
    with pytest.raises(UsageError, match="being written"):
        session.resume(turn.reply_node_id, PLAIN)


def test_other_model_waits_for_a_call_that_was_asked_before(
    encoding: HarmonyEncoding, store: Store, make_session: MakeSession
) -> None:
    """The turn is answered by the model that called the tool; then the other one is loaded, and answers what came after."""
    tool = Tool(FunctionTool("clock", "Tells the time."), lambda _arguments, _stopped: "14:05", "a clock", "ask")
    session = Session(
        store,
        scripted_loader(ToolEngine(encoding, clock_step)),
        model_name="scripted",
        date=lambda: "2026-01-02",
        toolbox=Toolbox({"clock": tool}, offered=("clock",)),
    )
    session.start()
    try:
        turn = session.ask(None, "What time is it?", PLAIN)
        until(lambda: bool(store.node(turn.reply_node_id).calls))
        session.use("second", scripted_loader(ScriptedEngine(encoding, lambda _: ("", "second")), "second"))
        after = session.ask(None, "Hello", PLAIN)
        turn.decide(0, "yes")
        finish(turn)
        finish(after)
        assert store.node(turn.reply_node_id).text == "It is 14:05."
        assert store.node(after.reply_node_id).text == "second"
    finally:
        session.close()


def test_closing_stops_running_and_waiting_turns(
    encoding: HarmonyEncoding, store: Store, make_session: MakeSession
) -> None:
    """Nobody waits for long, and every answer is a stopped one."""
    engine = ScriptedEngine(encoding, pause_at=10)
    session = make_session(engine)
    first = session.ask(None, "one", PLAIN)
    turns = [first, session.ask(None, "two", PLAIN), session.ask(first.conversation_id, "three", PLAIN)]
    assert engine.paused.wait(5)
    session.close()
    assert [status_of(turn) for turn in turns] == [TurnStatus.STOPPED] * 3
    assert {store.node(turn.reply_node_id).status for turn in turns} == {"stopped"}
