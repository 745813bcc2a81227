"""Stored routing read back as tokens with text and channel."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gptoss_chat.errors import HistoryError
from gptoss_chat.history import Store
from gptoss_chat.model.route import NO_EXPERT
from gptoss_chat.routing import (
    CHANNELS,
    KnownModel,
    conversation_routes,
    path_routes,
    routes_of,
    text_routes,
    turn_routes,
)
from gptoss_chat.routing.tokens import channels_of, spelling, texts_of
from tests.encodings import byte_encoding
from tests.routing.examples import EXPERTS, example_routes, random_record, stored_turn, tokens_of, turn_tokens

ENCODING = byte_encoding()


def model_of(name: str) -> KnownModel:
    """The one model of these tests."""
    assert name == "tiny"
    return KnownModel(ENCODING, EXPERTS)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty history."""
    store = Store.open(tmp_path / "history.db")
    yield store
    store.close()


def named(ids: list[int]) -> list[tuple[str, str]]:
    """Runs of tokens of one channel, with their text."""
    channels = channels_of(ENCODING, np.array(ids, np.uint32))
    texts = texts_of(ENCODING, ids)
    runs: list[tuple[str, str]] = []
    for code, text in zip(channels.tolist(), texts, strict=True):
        if runs and runs[-1][0] == CHANNELS[code]:
            runs[-1] = (runs[-1][0], runs[-1][1] + text)
        else:
            runs.append((CHANNELS[code], text))
    return runs


def test_turn_is_cut_into_its_channels() -> None:
    """Prompt, analysis and answer, with control tokens and headers between."""
    assert named(turn_tokens(ENCODING, "Hi", "Hm.", "Hello")) == [
        ("control", "<|start|>user<|message|>"),
        ("user", "Hi"),
        ("control", "<|end|><|start|>assistant<|channel|>analysis<|message|>"),
        ("analysis", "Hm."),
        ("control", "<|end|><|start|>assistant<|channel|>final<|message|>"),
        ("final", "Hello"),
    ]


@pytest.mark.parametrize(
    ("parts", "channel"),
    [
        (("<|start|>", "system", "<|message|>"), "system"),
        (("<|start|>", "developer", "<|message|>"), "system"),
        (("<|start|>", "assistant", "<|channel|>", "commentary", "<|message|>"), "commentary"),
        (("<|start|>", "assistant", "<|channel|>", "commentary to=functions.f", "<|message|>"), "tool"),
        (("<|start|>", "functions.f to=assistant", "<|channel|>", "commentary", "<|message|>"), "tool"),
        (("<|start|>", "assistant", "<|channel|>", "musing", "<|message|>"), "other"),
    ],
)
def test_header_names_the_channel(parts: tuple[str, ...], channel: str) -> None:
    """Every kind of message has its own."""
    runs = named(tokens_of(ENCODING, *parts, "word", "<|end|>"))
    assert [name for name, _ in runs] == ["control", channel, "control"]


def test_message_without_its_token_still_has_a_channel() -> None:
    """A header that runs into text is text from where the chat's parser is sure of it."""
    runs = named(tokens_of(ENCODING, "<|start|>", "assistant", "<|channel|>", "final", "\n\nHello there", "<|end|>"))
    assert runs[-2:] == [("final", "here"), ("control", "<|end|>")]


def test_texts_join_to_the_whole() -> None:
    """A character of several tokens stands with its last; broken bytes become U+FFFD."""
    ids = ENCODING.encode_text("aπ€")
    assert texts_of(ENCODING, ids) == ("a", "", "π", "", "", "€")
    assert texts_of(ENCODING, [0xE2, 0x82]) == ("", "\ufffd")
    assert spelling(ENCODING, 0xE2) == "\\xe2"
    assert spelling(None, 9) == "<9>"


def test_stored_turn_comes_back(store: Store) -> None:
    """Ids, experts, weights and positions are those stored."""
    talk = store.new_conversation("t", date="2026-01-02")
    record = random_record(turn_tokens(ENCODING, "Hi", "Hm.", "Hello"))
    reply_id = stored_turn(store, talk.id, None, record)
    routes = turn_routes(store, reply_id, model_of)
    assert (routes.model, routes.experts, routes.turn_ids) == ("tiny", EXPERTS, (reply_id,))
    assert np.array_equal(routes.experts_TLK, record.experts)
    assert np.array_equal(routes.weights_TLK, record.weights)
    assert routes.positions_T.tolist() == list(range(7, 7 + len(record.token_ids)))
    unnamed = turn_routes(store, reply_id, lambda name: KnownModel())
    assert unnamed.experts == 16  # the smallest usual count that holds the ids
    assert unnamed.texts[1] == f"<{ord('u')}>"


def test_reply_begins_after_its_prompt(store: Store) -> None:
    """Places count from the first token of the reply; the prompt and a text without harmony have none."""
    ids = turn_tokens(ENCODING, "Hi <|start|>", "Hm.", "Hello")
    routes = routes_of([("one", random_record(ids))], ENCODING, model="tiny", experts=EXPERTS)
    first = int(np.argmax(routes.reply_T == 0))
    assert "".join(routes.texts[first:]).startswith("<|channel|>analysis<|message|>Hm.")
    assert routes.reply_T.tolist() == [-1] * first + list(range(len(ids) - first))
    plain = text_routes(random_record(ENCODING.encode_text("abc")), ENCODING, model="tiny", experts=EXPERTS)
    assert plain.reply_T.tolist() == [-1] * 3


def test_alternatives_are_read_with_their_texts() -> None:
    """Of tokens that were drawn; turns with different numbers of experts and of alternatives stand side by side."""
    ids = turn_tokens(ENCODING, "Hi", "Hm.", "Hello")
    record = random_record(ids)
    wide = dataclasses.replace(
        random_record(ids, seed=2),
        experts=np.concatenate([record.experts, record.experts[..., :1] * 0 + 11], axis=-1),
        weights=np.concatenate([record.weights, record.weights[..., :1] * 0], axis=-1),
    )
    old = dataclasses.replace(
        record,
        logprobs=np.full(len(ids), np.nan, np.float32),
        alternative_ids=np.zeros((len(ids), 0), np.uint32),
        alternative_logprobs=np.zeros((len(ids), 0), np.float32),
    )
    routes = routes_of([("a", record), ("b", wide), ("c", old)], ENCODING, model="tiny", experts=EXPERTS)
    count = len(ids)
    assert routes.chosen == 4
    assert (routes.experts_TLK[:count, :, 3] == NO_EXPERT).all()
    assert not routes.weights_TLK[:count, :, 3].any()
    assert routes.probability(0) is None
    assert routes.alternatives(0) == []
    last = routes.alternatives(count - 1)
    assert [other.token_id for other in last] == record.alternative_ids[-1].tolist()
    assert [other.text for other in last] == [chr(token_id) for token_id in record.alternative_ids[-1]]
    assert [other.probability for other in last] == pytest.approx(np.exp(record.alternative_logprobs[-1]))
    assert routes.probability(count - 1) == pytest.approx(float(np.exp(record.logprobs[-1])))
    assert routes.alternatives(3 * count - 1) == []
    assert routes.probability(3 * count - 1) is None


def test_conversation_is_the_path_that_is_shown(store: Store) -> None:
    """Turns in order; a sibling, another model's turn and another shape are left out."""
    talk = store.new_conversation("t", date="2026-01-02")
    ids = turn_tokens(ENCODING, "Hi", "Hm.", "Hello")
    other = stored_turn(store, talk.id, None, random_record(ids), model="older")
    misshapen = stored_turn(store, talk.id, other, random_record(ids, layers=2))
    first = stored_turn(store, talk.id, misshapen, random_record(ids))
    stored_turn(store, talk.id, first, random_record(ids, seed=5))
    nothing = stored_turn(store, talk.id, first, None)
    last = stored_turn(store, talk.id, nothing, random_record(ids, seed=3, start=50))
    routes = conversation_routes(store, talk.id[:8], model_of)
    assert routes.turn_ids == (first, last)
    assert routes.turns_T.tolist() == [0] * len(ids) + [1] * len(ids)
    assert routes.positions_T[len(ids)] == 50
    assert path_routes(store, first, model_of).turn_ids == (first,)


def test_turn_without_routing_is_a_sentence(store: Store) -> None:
    """Nothing stored, and an empty conversation."""
    talk = store.new_conversation("t", date="2026-01-02")
    with pytest.raises(HistoryError, match="No routing"):
        conversation_routes(store, talk.id, model_of)
    with pytest.raises(HistoryError, match="No routing"):
        turn_routes(store, stored_turn(store, talk.id, None, None), model_of)


def test_plain_text_stands_in_no_channel() -> None:
    """What was scored without harmony around it."""
    routes = text_routes(random_record(ENCODING.encode_text("abc"), start=0), ENCODING, model="tiny", experts=EXPERTS)
    assert {CHANNELS[code] for code in routes.channels_T} == {"text"}


def test_selection_keeps_rows_together() -> None:
    """Every column is cut by the same mask."""
    routes = example_routes()
    part = routes.select(routes.turns_T == 1)
    assert part.tokens == len(part.texts) == len(part.token_ids_T)
    assert "".join(part.texts).startswith("<|start|>user<|message|>And e?")
    assert np.array_equal(part.experts_TLK, routes.experts_TLK[routes.turns_T == 1])
