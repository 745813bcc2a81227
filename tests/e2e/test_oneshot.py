"""One-shot prompts through the installed command and the built-in model."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.conftest import Command, one_sentence

# At this temperature the model rambles: with this seed for hundreds of tokens, so that there is time to end it.
RAMBLE = ("-p", "Hello", "--jsonl", "--temperature", "10", "--max-tokens", "3500", "--seed", "10")
SLOWLY = {"GPTOSS_CHAT_CPU": "reference"}  # or the answer has ended before anything can interrupt it


def test_answer_is_on_stdout_alone(command: Command) -> None:
    """The answer, a newline, and nothing else anywhere."""
    done = command.run("-p", "What is 12 + 7?")
    assert done.returncode == 0
    assert done.stdout.strip()
    assert done.stdout.endswith("\n")
    assert "<|" not in done.stdout
    assert done.stderr == ""


def test_stdin_and_files_are_added_to_the_prompt(command: Command, tmp_path: Path) -> None:
    """The prompt that is stored holds the words, the file under its name, and what was piped in, in this order."""
    note = tmp_path / "note.txt"
    note.write_text("from the file\n")
    done = command.run("-p", "words", "--file", str(note), "--json", "--max-tokens", "2", stdin="from the pipe\n")
    assert done.returncode == 0
    shown = command.run("history", "show", json.loads(done.stdout)["conversation"], "--json")
    assert json.loads(shown.stdout)["messages"][0]["text"] == "words\n\nnote.txt:\nfrom the file\n\n\nfrom the pipe"


def test_json_lines_tell_the_same_as_the_last_line(command: Command, tmp_path: Path) -> None:
    """Answer and reasoning deltas add up, every token has its routing, and the routes file has its rows."""
    routes = tmp_path / "routes.npz"
    done = command.run("-p", "What is 12 + 7?", "--jsonl", "--seed", "5", "--logprobs", "3", "--routes", str(routes))
    assert done.returncode == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    last = rows[-1]
    assert last["type"] == "done"
    assert "".join(row["text"] for row in rows if row["type"] == "answer") == last["answer"]
    assert "".join(row["text"] for row in rows if row["type"] == "reasoning") == last["reasoning"]
    tokens = [row for row in rows if row["type"] == "token"]
    assert len(tokens) == last["usage"]["generated_tokens"]
    assert all(len(row["alternatives"]) == 3 for row in tokens)
    assert all(abs(sum(layer) - 1) < 0.01 for row in tokens for layer in row["weights"])
    with np.load(routes) as stored:
        assert stored["experts"].shape == stored["weights"].shape
        assert len(stored["experts"]) >= len(tokens) - 1
        drawn = stored["logprobs"][-(len(tokens) - 1) :]
        assert drawn.tolist() == pytest.approx([row["logprob"] for row in tokens[:-1]], abs=1e-4)
        likeliest = stored["alternative_ids"][-(len(tokens) - 1) :, :3]
        assert likeliest.tolist() == [[other["id"] for other in row["alternatives"]] for row in tokens[:-1]]


def test_continue_goes_on_in_the_same_conversation(command: Command) -> None:
    """The second prompt is a child of the first answer; the seed repeats the text."""
    first = json.loads(command.run("-p", "What is 12 + 7?", "--json").stdout)
    second = json.loads(command.run("-p", "and times 3?", "--continue", "--json").stdout)
    assert second["conversation"] == first["conversation"]
    shown = json.loads(command.run("history", "show", first["conversation"], "--json").stdout)
    assert [m["text"] for m in shown["messages"]] == [
        "What is 12 + 7?",
        first["answer"],
        "and times 3?",
        second["answer"],
    ]


def test_seed_repeats_the_text(command: Command) -> None:
    """At temperature 1, the same seed gives the same tokens in another process."""
    args = (
        "-p",
        "Tell me something.",
        "--temperature",
        "1",
        "--seed",
        "11",
        "--max-tokens",
        "30",
        "--json",
        "--no-history",
    )
    first, second = (json.loads(command.run(*args).stdout) for _ in range(2))
    assert (first["answer"], first["reasoning"]) == (second["answer"], second["reasoning"])
    assert first["usage"]["seed"] == 11


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("-p", "x", "--reasoning", "enormous"), 2, "low, medium or high"),
        (("-p", "x", "--json", "--jsonl"), 2, "exclude each other"),
        (("-p", "x", "--temperature", "-1"), 2, "--temperature -1"),
        (("-p", "x", "--file", "nowhere.txt"), 2, "nowhere.txt"),
        (("-p", "x", "--model", "openai/gpt-oss-20b"), 1, "models pull openai/gpt-oss-20b"),
        (("-p", "x", "--model", "nonsense"), 1, "no model 'nonsense'"),
        (("-p", "x", "--resume", "abc"), 1, "history list"),
        (("-p", "x", "--continue"), 2, "no conversation"),
        (("-p", ""), 2, "no prompt"),
        (("--no-such-flag",), 2, "--no-such-flag"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_mistake_gets_a_sentence_and_its_exit_code(
    command: Command, args: tuple[str, ...], code: int, words: str
) -> None:
    """No traceback, a remedy, nothing on stdout."""
    done = command.run(*args)
    assert done.returncode == code
    assert words in " ".join(one_sentence(done.stderr))
    assert done.stdout == ""


def test_broken_checkpoint_is_one_sentence(command: Command, tmp_path: Path) -> None:
    """A folder that holds another architecture is named."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}')
    done = command.run("-p", "x", "--model", str(folder))
    assert done.returncode == 1
    assert "llama" in " ".join(one_sentence(done.stderr)).lower()


def test_broken_pipe_is_silent(command: Command) -> None:
    """A reader that goes away, like `| head`, ends the command without a word."""
    process = command.start("-p", "What is 12 + 7?", "--jsonl")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_interrupt_keeps_the_partial_answer(command: Command) -> None:
    """Ctrl+C ends with 130; prompt and partial answer are in the history, as stopped."""
    process = command.start(*RAMBLE, **SLOWLY)
    _wait_for_tokens(process, 5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out.splitlines()[-1])["status"] == "stopped"
    assert _messages(command) == [("user", "complete"), ("assistant", "stopped")]


def test_kill_keeps_the_prompt_and_what_was_saved(command: Command) -> None:
    """After kill -9 in the middle of an answer, the next start shows the prompt and the answer so far, as stopped."""
    process = command.start(*RAMBLE, **SLOWLY)
    _wait_for_tokens(process, 5)
    _wait_for_save(command)
    process.kill()
    process.communicate()
    listed = json.loads(command.run("history", "list", "--json").stdout)
    shown = json.loads(command.run("history", "show", listed[0]["id"], "--json").stdout)
    user, reply = shown["messages"]
    assert user["text"] == "Hello"
    assert reply["status"] == "stopped"
    assert len(reply["raw_ids"]) > 0


def _wait_for_tokens(process: object, count: int) -> None:
    seen = 0
    for line in process.stdout:  # type: ignore[attr-defined]
        seen += '"type": "token"' in line
        if seen >= count:
            return
    pytest.fail("the answer ended too soon")


def _wait_for_save(command: Command) -> None:
    """Until something of the answer is in the database."""
    end_s = time.monotonic() + 20
    with sqlite3.connect(_database(command)) as db:
        while time.monotonic() < end_s:
            if db.execute("SELECT 1 FROM node WHERE role = 'assistant' AND length(raw_ids) > 0").fetchone():
                return
            time.sleep(0.01)
    pytest.fail("nothing of the answer was saved")


def _database(command: Command) -> Path:
    return Path(command.env["XDG_DATA_HOME"]) / "gptoss-chat" / "history.db"


def _messages(command: Command) -> list[tuple[str, str]]:
    with sqlite3.connect(_database(command)) as db:
        return db.execute("SELECT role, status FROM node ORDER BY seq").fetchall()
