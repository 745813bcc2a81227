"""What is exported as JSON or JSON Lines comes back equal, whatever stands in it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss_chat.history import Conversation, Node, Store, ToolCall
from gptoss_chat.history.transfer import to_json
from tests.history.conftest import take

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
            assert here.insert(talk, nodes, routes)
        exported = [to_json(here, talk.id) for talk, _, _ in both]
        files = [json.dumps(one, indent=2) + "\n" for one in exported]
        if as_lines:
            files = ["".join(json.dumps(one) + "\n" for one in exported)]
        taken = [imported for file in files for imported in take(there, file, folder)]
        assert [imported.outcome for imported in taken] == ["added", "added"]
        for talk, nodes, routes in both:
            assert there.conversation(talk.id) == talk
            assert there.nodes(talk.id) == nodes
            assert {node.id: there.routes(node.id) for node in nodes if node.id in routes} == routes
        assert [to_json(there, talk.id) for talk, _, _ in both] == exported
        assert there.conversations() == here.conversations()
        here.close()
        there.close()
