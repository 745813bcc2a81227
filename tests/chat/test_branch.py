"""An answer that leaves another one at a token: what it begins with, what is computed, and what is stored of it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from gptoss_chat.chat.events import AnswerDelta, ReasoningDelta
from gptoss_chat.chat.loading import LoadedModel
from gptoss_chat.chat.session import Session
from gptoss_chat.chat.stored import Branching, branching_of, options_of
from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.engine.engine import Engine
from gptoss_chat.engine.types import SamplingParams
from gptoss_chat.errors import HistoryError, UsageError
from gptoss_chat.harmony import HarmonyEncoding
from gptoss_chat.history import Store
from gptoss_chat.history.routes import decode_routes
from gptoss_chat.model.route import parse_route
from tests.chat.conftest import MakeSession, finish
from tests.engine.conftest import PAGE_BYTES
from tests.engine.hash_model import HashModel, Spec
from tests.scripted import ScriptedEngine


def place_of(engine: ScriptedEngine, ids: tuple[int, ...], text: str) -> int:
    """Which token `text` begins with."""
    return next(n for n in range(len(ids)) if engine.encoding.decode_bytes(ids[n:]).decode().startswith(text))


@pytest.mark.parametrize(
    ("at", "new", "reasoning", "answer"),
    [
        ("says Hello", "has said", "The user has said", ""),
        ("said: Hello", "wrote: ", "The user says Hello.", "You wrote: "),
    ],
)
def test_branch_keeps_what_stands_before_it(
    make_session: MakeSession, store: Store, encoding: HarmonyEncoding, at: str, new: str, reasoning: str, answer: str
) -> None:
    """In the analysis and in the answer: the engine goes on from the kept and the new tokens, and the text is told from its
    beginning."""
    engine = ScriptedEngine(encoding)
    session = make_session(engine)
    first = session.ask(None, "Hello", TurnOptions())
    finish(first)
    old = store.node(first.reply_node_id)
    kept = place_of(engine, old.raw_ids, at)
    branching = Branching(first.reply_node_id, kept, tuple(encoding.encode_text(new)))
    turn = session.branch(branching, TurnOptions())
    events = finish(turn)
    begun = [*old.raw_ids[:kept], *branching.token_ids]
    assert list(engine.requests[1].prompt_ids) == [*engine.requests[0].prompt_ids, *begun]
    told = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    assert told.startswith(reasoning)
    said = "".join(event.text for event in events if isinstance(event, AnswerDelta))
    assert said.startswith(answer)
    node = store.node(turn.reply_node_id)
    assert node.parent_id == old.parent_id
    assert list(node.raw_ids[: len(begun)]) == begun
    assert node.text == said
    assert node.reasoning == told
    assert branching_of(node) == branching
    assert branching_of(old) is None


def test_branch_prefills_only_the_new_tokens(store: Store, encoding: HarmonyEncoding) -> None:
    """On a real engine: everything before is reused, at any place of the answer, and repeated it says the same."""
    model = HashModel(Spec(context_limit=2048, vocab=encoding.vocab_size))
    engine = Engine(model, cache_bytes=400 * PAGE_BYTES, prefill_chunk=64)  # type: ignore[arg-type]
    loaded = LoadedModel("hash", engine, encoding)
    session = Session(store, lambda _: loaded, model_name="hash", date=lambda: "2026-01-02")
    session.start()
    try:
        options = TurnOptions(effort="high", developer="Be brief.", sampling=SamplingParams(max_tokens=70, seed=4))
        first = session.ask(None, "Hello", options)
        finish(first)
        old = store.node(first.reply_node_id)
        assert len(old.raw_ids) > 40
        record = decode_routes(store.routes(old.id) or b"")
        options = options_of(old, TurnOptions())
        assert (options.effort, options.developer, options.sampling.max_tokens) == ("high", "Be brief.", 70)
        assert old.usage is not None
        assert options.sampling.seed == old.usage["seed"]
        for kept, new in ((0, "x"), (33, "yes"), (len(old.raw_ids) - 2, "z")):
            branching = Branching(old.id, kept, tuple(encoding.encode_text(new)))
            texts = []
            for _ in range(2):
                turn = session.branch(branching, options)
                finish(turn)
                assert turn.result is not None
                assert turn.result.usage is not None
                begun = old.usage["context_tokens"] - old.usage["generated_tokens"] + kept
                counts = turn.result.usage.reused_tokens, turn.result.usage.prefilled_tokens
                assert counts == ((begun, len(new)) if not texts else (begun + len(new) - 1, 1))
                texts.append(store.node(turn.reply_node_id).raw_ids)
            assert texts[0] == texts[1]
            branched = decode_routes(store.routes(turn.reply_node_id) or b"")
            row = begun - record.start
            assert np.array_equal(branched.logprobs[:row], record.logprobs[:row], equal_nan=True)
            assert np.array_equal(branched.alternative_ids[row], record.alternative_ids[row])
            assert np.array_equal(branched.experts[:row], record.experts[:row])
    finally:
        session.close()


def test_what_can_not_be_branched_is_a_sentence(
    make_session: MakeSession, store: Store, encoding: HarmonyEncoding
) -> None:
    """A prompt's token, a place beyond the answer, the end of the answer, and an answer of another model."""
    session = make_session(ScriptedEngine(encoding))
    turn = session.ask(None, "Hello", TurnOptions())
    finish(turn)
    stop = min(encoding.stop_ids)
    for branching in (
        Branching(turn.user_node_id, 0, (65,)),
        Branching(turn.reply_node_id, -1, (65,)),
        Branching(turn.reply_node_id, 9999, (65,)),
        Branching(turn.reply_node_id, 3, ()),
        Branching(turn.reply_node_id, 3, (65, stop)),
    ):
        with pytest.raises(UsageError) as caught:
            session.branch(branching, TurnOptions())
        assert caught.value.hint
    session.model_name = "another"
    with pytest.raises(UsageError, match="not loaded"):
        session.branch(Branching(turn.reply_node_id, 3, (65,)), TurnOptions())
    assert len(store.siblings(turn.reply_node_id)) == 1


def test_rules_and_identity_are_stored_and_read_back(
    make_session: MakeSession, store: Store, encoding: HarmonyEncoding
) -> None:
    """All that an answer was asked with; a damaged row is a sentence."""
    session = make_session(ScriptedEngine(encoding))
    options = TurnOptions(
        "low", "Dev", "You are a pirate.", SamplingParams(temperature=0.5, seed=3), ("END",), parse_route("topk 2")
    )
    turn = session.ask(None, "Hello", options)
    finish(turn)
    node = store.node(turn.reply_node_id)
    assert options_of(node, TurnOptions()) == options
    assert json.loads(node.sampling)["route"] == "topk *:2"
    for broken in ("{", "[]", '{"branch": {"kept": 1}}'):
        with pytest.raises(HistoryError):
            branching_of(dataclasses.replace(node, sampling=broken))
