"""Reading ahead: what stands before a prompt is in the cache when it comes, and nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from gptoss_chat.chat.session import Session
from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.harmony import HarmonyEncoding
from gptoss_chat.history import Store
from gptoss_chat.tools.mcp import McpServerConfig
from gptoss_chat.tools.toolbox import Toolbox
from tests.scripted import ScriptedEngine, scripted_loader

from .conftest import MakeSession, finish


def until(what: Callable[[], Any]) -> None:
    """Wait for a thread of the session."""
    deadline_s = time.monotonic() + 5
    while not what():
        assert time.monotonic() < deadline_s
        time.sleep(0.002)


def read(session: Session, engine: ScriptedEngine, *place: Any) -> str:
    """Read ahead for a place, and the text that came of it."""
    before = len(engine.ahead)
    session.read_ahead(*place)
    until(lambda: len(engine.ahead) > before)
    return engine.encoding.decode_bytes(engine.ahead[-1]).decode()


def test_new_conversation_begins_with_what_was_read(make_session: MakeSession, encoding: HarmonyEncoding) -> None:
    """System and developer text, as the options have them; the first prompt begins with all of it."""
    engine = ScriptedEngine(encoding)
    session = make_session(engine)
    until(lambda: session.loaded)
    options = TurnOptions(effort="low", developer="Be brief.")
    text = read(session, engine, None, None, options)
    assert "Reasoning: low" in text
    assert "Be brief." in text
    assert "2026-01-02" in text
    finish(session.ask(None, "hello", options))
    (head,) = engine.ahead
    assert list(engine.requests[0].prompt_ids[: len(head)]) == head


def test_conversation_is_read_up_to_the_leaf(make_session: MakeSession, encoding: HarmonyEncoding) -> None:
    """With its own date, and without the reasoning, which the next prompt does not see; not while the answer is being written."""
    engine = ScriptedEngine(encoding, pause_at=3)
    session = make_session(engine)
    until(lambda: session.loaded)
    turn = session.ask(None, "first", TurnOptions())
    assert engine.paused.wait(5)
    session.read_ahead(turn.conversation_id, turn.reply_node_id, TurnOptions())
    assert engine.ahead == []
    engine.release()
    finish(turn)
    text = read(session, engine, turn.conversation_id, turn.reply_node_id, TurnOptions(effort="high"))
    assert "Reasoning: high" in text
    assert text.endswith("You said: first<|end|>")
    assert "The user says" not in text


def test_same_wish_is_read_once_and_a_newer_one_calls_it_off(
    make_session: MakeSession, encoding: HarmonyEncoding
) -> None:
    """The engine can ask at any time whether what it reads is still wanted."""
    asked: list[Callable[[], bool]] = []
    engine = ScriptedEngine(encoding)
    engine.warm = lambda ids, wanted=lambda: True: asked.append(wanted)  # type: ignore[method-assign]
    session = make_session(engine)
    until(lambda: session.loaded)
    for effort in ("low", "low", "high"):
        session.read_ahead(None, None, TurnOptions(effort=effort))
        until(lambda effort=effort: len(asked) == (2 if effort == "high" else 1))
    assert [wanted() for wanted in asked] == [False, True]


def test_nothing_is_read_before_the_model_is_loaded(store: Store, encoding: HarmonyEncoding) -> None:
    """It does no harm to ask, and to ask again brings it."""
    engine, loaded = ScriptedEngine(encoding), threading.Event()
    load = scripted_loader(engine)

    def slowly(progress: Callable[[float], None]) -> Any:
        assert loaded.wait(5)
        return load(progress)

    session = Session(store, slowly, model_name="scripted", date=lambda: "2026-01-02")
    session.start()
    session.read_ahead(None, None, TurnOptions())
    loaded.set()
    until(lambda: session.loaded)
    assert engine.ahead == []
    assert read(session, engine, None, None, TurnOptions())
    session.close()


def test_server_of_tools_is_not_started_for_a_prompt_that_may_not_come(store: Store, encoding: HarmonyEncoding) -> None:
    """Which functions it has is not known: nothing is read. Tools that are at hand stand in what is read."""
    toolbox = Toolbox(servers=[McpServerConfig("files", ("no-such-command",))], offered=["clock"])
    engine = ScriptedEngine(encoding)
    session = Session(store, scripted_loader(engine), model_name="s", date=lambda: "2026-01-02", toolbox=toolbox)
    session.start()
    until(lambda: session.loaded)
    session.read_ahead(None, None, TurnOptions(tools=("clock", "files")))
    assert "clock" in read(session, engine, None, None, TurnOptions())
    assert len(engine.ahead) == 1
    assert toolbox.at_hand(["files"]) is None
    assert toolbox.at_hand([]) == ()
    session.close()
