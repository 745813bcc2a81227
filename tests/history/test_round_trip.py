"""What is exported as JSON or JSON Lines comes back equal, whatever stands in it; what is damaged anywhere is a sentence."""

from __future__ import annotations

import contextlib
import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss_chat.errors import HistoryError
from gptoss_chat.history import Conversation, Node, Store, ToolCall
from gptoss_chat.history.importing import read_conversation
from gptoss_chat.history.transfer import to_json
from gptoss_chat.history.values import Incoming
from tests.history.conftest import exchange, take
from tests.history.test_chatgpt import zoo

TIMES = st.floats(0, 4e9)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
CALLS = st.builds(ToolCall, TEXTS, TEXTS, st.none() | TEXTS, st.integers(0, 30), st.integers(0, 30))


@st.composite
def talks(draw: st.DrawFn, id_: str) -> tuple[Conversation, list[Node], dict[str, bytes]]:
    """A conversation whose messages hang anywhere below earlier ones, or are first ones."""
    nodes: list[Node] = []
    routes: dict[str, bytes] = {}
    for number in range(draw(st.integers(0, 6))):
        parent_id = draw(st.sampled_from([None, *(node.id for node in nodes)]))
        role = draw(st.sampled_from(["user", "assistant"]))
        nodes.append(
            Node(
                id=f"{id_}{number:08x}",
                conversation_id=id_,
                parent_id=parent_id,
                role=role,
                text=draw(TEXTS),
                reasoning=draw(TEXTS),
                raw_ids=tuple(draw(st.lists(st.integers(0, 2**32 - 1), max_size=4))),
                status=draw(st.sampled_from(["complete", "stopped", "failed"])),
                model=draw(TEXTS),
                effort=draw(st.sampled_from(["", "low", "high"])),
                usage=draw(st.none() | st.dictionaries(TEXTS, st.integers() | TEXTS, max_size=2)),
                created=draw(TIMES),
                sampling=draw(st.sampled_from(["{}", '{"seed": 3}'])),
                calls=tuple(draw(st.lists(CALLS, max_size=2))) if role == "assistant" else (),
            )
        )
        if draw(st.booleans()):
            routes[nodes[-1].id] = draw(st.binary(max_size=8))
    leaf_id = draw(st.sampled_from([None, *(node.id for node in nodes)]))
    times = (draw(TIMES), draw(TIMES))
    return Conversation(id_, draw(TEXTS), draw(TEXTS), "2026-01-02", *times, leaf_id), nodes, routes


@settings(max_examples=25, deadline=None)
@given(st.tuples(talks("a" * 32), talks("b" * 32)), st.booleans())
def test_export_of_anything_comes_back_equal(
    both: tuple[tuple[Conversation, list[Node], dict[str, bytes]], ...], as_lines: bool
) -> None:
    """Forks, calls, stopped answers, records and any text; as one object a file, and as lines of one file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        here, there = Store.open(folder / "here.db"), Store.open(folder / "there.db")
        for talk, nodes, routes in both:
            assert here.take_in(Incoming(talk, tuple(nodes), routes)).outcome == "added"
        values = [to_json(here, talk.id) for talk, _, _ in both]
        files = [json.dumps(one, indent=2) + "\n" for one in values]
        if as_lines:
            files = ["".join(json.dumps(one) + "\n" for one in values)]
        taken = [imported for file in files for imported in take(there, file, folder)]
        assert [imported.outcome for imported in taken] == ["added", "added"]
        for talk, nodes, routes in both:
            assert there.conversation(talk.id) == talk
            assert there.nodes(talk.id) == nodes
            assert {node.id: there.routes(node.id) for node in nodes if node.id in routes} == routes
        assert [to_json(there, talk.id) for talk, _, _ in both] == values
        assert there.conversations() == here.conversations()
        here.close()
        there.close()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(10**400) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=3,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container and key in a value of JSON."""
    inside = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [(value, key) for key, _ in inside] + [place for _, below in inside for place in places(below)]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.booleans())
def test_anything_in_any_place_is_taken_or_is_a_sentence(data: st.DataObject, of_chatgpt: bool) -> None:
    """Whatever stands in place of one value of an export, no other error comes of it."""
    value = json.loads(json.dumps(zoo() if of_chatgpt else exported()))
    found = places(value)
    container, key = found[data.draw(st.integers(0, len(found) - 1))]
    container[key] = data.draw(ANYTHING)
    with contextlib.suppress(HistoryError):
        incoming = read_conversation(value)
        assert incoming is None or all(isinstance(node.text, str) for node in incoming.nodes)


@functools.cache
def exported() -> dict[str, Any]:
    """A small conversation as it is exported, with a call."""
    with tempfile.TemporaryDirectory() as name:
        store = Store.open(Path(name) / "history.db")
        talk = store.new_conversation("talk", date="2026-01-02")
        _, reply_id = exchange(store, talk.id, None, "hello", "hi")
        store.save_partial(reply_id, "hi", "", [1], [ToolCall("clock", "{}", "14:05")])
        value = to_json(store, talk.id)
        store.close()
    return value


def test_deep_nesting_is_a_sentence(store: Store, tmp_path: Path) -> None:
    """Where any value may stand, too many levels of it are refused before anything is written."""
    text = json.dumps(exported()).replace('"usage": null', '"usage": {"a": DEEP}')
    with pytest.raises(HistoryError, match="nested too deeply"):
        take(store, text.replace("DEEP", "[" * 700 + "]" * 700), tmp_path)
    assert store.conversations() == []
