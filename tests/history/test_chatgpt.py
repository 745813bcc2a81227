"""ChatGPT's export: the tree it shows is the tree that is kept, and a malformed one changes nothing."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gptoss_chat.errors import HistoryError
from gptoss_chat.history import Node, Store, ToolCall
from tests.history.conftest import exchange, take


def message(role: str, *parts: Any, **more: Any) -> dict[str, Any]:
    """A message of text as the export holds it; `more` replaces its fields."""
    content = {"content_type": "text", "parts": list(parts)}
    return {"author": {"role": role}, "content": content, "create_time": 1700000100.5, "recipient": "all", **more}


def talk(nodes: list[tuple[str, str | None, dict[str, Any] | None]], current: str, **more: Any) -> dict[str, Any]:
    """A conversation from (id, parent, message)."""
    mapping: dict[str, Any] = {
        id_: {"id": id_, "parent": parent, "message": said, "children": []} for id_, parent, said in nodes
    }
    for id_, parent, _ in nodes:
        if parent is not None:
            mapping[parent]["children"].append(id_)
    return {
        "title": "Zoo",
        "create_time": 1700000000.25,
        "update_time": 1700000200.5,
        "mapping": mapping,
        "current_node": current,
        "conversation_id": "6540d0d6-2f4c-8005-a5a1-6f6f6f6f6f6f",
        "default_model_slug": "gpt-4o",
        **more,
    }


def zoo() -> dict[str, Any]:
    """Two prompts at the root, one of them with two answers; the first answer is shown."""
    hidden = message("system", "be nice", metadata={"is_visually_hidden_from_conversation": True})
    return talk(
        [
            ("root", None, None),
            ("system", "root", hidden),
            ("u1", "system", message("user", "what is a quagga")),
            ("a1", "u1", message("assistant", "An animal.", metadata={"model_slug": "gpt-4"})),
            ("a2", "u1", message("assistant", "A zebra.")),
            ("u2", "system", message("user", "what is a zebra")),
        ],
        "a1",
    )


def shape(nodes: list[Node]) -> list[tuple[str, str, str | None]]:
    """Role, text, and the text of the parent."""
    texts = {node.id: node.text for node in nodes}
    return [(node.role, node.text, texts.get(node.parent_id or "")) for node in nodes]


def only(store: Store) -> list[Node]:
    """The messages of the one conversation there is."""
    (found,) = store.conversations()
    return store.nodes(found.id)


def test_tree_of_chatgpt_is_kept(store: Store, tmp_path: Path) -> None:
    """Title, times, model, branches and the one that is shown; the root and the hidden system message are not there."""
    assert [imported.outcome for imported in take(store, json.dumps([zoo()]), tmp_path)] == ["added"]
    (found,) = store.conversations()
    assert (found.id, found.title, found.model) == ("6540d0d62f4c8005a5a16f6f6f6f6f6f", "Zoo", "gpt-4o")
    assert (found.created, found.updated, found.date) == (1700000000.25, 1700000200.5, "2023-11-14")
    assert shape(store.nodes(found.id)) == [
        ("user", "what is a quagga", None),
        ("assistant", "An animal.", "what is a quagga"),
        ("assistant", "A zebra.", "what is a quagga"),
        ("user", "what is a zebra", None),
    ]
    shown = store.node(found.leaf_id or "")
    assert (shown.text, shown.model, shown.created) == ("An animal.", "gpt-4", 1700000100.5)
    assert len(store.search("zebra")) == 2


def test_answer_in_pieces_is_one_message(store: Store, tmp_path: Path) -> None:
    """Thoughts, calls with their results in their places, text, and what a limit of tokens cut in two."""
    thoughts = {"content_type": "thoughts", "thoughts": [{"summary": "Count", "content": "I count."}]}
    code = {"content_type": "code", "language": "python", "text": "print(6)"}
    result = {"content_type": "execution_output", "text": "6"}
    cut = {"finish_details": {"type": "max_tokens"}}
    nodes = [
        ("u", None, message("user", "count")),
        ("a", "u", message("assistant", content=thoughts)),
        ("b", "a", message("assistant", "Let me see.")),
        ("c", "b", message("assistant", content=code, recipient="python")),
        ("d", "c", message("tool", content=result, author={"role": "tool", "name": "python"})),
        ("e", "d", message("assistant", "There are s", metadata=cut)),
        ("f", "e", message("assistant", "ix.")),
    ]
    take(store, json.dumps(talk(nodes, "f")), tmp_path)
    _, reply = only(store)
    assert reply.text == "Let me see.\n\nThere are six."
    assert reply.reasoning == "Count\nI count."
    assert reply.calls == (ToolCall("python", "print(6)", "6", len("Let me see."), len(reply.reasoning)),)
    assert reply.status == "complete"


def test_answer_that_forks_within_is_kept_whole_each_way(store: Store, tmp_path: Path) -> None:
    """Siblings under the prompt; a prompt below a piece hangs below the answer that ends there."""
    nodes = [
        ("u", None, message("user", "hi")),
        ("a", "u", message("assistant", "A")),
        ("b", "a", message("assistant", "B")),
        ("c", "a", message("assistant", "C")),
        ("v", "a", message("user", "and?")),
        ("w", "v", message("user", "well?")),
    ]
    take(store, json.dumps(talk(nodes, "c")), tmp_path)
    assert shape(only(store)) == [
        ("user", "hi", None),
        ("assistant", "A", "hi"),
        ("assistant", "A\n\nB", "hi"),
        ("assistant", "A\n\nC", "hi"),
        ("user", "and?", "A"),
        ("user", "well?", "and?"),
    ]
    (found,) = store.conversations()
    assert store.node(found.leaf_id or "").text == "A\n\nC"


def test_kinds_of_content_are_readable(store: Store, tmp_path: Path) -> None:
    """Images and files by name, code in a fence that holds, a tool's word without a call, an unknown kind as JSON."""
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-7"}
    nodes = [
        (
            "u",
            None,
            message(
                "user",
                content={"content_type": "multimodal_text", "parts": [picture, "what is this"]},
                metadata={"attachments": [{"name": "cat.png"}]},
            ),
        ),
        ("a", "u", message("assistant", content={"content_type": "code", "language": "unknown", "text": "a ```"})),
        ("t", "a", message("tool", "found", author={"role": "tool", "name": "web"})),
        ("b", "t", message("assistant", content={"content_type": "hologram", "depth": 3})),
        ("c", "b", message("assistant", "")),
        ("d", "c", message("user", content={"content_type": "user_editable_context", "user_profile": "me"})),
    ]
    take(store, json.dumps(talk(nodes, "d")), tmp_path)
    prompt, reply = only(store)
    assert prompt.text == "[file cat.png]\n[image file-service://file-7]\nwhat is this"
    assert reply.text == ('````text\na ```\n````\n\n```json\n{\n  "content_type": "hologram",\n  "depth": 3\n}\n```')
    assert reply.calls == (ToolCall("web", "", "found", len("````text\na ```\n````"), 0),)


def test_zip_with_several_files_is_read_and_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    """All of the conversations; a second time they are here, deleted or not; one that shows nothing is left out."""
    packed = io.BytesIO()
    empty = talk([("root", None, None)], "root", conversation_id="none")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export/user.json", "not JSON")
        archive.writestr("export/conversations-000.json", "\ufeff" + json.dumps([zoo(), empty]))
        archive.writestr("export/conversations-001.json", json.dumps([{**zoo(), "conversation_id": "other"}]))
    outcomes = [imported.outcome for imported in take(store, packed.getvalue(), tmp_path)]
    assert outcomes == ["added", "empty", "added"]
    before = [store.nodes(found.id) for found in store.conversations()]
    store.delete("6540d0d62f4c8005a5a16f6f6f6f6f6f")
    outcomes = [imported.outcome for imported in take(store, packed.getvalue(), tmp_path)]
    assert outcomes == ["here", "empty", "here"]
    store.undelete("6540d0d62f4c8005a5a16f6f6f6f6f6f")
    assert [store.nodes(found.id) for found in store.conversations()] == before


def test_conversation_that_went_on_there_gains_its_new_messages(store: Store, tmp_path: Path) -> None:
    """Below what they answer, and shown where the branch that is shown goes on; what was added, asked or changed here stays."""
    take(store, json.dumps([zoo()]), tmp_path)
    (found,) = store.conversations()
    store.rename(found.id, "My zoo")
    before = store.nodes(found.id)
    later = zoo()
    more = talk(
        [
            ("a1", None, None),
            ("u3", "a1", message("user", "where did it live")),
            ("a3", "u3", message("assistant", "In South Africa.")),
            ("a4", "u3", message("assistant", "At the Cape.")),
        ],
        "a4",
    )
    later["mapping"]["a1"]["children"] = ["u3"]
    later["mapping"] |= {key: node for key, node in more["mapping"].items() if key != "a1"}
    later |= {"current_node": "a4", "update_time": 1700000900.5, "title": "Zoo again"}
    (imported,) = take(store, json.dumps([later]), tmp_path)
    assert (imported.outcome, imported.messages) == ("grown", 3)
    after = store.nodes(found.id)
    assert after[: len(before)] == before
    assert shape(after)[len(before) :] == [
        ("user", "where did it live", "An animal."),
        ("assistant", "In South Africa.", "where did it live"),
        ("assistant", "At the Cape.", "where did it live"),
    ]
    (now,) = store.conversations()
    assert (now.title, now.updated) == ("My zoo", 1700000900.5)
    assert store.node(now.leaf_id or "").text == "At the Cape."
    assert [imported.outcome for imported in take(store, json.dumps([later]), tmp_path)] == ["here"]
    assert store.nodes(found.id) == after
    assert len(store.search("Africa")) == 1


def test_branch_that_went_on_here_stays_the_one_that_is_shown(store: Store, tmp_path: Path) -> None:
    """What was asked here is neither lost nor hidden; an answer that is longer there is a version beside the one here."""
    take(store, json.dumps([zoo()]), tmp_path)
    (found,) = store.conversations()
    mine, _ = exchange(store, found.id, found.leaf_id, "asked here", "answered here")
    leaf_id = store.conversation(found.id).leaf_id
    later = zoo()
    more = message("assistant", "It is extinct.")
    later["mapping"]["a1"]["children"] = ["a5"]
    later["mapping"]["a5"] = {"id": "a5", "parent": "a1", "message": more, "children": []}
    (imported,) = take(store, json.dumps([{**later, "current_node": "a5"}]), tmp_path)
    assert (imported.outcome, imported.messages) == ("grown", 1)
    assert store.conversation(found.id).leaf_id == leaf_id
    assert store.node(mine).text == "asked here"
    first = store.children(None, found.id)[0]
    assert [node.text for node in store.children(first.id)] == [
        "An animal.",
        "A zebra.",
        "An animal.\n\nIt is extinct.",
    ]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda t: t.update(mapping=[]), "mapping is no object"),
        (lambda t: t.update(title=7), "title is no text"),
        (lambda t: t.update(create_time="noon"), "create_time is no number"),
        (lambda t: t.update(create_time=1e300), "create_time is no time"),
        (lambda t: t["mapping"]["a1"].update(message="hi"), "message is no object"),
        (lambda t: t["mapping"]["a1"]["message"].update(author={}), "no author"),
        (lambda t: t["mapping"]["a1"]["message"].update(content={"content_type": "text", "parts": "x"}), "no list"),
        (lambda t: t["mapping"]["root"].update(parent="a1"), "no tree"),
        (lambda t: t["mapping"].update(x=3), "'x' is no object"),
    ],
)
def test_malformed_conversation_changes_nothing(store: Store, tmp_path: Path, damage: Any, sentence: str) -> None:
    """The sentence says which conversation and what is wrong; the sound one before it is not imported either."""
    broken = {**zoo(), "conversation_id": "second"}
    broken = json.loads(json.dumps(broken))
    damage(broken)
    with pytest.raises(HistoryError, match=f"Conversation 2 can't be imported: .*{sentence}"):
        take(store, json.dumps([zoo(), broken]), tmp_path)
    assert store.conversations() == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (json.dumps([zoo()])[:-40], "cut off"),
        (json.dumps([zoo()])[:-1], "ends in the middle of a list"),
        ('[{"mapping": {}} {}]', "'{' stands where a comma belongs"),
        ('[{"mapping": {,}}]', "at character 14"),
        ('{"mapping": ' + "[" * 100_000, "can't be read"),
        (b'{"title": "\xff"}', "UTF-8"),
        (b"PK\x03\x04 and no more", "zip is damaged"),
    ],
)
def test_text_that_is_no_json_is_one_sentence(
    store: Store, tmp_path: Path, content: str | bytes, sentence: str
) -> None:
    """With the place, where there is one."""
    with pytest.raises(HistoryError, match=sentence):
        take(store, content, tmp_path)
    assert store.conversations() == []


def test_conversation_longer_than_what_is_read_at_once(store: Store, tmp_path: Path) -> None:
    """One object spans several reads, with an escape at each place where a read may end."""
    long = 'é\\"\n' * 400_000
    pair = [talk([("u", None, message("user", long))], "u", conversation_id=name) for name in ("one", "two")]
    take(store, json.dumps(pair), tmp_path)
    assert [store.nodes(found.id)[0].text == long for found in store.conversations()] == [True, True]


def test_deep_conversation_and_lone_surrogates(store: Store, tmp_path: Path) -> None:
    """Thousands of messages below each other, and text that is no Unicode, are taken."""
    nodes = [
        (str(n), str(n - 1) if n else None, message("assistant" if n % 2 else "user", "\ud800")) for n in range(3000)
    ]
    take(store, json.dumps(talk(nodes, "2999", title="\udfff")), tmp_path)
    (found,) = store.conversations()
    assert found.title == "?"
    assert len(store.path_to(found.leaf_id or "")) == 3000


def test_answer_that_forks_at_every_piece_is_refused(store: Store, tmp_path: Path) -> None:
    """It would be copied for every fork."""
    nodes: list[tuple[str, str | None, dict[str, Any] | None]] = []
    for n in range(300):
        nodes.append((f"a{n}", f"a{n - 1}" if n else None, message("assistant", "x" * 1000)))
        nodes.append((f"u{n}", f"a{n}", message("user", "?")))
    with pytest.raises(HistoryError, match="fork within themselves"):
        take(store, json.dumps(talk(nodes, "a1")), tmp_path)
