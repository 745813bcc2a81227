"""`gptoss-chat routes` on a stored conversation, in one process; `routes -` on the built-in model."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from gptoss_chat.catalog.entry import built_in_folder
from gptoss_chat.cli.routes import routes
from gptoss_chat.errors import GptossChatError, HistoryError, UsageError
from gptoss_chat.harmony import load_encoding
from gptoss_chat.history import Store
from gptoss_chat.paths import Paths
from tests.routing.examples import random_record, stored_turn, turn_tokens

app = typer.Typer()
app.command()(routes)


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A fresh user."""
    paths = Paths(tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    monkeypatch.setattr(Paths, "of_user", classmethod(lambda cls: paths))
    return paths


@pytest.fixture
def talk(paths: Paths) -> tuple[str, str]:
    """Two stored turns of the built-in model; the ids of the conversation and of its first answer."""
    encoding = load_encoding(built_in_folder())
    store = Store.open(paths.history_db)
    conversation = store.new_conversation("t", date="2026-01-02")
    first = stored_turn(
        store, conversation.id, None, random_record(turn_tokens(encoding, "Hi", "Hm.", "First")), model="built-in"
    )
    stored_turn(
        store, conversation.id, first, random_record(turn_tokens(encoding, "Ho", "Hm.", "Second")), model="built-in"
    )
    store.close()
    return conversation.id, first


def run(*words: str, stdin: str | bytes | None = None) -> Result:
    """Run to the end; an error is raised."""
    result = CliRunner().invoke(app, list(words), input=stdin, catch_exceptions=False)
    assert result.exit_code == 0
    return result


def said(*words: str) -> str:
    """The text of the final channel in the tokens that come out."""
    tokens = json.loads(run(*words, "--format", "json").stdout)["tokens"]
    return "".join(token["text"] for token in tokens if token["channel"] == "final")


def test_argument_chooses_answer_or_conversation(talk: tuple[str, str]) -> None:
    """The last answer by default; an answer's id; a conversation's, shortened, with all turns or one."""
    conversation_id, reply_id = talk
    assert said() == said("last") == "Second"
    assert said(reply_id) == "First"
    assert said(conversation_id[:8]) == "FirstSecond"
    assert said(conversation_id, "--turn", "1") == "First"
    assert "16 experts" in run("last").stdout  # the model's, not what the ids happen to reach


def test_channel_cuts_the_tokens(talk: tuple[str, str]) -> None:
    """Only tokens of that channel are left."""
    rows = list(csv.DictReader(io.StringIO(run("--channel", "analysis", "--format", "csv").stdout)))
    assert {row["channel"] for row in rows} == {"analysis"}


def test_output_is_of_the_kind_that_its_name_says(talk: tuple[str, str], tmp_path: Path) -> None:
    """Each format to a file; NPZ also to a pipe."""
    for name, begins in (
        ("a.csv", b"turn,"),
        ("a.json", b"{"),
        ("a.npz", b"PK"),
        ("a.svg", b"<svg"),
        ("a.html", b"<!doctype"),
    ):
        file = tmp_path / name
        assert run("-o", str(file)).stdout == ""
        assert file.read_bytes().startswith(begins)
    piped = run("--format", "npz").stdout_bytes
    assert np.array_equal(np.load(io.BytesIO(piped))["experts"], np.load(tmp_path / "a.npz")["experts"])


def test_model_that_is_gone_shows_ids(paths: Paths) -> None:
    """The routing is still there; its words are not, and a sentence says so."""
    store = Store.open(paths.history_db)
    conversation = store.new_conversation("t", date="2026-01-02")
    stored_turn(store, conversation.id, None, random_record([5, 6]), model="lost\x1b")
    store.close()
    result = run("--format", "json")
    assert [token["text"] for token in json.loads(result.stdout)["tokens"]] == ["<5>", "<6>"]
    assert "'lost␛' is not found" in result.stderr


def test_difference_of_two_answers(talk: tuple[str, str]) -> None:
    """Rates, divergence and where the texts part, as a table and as JSON; equal to itself, nothing is different."""
    _, reply_id = talk
    found = json.loads(run(reply_id, "--against", "last", "--format", "json").stdout)
    a, b = (json.loads(run(what, "--format", "json").stdout) for what in (reply_id, "last"))
    rates = [np.array(routes["analyses"]["load"]) / len(routes["tokens"]) for routes in (a, b)]
    assert np.allclose(found["rate_difference"], rates[0] - rates[1], atol=1e-6)
    texts = [[token["text"] for token in routes["tokens"]] for routes in (a, b)]
    assert texts[0][: found["shared_tokens"]] == texts[1][: found["shared_tokens"]]
    assert texts[0][found["shared_tokens"]] != texts[1][found["shared_tokens"]]
    same = []
    for x, y in zip(a["tokens"][: found["shared_tokens"]], b["tokens"], strict=False):
        same.append([len(set(p) & set(q)) / 3 for p, q in zip(x["experts"], y["experts"], strict=True)])
    assert np.allclose(found["agreement"], np.mean(same, axis=0), atol=1e-6)
    assert " tokens are the same, then “" in run(reply_id, "--against", "last").stdout
    itself = json.loads(run("--against", "last", "--format", "json").stdout)
    assert not np.any(itself["rate_difference"])
    assert np.allclose(itself["agreement"], 1)


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (("feedface",), HistoryError, "neither a conversation nor an answer"),
        (("--format", "xml"), UsageError, "no format"),
        (("--turn", "9"), UsageError, "no turn 9"),
        (("--channel", "thoughts"), UsageError, "no channel"),
        (("--channel", "tool"), UsageError, "No token stands"),
        (("--model", "nobody/nothing"), GptossChatError, "not on this machine"),
        (("--against", "last", "--format", "svg"), UsageError, "table or JSON"),
        (("-o", "/nonexistent/a.csv"), UsageError, "Can't write"),
    ],
)
def test_mistake_is_a_sentence(
    talk: tuple[str, str], words: tuple[str, ...], error: type[GptossChatError], says: str
) -> None:
    """One of ours, with a remedy."""
    with pytest.raises(error, match=says) as caught:
        run(*words)
    assert caught.value.hint


def test_empty_history_is_a_sentence(paths: Paths) -> None:
    """There is nothing to look at yet."""
    with pytest.raises(HistoryError, match="no answer yet"):
        run()


def test_text_from_stdin_is_read_and_not_answered(paths: Paths) -> None:
    """Every token of the text, in no channel, with the routing that the model gives it; the history stays as it is."""
    text = "Counting: π, two, three."
    first = json.loads(run("-", "--format", "json", stdin=text).stdout)
    assert "".join(token["text"] for token in first["tokens"]) == text
    assert {token["channel"] for token in first["tokens"]} == {"text"}
    assert [token["position"] for token in first["tokens"]] == list(range(len(first["tokens"])))
    assert (first["layers"], first["experts"], first["experts_per_token"]) == (6, 16, 4)
    assert not paths.history_db.exists()
    # The beginning of a text is routed the same whatever follows it.
    longer = json.loads(run("-", "--format", "json", stdin=text + " And more.").stdout)
    count = len(first["tokens"]) - 1
    assert [t["experts"] for t in longer["tokens"][:count]] == [t["experts"] for t in first["tokens"][:count]]


def test_no_text_on_stdin_is_a_sentence(paths: Paths) -> None:
    """An empty pipe."""
    with pytest.raises(UsageError, match="no text"):
        run("-", stdin="")
