"""Tool calls in the history: kept with the reply that made them, through every way in and out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gptoss_chat.errors import HistoryError
from gptoss_chat.history import Store
from gptoss_chat.history.transfer import to_json, to_markdown
from gptoss_chat.history.values import ToolCall
from tests.history.conftest import take

CALLS = (
    ToolCall("functions.clock", "{}", "14:05", 0, 12),
    ToolCall("functions.calculator", '{"expression":"é"}', "error: ```", 7, 12),
    ToolCall("functions.clock", "{}", None, 7, 30),
)


@pytest.fixture
def reply_id(store: Store) -> str:
    """A reply that is being written."""
    conversation = store.new_conversation("tools", date="2026-01-02")
    user = store.add_user(conversation.id, None, "What time is it?")
    return store.begin_reply(conversation.id, user.id, "m", "low", "{}").id


def test_calls_are_read_back_everywhere(store: Store, reply_id: str) -> None:
    """A partial save that says nothing of calls leaves them; other messages have none."""
    store.save_partial(reply_id, "", "think", [1], CALLS)
    store.save_partial(reply_id, "It is", "think", [1, 2])
    assert store.node(reply_id).calls == CALLS
    user, reply = store.path_to(reply_id)
    assert (user.calls, reply.calls) == ((), CALLS)
    assert store.children(user.id)[0].calls == CALLS
    assert store.nodes(reply.conversation_id)[1].calls == CALLS
    store.finish_reply(reply_id, status="complete", final="It is 14:05.", calls=CALLS[:1])
    assert store.node(reply_id).calls == CALLS[:1]


def test_export_with_calls_comes_back_equal(store: Store, reply_id: str, tmp_path: Path) -> None:
    """All of them, with and without results."""
    store.finish_reply(reply_id, status="stopped", final="It is", calls=CALLS)
    conversation_id = store.node(reply_id).conversation_id
    other = Store.open(tmp_path / "other.db")
    take(other, json.dumps(to_json(store, conversation_id)), tmp_path)
    assert other.nodes(conversation_id) == store.nodes(conversation_id)
    other.close()


def test_export_without_calls_can_still_be_read(store: Store, reply_id: str, tmp_path: Path) -> None:
    """As earlier versions wrote it."""
    store.finish_reply(reply_id, status="complete", final="It is")
    exported = to_json(store, store.node(reply_id).conversation_id)
    for message in exported["messages"]:
        del message["calls"]
    other = Store.open(tmp_path / "other.db")
    take(other, json.dumps(exported), tmp_path)
    assert other.node(reply_id).calls == ()
    other.close()


@pytest.mark.parametrize("damage", [{"name": 3}, {"text_at": "1"}, {"text_at": -1}, {"result": 1}, {"more": ""}])
def test_damaged_calls_are_one_sentence(store: Store, reply_id: str, tmp_path: Path, damage: dict[str, object]) -> None:
    """Nothing of such a conversation is taken."""
    store.finish_reply(reply_id, status="complete", final="It is", calls=CALLS)
    exported = to_json(store, store.node(reply_id).conversation_id)
    exported["messages"][1]["calls"][0] |= damage
    other = Store.open(tmp_path / "other.db")
    with pytest.raises(HistoryError, match="damaged"):
        take(other, json.dumps(exported), tmp_path)
    assert other.conversations() == []
    other.close()


def test_markdown_shows_calls_in_fences_that_hold(store: Store, reply_id: str) -> None:
    """A result can't close its block."""
    store.finish_reply(reply_id, status="complete", final="It is 14:05.", calls=CALLS[:2])
    text = to_markdown(store, store.node(reply_id).conversation_id)
    assert "```text\nfunctions.clock {}\n14:05\n```\n\n" in text
    assert "````text\n" in text
    assert text.endswith("It is 14:05.\n")
