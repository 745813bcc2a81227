"""The conversation tree: what is added stays, forks are siblings, and search finds settled texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptoss_chat.errors import HistoryError
from gptoss_chat.history import Store
from tests.history.conftest import exchange


def test_exchange_is_read_back_equal_after_reopening(store: Store, path: Path) -> None:
    """Texts, ids, usage and leaf survive the process."""
    talk = store.new_conversation("Title", model="tiny", date="2026-01-02")
    user = store.add_user(talk.id, None, "What is ∑?\n\ttabs, \0 and \U0001f600")
    reply = store.begin_reply(talk.id, user.id, "tiny", "high", '{"seed": 1}')
    store.finish_reply(
        reply.id, status="complete", final="A sum.", reasoning="easy", raw_ids=[0, 7, 201087], usage={"seed": 5},
        routes=b"r",
    )  # fmt: skip
    store.close()
    again = Store.open(path)
    assert again.notice is None
    assert again.conversation(talk.id).leaf_id == reply.id
    assert (again.conversation(talk.id).date, again.conversation(talk.id).model) == ("2026-01-02", "tiny")
    first, second = again.path_to(reply.id)
    assert first == user
    assert (second.text, second.reasoning, second.raw_ids) == ("A sum.", "easy", (0, 7, 201087))
    assert (second.status, second.effort, second.usage) == ("complete", "high", {"seed": 5})
    assert again.routes(reply.id) == b"r"
    assert again.routes(user.id) is None
    again.close()


def test_forks_are_siblings_and_nothing_is_overwritten(store: Store) -> None:
    """A second answer and an edited prompt stand beside the first ones; each path holds only its own branch."""
    talk = store.new_conversation(date="2026-01-02")
    user, reply = exchange(store, talk.id, None, "one", "first")
    again = store.begin_reply(talk.id, user, "tiny", "low", "{}")
    store.finish_reply(again.id, status="complete", final="second")
    edited, _ = exchange(store, talk.id, None, "uno", "primo")
    assert [n.text for n in store.siblings(reply)] == ["first", "second"]
    assert [n.text for n in store.children(None, talk.id)] == ["one", "uno"]
    assert [n.text for n in store.path_to(again.id)] == ["one", "second"]
    store.set_leaf(talk.id, reply)
    assert store.conversation(talk.id).leaf_id == reply
    assert store.node(edited).text == "uno"


def test_lone_surrogates_are_stored_as_replacement(store: Store) -> None:
    """Text that UTF-8 can't hold does not lose the prompt."""
    talk = store.new_conversation("t\ud800", date="2026-01-02")
    assert "\ud800" not in store.add_user(talk.id, None, "bad \udcff text").text
    assert store.conversation(talk.id).title.startswith("t")


def test_message_under_unknown_conversation_is_refused(store: Store) -> None:
    """A row without its conversation is an error in one sentence, and leaves nothing behind."""
    with pytest.raises(HistoryError):
        store.add_user("nowhere", None, "hello")
    assert store.search("hello") == []
    store.new_conversation(date="2026-01-02")  # the connection is usable afterwards


def test_unknown_ids_are_one_sentence(store: Store) -> None:
    """What does not exist is a HistoryError, not a traceback."""
    for call in (store.node, store.conversation, store.siblings):
        with pytest.raises(HistoryError):
            call("feedfacefeedface")


def test_conversation_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    """As with git, a beginning that names only one is enough."""
    talk = store.new_conversation(date="2026-01-02")
    assert store.conversation(talk.id[:10]) == talk


def test_deleted_conversation_is_out_of_sight_until_undeleted(store: Store) -> None:
    """Deleting hides it from lists and search; undo brings everything back; purging removes it for good."""
    talk = store.new_conversation("zebra", date="2026-01-02")
    _, reply = exchange(store, talk.id, None, "quagga", "extinct")
    store.delete(talk.id)
    assert store.conversations() == []
    assert store.search("quagga") == []
    store.undelete(talk.id)
    assert [c.id for c in store.conversations()] == [talk.id]
    assert [h.conversation_id for h in store.search("quagga")] == [talk.id]
    store.delete(talk.id)
    assert store.purge(older_than_s=3600) == 0
    assert store.purge() == 1
    with pytest.raises(HistoryError):
        store.node(reply)
    assert store.search("extinct") == []


def test_latest_conversation_comes_first(store: Store) -> None:
    """An answer moves its conversation up."""
    old = store.new_conversation("old", date="2026-01-02")
    new = store.new_conversation("new", date="2026-01-02")
    exchange(store, old.id, None, "hi", "there")
    assert [c.title for c in store.conversations()] == ["old", "new"]
    assert [c.id for c in store.conversations(limit=1)] == [old.id]
    store.rename(new.id, "newer")
    assert store.conversation(new.id).title == "newer"


@pytest.mark.parametrize(
    "query",
    [
        '"',
        '""',
        "a OR",
        "NEAR(",
        "text:fox",
        "fox*",
        "(fox",
        "-fox",
        "fox AND NOT",
        "^fox",
        "'; DROP TABLE node;",
        "\0",
    ],
)
def test_search_takes_anything_as_words(store: Store, query: str) -> None:
    """Operators and quotes of the query language are ordinary text."""
    talk = store.new_conversation(date="2026-01-02")
    exchange(store, talk.id, None, "the quick brown fox", "a lazy dog")
    store.search(query)
    store.conversations(query=query)


def test_search_finds_all_words_and_beginnings(store: Store) -> None:
    """Every word must occur; the last may be a beginning; accents and case do not matter."""
    talk = store.new_conversation("animals", date="2026-01-02")
    exchange(store, talk.id, None, "the quick brown Renée", "a lazy dog")
    assert [h.title for h in store.search("quick ren")] == ["animals"]
    assert store.search("quick dog") == []
    assert "lazy" in store.search("lazy")[0].snippet
    assert [c.id for c in store.conversations(query="anim")] == [talk.id]
    assert [c.id for c in store.conversations(query="lazy")] == [talk.id]
    assert store.conversations(query="absent") == []


def test_signs_alone_are_found_in_the_list(store: Store) -> None:
    """C++ operators and percent signs are not words, and % is no wildcard."""
    talk = store.new_conversation("title", date="2026-01-02")
    store.add_user(talk.id, None, "what does %% do")
    store.add_user(store.new_conversation("other", date="2026-01-02").id, None, "nothing")
    assert [c.id for c in store.conversations(query="%%")] == [talk.id]


def test_index_follows_a_reply_that_is_reopened(store: Store) -> None:
    """While it is written it is not in the index; afterwards exactly its last text is."""
    talk = store.new_conversation(date="2026-01-02")
    user = store.add_user(talk.id, None, "prompt")
    reply = store.begin_reply(talk.id, user.id, "tiny", "low", "{}")
    store.save_partial(reply.id, "alpha", "", [1])
    assert store.search("alpha") == []
    store.finish_reply(reply.id, status="stopped")
    assert len(store.search("alpha")) == 1
    store.reopen_reply(reply.id)
    assert store.search("alpha") == []
    store.save_partial(reply.id, "alpha beta", "", [1, 2])
    store.finish_reply(reply.id, status="complete", final="gamma")
    assert store.search("alpha") == []
    assert len(store.search("gamma")) == 1
    assert store.node(reply.id).raw_ids == (1, 2)
