"""The list of conversations: order, pins, search in context, and earlier prompts."""

from __future__ import annotations

from pathlib import Path

from gptoss_chat.history import HIT_END, HIT_START, Store
from tests.history.conftest import exchange


def talk(store: Store, title: str, prompt: str, answer: str) -> str:
    """A conversation of one exchange; its id."""
    conversation = store.new_conversation(title, date="2026-01-02")
    exchange(store, conversation.id, None, prompt, answer)
    return conversation.id


def test_pinned_conversations_come_first(store: Store) -> None:
    """A pin outranks the date; taking it away puts the conversation back; pinning twice is pinning once."""
    old, new = talk(store, "Old", "a", "b"), talk(store, "New", "c", "d")
    assert [found.id for found in store.listed()] == [new, old]
    store.pin(old, True)
    store.pin(old, True)
    assert [(found.id, found.pinned) for found in store.listed()] == [(old, True), (new, False)]
    assert [found.id for found in store.listed(limit=1)] == [old, new]
    store.pin(old, False)
    assert [found.id for found in store.listed()] == [new, old]


def test_search_finds_titles_then_messages_in_context(store: Store) -> None:
    """A hit in a message comes with its words marked; deleted conversations are not found."""
    inside = talk(store, "Planets", "Which is largest?", "The largest planet is Jupiter, by far.")
    titled = talk(store, "Jupiter's moons", "How many?", "Many.")
    gone = talk(store, "Gone", "Jupiter?", "Jupiter.")
    store.delete(gone)
    found = store.listed("jupi")
    assert [line.id for line in found] == [titled, inside]
    assert found[0].snippet == ""
    assert f"{HIT_START}Jupiter{HIT_END}" in found[1].snippet
    assert store.listed("100%") == []


def test_prompts_are_different_and_newest_first(store: Store) -> None:
    """Answers are no prompts, and a prompt asked twice is listed once."""
    for prompt in ("one", "two", "one"):
        talk(store, "x", prompt, "three")
    assert store.prompts() == ["one", "two"]
    assert store.prompts("w") == ["two"]
    assert store.prompts("three") == []


def test_purged_conversation_takes_its_pin_along(store: Store, path: Path) -> None:
    """Nothing of it is left."""
    gone = talk(store, "Gone", "a", "b")
    store.pin(gone, True)
    store.delete(gone)
    assert store.listed() == []
    assert store.purge() == 1
    assert store.listed() == []
