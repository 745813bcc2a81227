"""Rules for the router travel with a turn: to the engine, into the history, and on to what continues it."""

from __future__ import annotations

import json

from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.harmony import HarmonyEncoding
from gptoss_chat.history import Store
from gptoss_chat.model.route import parse_route
from tests.chat.conftest import MakeSession, finish
from tests.scripted import ScriptedEngine

ROUTE = parse_route("ban 3:7; boost *:1 -2")


def test_rules_reach_the_engine_and_the_history(
    make_session: MakeSession, store: Store, encoding: HarmonyEncoding
) -> None:
    """The turn that was asked with them has them, the next one has none."""
    engine = ScriptedEngine(encoding)
    session = make_session(engine)
    turn = session.ask(None, "Hello", TurnOptions(route=ROUTE))
    finish(turn)
    finish(session.ask(turn.conversation_id, "Again", TurnOptions()))
    assert [request.route for request in engine.requests] == [ROUTE, ()]
    assert engine.requests[0].record_from < len(engine.requests[0].prompt_ids)
    assert json.loads(store.node(turn.reply_node_id).sampling)["route"] == "ban 3:7; boost *:1 -2"


def test_stopped_answer_goes_on_under_its_rules(
    make_session: MakeSession, store: Store, encoding: HarmonyEncoding
) -> None:
    """Whatever the options say by then."""
    engine = ScriptedEngine(encoding, pause_at=9)
    session = make_session(engine)
    turn = session.ask(None, "Hello", TurnOptions(route=ROUTE))
    assert engine.paused.wait(10)
    turn.cancel()
    finish(turn)
    engine.release()
    finish(session.resume(turn.reply_node_id, TurnOptions()))
    assert [request.route for request in engine.requests] == [ROUTE, ROUTE]
    assert engine.requests[1].record_from == engine.requests[0].record_from
