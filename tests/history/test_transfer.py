"""What is exported comes back equal, and a damaged export changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gptoss_chat.errors import HistoryError
from gptoss_chat.history import Store
from gptoss_chat.history.importing import Imported
from gptoss_chat.history.transfer import to_json, to_markdown
from tests.history.conftest import exchange, take


def branched(store: Store) -> str:
    """A conversation with two answers, an edited prompt, routing and usage."""
    talk = store.new_conversation("Ünïcode 👍", model="tiny", date="2026-01-02")
    user, _ = exchange(store, talk.id, None, "one", "first")
    again = store.begin_reply(talk.id, user, "tiny", "high", '{"seed": 3}')
    store.finish_reply(again.id, status="stopped", final="second", raw_ids=[5], usage={"seed": 3}, routes=b"\x00\xff")
    exchange(store, talk.id, None, "uno", "primo")
    return talk.id


def test_export_comes_back_equal(store: Store, tmp_path: Path) -> None:
    """Every branch, id, time and record, in another history; and its text is searchable there."""
    talk_id = branched(store)
    other = Store.open(tmp_path / "other" / "history.db")
    text = json.dumps(to_json(store, talk_id))
    assert take(other, text, tmp_path) == [Imported(store.conversation(talk_id), "added", len(store.nodes(talk_id)))]
    assert other.conversation(talk_id) == store.conversation(talk_id)
    assert other.nodes(talk_id) == store.nodes(talk_id)
    assert [other.routes(n.id) for n in other.nodes(talk_id)] == [store.routes(n.id) for n in store.nodes(talk_id)]
    assert to_json(other, talk_id) == to_json(store, talk_id)
    assert len(other.search("primo")) == 1
    assert take(other, text, tmp_path) == [Imported(store.conversation(talk_id), "here")]
    other.close()


def test_markdown_holds_the_branch_that_is_shown(store: Store) -> None:
    """Title, prompts and answers; no other branch."""
    text = to_markdown(store, branched(store))
    assert text.startswith("# Ünïcode 👍\n\n## You\n\nuno\n\n## tiny\n\nprimo\n")
    assert "first" not in text


@pytest.mark.parametrize(
    "damage",
    [
        lambda e: e.pop("messages"),
        lambda e: e["conversation"].pop("title"),
        lambda e: e["conversation"].update(created="yesterday"),
        lambda e: e["conversation"].update(leaf_id="gone"),
        lambda e: e["messages"].reverse(),
        lambda e: e["messages"][0].update(text=7),
        lambda e: e["messages"][0].update(role="wizard"),
        lambda e: e["messages"][1].update(raw_ids=["x"]),
        lambda e: e["messages"][1].update(raw_ids=[-1]),
        lambda e: e["messages"][1].update(routes="!"),
        lambda e: e["messages"].append("hello"),
        lambda e: e["messages"][0].update(created=1e300),
        lambda e: e["conversation"].update(updated=float("nan")),
        lambda e: e["conversation"].update(id="\ud800"),
    ],
)
def test_damaged_export_changes_nothing(store: Store, tmp_path: Path, damage: Any) -> None:
    """A sentence, and no half of a conversation."""
    exported = to_json(store, branched(store))
    damage(exported)
    other = Store.open(tmp_path / "other" / "history.db")
    with pytest.raises(HistoryError):
        take(other, json.dumps(exported), tmp_path)
    assert other.conversations() == []
    other.close()


@pytest.mark.parametrize(
    "text", ["", "hello", "[]", '{"a": 1}', '{"format": "other"}\n{}', "[1]", "# Title\n\n## You\n"]
)
def test_foreign_text_is_no_export(store: Store, tmp_path: Path, text: str) -> None:
    """Nothing but the formats that are known is taken."""
    with pytest.raises(HistoryError):
        take(store, text, tmp_path)
