"""The prompt: commands, completion, attachments, counts, earlier prompts, the editor."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from gptoss_chat.chat.loading import Loader
from gptoss_chat.engine.types import SamplingParams
from gptoss_chat.errors import ModelNotFoundError, UsageError
from gptoss_chat.tui.attachments import attachments_of, with_attachments
from gptoss_chat.tui.commands import COMMANDS, as_prompt, command_in
from gptoss_chat.tui.completion import candidates
from gptoss_chat.tui.models import FoundModel
from gptoss_chat.tui.screens.line import RecallScreen
from tests.encodings import byte_encoding
from tests.scripted import ScriptedEngine, scripted_loader
from tests.tui.conftest import MakeBench

SIZE = (100, 30)


@pytest.mark.parametrize(
    ("text", "word", "argument"),
    [
        ("/new", "new", ""),
        ("/rename  a title ", "rename", "a title"),
        ("/system a\nb", "system", "a\nb"),
        ("/no", "no", ""),
    ],
)
def test_command_is_told_from_a_prompt(text: str, word: str, argument: str) -> None:
    """A slash and letters are a command, known or not."""
    asked = command_in(text)
    assert asked is not None
    assert (asked.word, asked.argument) == (word, argument)
    assert (asked.command is None) is (word == "no")


@pytest.mark.parametrize("text", ["/usr/bin/env is what?", "//new", "a /new", "/", "/2", "new"])
def test_other_text_is_a_prompt(text: str) -> None:
    """Paths and doubled slashes are asked."""
    assert command_in(text) is None
    assert as_prompt("//new") == "/new"


def test_completions_of_commands_words_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each replaces just what was typed of it; hidden files only when asked for."""
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "nested").mkdir()
    monkeypatch.chdir(tmp_path)

    def texts(before: str) -> list[tuple[str, int]]:
        return [(found.text, found.replaces) for found in candidates(before, lambda: ["built-in", "big"])]

    assert len(texts("/")) == len(COMMANDS)
    assert texts("/ef") == [("/effort ", 3)]
    assert texts("/effort me") == [("medium", 2)]
    assert texts("/model b") == [("built-in", 1), ("big", 1)]
    assert texts("see @n") == [("nested/", 1), ("notes.txt", 1)]
    assert texts("@.") == [(".hidden", 1)]
    assert texts("@nowhere/x") == []
    assert texts("mail me@n") == []


def test_mentioned_files_are_attached_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Punctuation belongs to the sentence, a mention that is no file is a word, quotes hold blanks."""
    (tmp_path / "a.txt").write_text("alpha")
    (tmp_path / "b c.txt").write_text("beta")
    monkeypatch.chdir(tmp_path)
    text = 'Compare @a.txt, @a.txt and @"b c.txt"; ask @someone.'
    assert with_attachments(text) == text + "\n\na.txt:\nalpha\n\nb c.txt:\nbeta"
    assert [file.name for file in attachments_of("me@a.txt")] == []


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """One sentence names it."""
    (tmp_path / "x.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not UTF-8"):
        attachments_of(f"@{tmp_path / 'x.bin'}")


async def test_command_is_not_counted(make_bench: MakeBench) -> None:
    """Nothing of it goes to the model; two slashes begin a prompt."""
    bench = make_bench()
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await bench.until(pilot, lambda: "context" in bench.status())
        bench.prompt.text = "//rename it"
        await bench.until(pilot, lambda: "left" in str(bench.prompt.border_subtitle))
        bench.prompt.text = "/rename it"
        await bench.until(pilot, lambda: not bench.prompt.border_subtitle)
        await pilot.pause(0.2)
        assert not bench.prompt.border_subtitle


async def test_attachment_is_counted_and_sent(make_bench: MakeBench, tmp_path: Path) -> None:
    """The border tells its size in tokens and what is left; the prompt holds its text; a bad file leaves the prompt."""
    (tmp_path / "n.txt").write_text("12345")
    (tmp_path / "x.bin").write_bytes(b"\xff")
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bench.session.context_limit > 0)
        bench.prompt.text = f"see @{tmp_path}/n.txt"
        await bench.until(pilot, lambda: "+ 5 in n.txt" in str(bench.prompt.border_subtitle))
        assert str(bench.prompt.border_subtitle).endswith(" left")
        await pilot.press("enter")
        await bench.until(pilot, lambda: bool(bench.transcript.entries))
        await bench.settle(pilot)
        assert bench.transcript.entries[0].text == f"see @{tmp_path}/n.txt\n\nn.txt:\n12345"
        bench.prompt.text = f"see @{tmp_path}/x.bin"
        await pilot.press("enter")
        await bench.until(pilot, lambda: "not UTF-8" in str(bench.screen.notice.content))
        assert bench.prompt.text == f"see @{tmp_path}/x.bin"


async def test_tab_completes_and_enter_runs(make_bench: MakeBench) -> None:
    """The menu opens on a slash, moves with the arrows and closes with the text; an unknown command asks nothing."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await pilot.press("slash", "e", "f")
        await bench.until(pilot, lambda: bench.screen.menu.display)
        await pilot.press("tab")
        assert bench.prompt.text == "/effort "
        await bench.until(
            pilot, lambda: bench.screen.menu.chosen is not None and bench.screen.menu.chosen.text == "low"
        )
        await pilot.press("down", "down", "tab", "enter")
        assert bench.screen.options.effort == "high"
        await bench.until(pilot, lambda: not bench.screen.menu.display)
        bench.prompt.text = "/nonsense"
        await pilot.press("enter")
        await pilot.pause()
        assert "There is no command /nonsense" in str(bench.screen.notice.content)
        assert not bench.transcript.entries


class Shelf:
    """One other model."""

    def __init__(self, load: Loader) -> None:
        self._load = load

    def names(self) -> list[str]:
        return ["scripted", "other"]

    def find(self, name: str) -> FoundModel:
        if name != "other":
            raise ModelNotFoundError(f"There is no model '{name}'.", "Look again.")
        return FoundModel("other", self._load, SamplingParams(temperature=0.5))


async def test_model_is_changed_and_answers(make_bench: MakeBench) -> None:
    """/model loads the other one; the next answer is its own and drawn as it says; a wrong name is a sentence."""
    bench = make_bench()
    other = ScriptedEngine(byte_encoding(), lambda _: ("", "I am the other."))
    async with bench.app.run_test(size=SIZE) as pilot:
        bench.screen.shelf = Shelf(scripted_loader(other, "other"))
        for text, says in (("/model", "scripted, other"), ("/model nowhere", "There is no model 'nowhere'.")):
            bench.prompt.text = text
            await pilot.press("enter")
            await bench.until(pilot, lambda says=says: says in str(bench.screen.notice.content))  # type: ignore[misc]
        bench.prompt.text = "/model other"
        await pilot.press("enter")
        await bench.until(pilot, lambda: bench.session.model_name == "other")
        await bench.send(pilot, "Who?")
        await bench.settle(pilot)
        assert bench.answers == ["I am the other."]
        assert other.requests[0].sampling.temperature == 0.5
        assert bench.transcript.entries[1].model == "other"


async def test_earlier_prompts_are_searched(make_bench: MakeBench) -> None:
    """Ctrl+R finds a prompt of another conversation; Esc changes nothing."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        for text in ("Tell me of whales", "Tell me of bees"):
            await bench.send(pilot, text)
            await bench.settle(pilot)
        await pilot.press("ctrl+n", "ctrl+r")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, RecallScreen))
        bench.app.screen.query_one(Input).value = "whale"
        recall = bench.app.screen
        await bench.until(pilot, lambda: getattr(recall, "_found", None) == ["Tell me of whales"])
        await pilot.press("enter")
        await bench.until(pilot, lambda: bench.prompt.text == "Tell me of whales")


async def test_editor_writes_the_prompt(make_bench: MakeBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$EDITOR gets the text and its result comes back; one that fails leaves the prompt as it was."""
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf " and more\\n" >> "$1"\n')
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:

        @contextlib.contextmanager
        def suspend() -> Iterator[None]:
            yield

        monkeypatch.setattr(bench.app, "suspend", suspend)
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("EDITOR", str(editor))
        bench.prompt.text = "Some"
        await pilot.press("f5")
        await bench.until(pilot, lambda: bench.prompt.text == "Some and more")
        monkeypatch.setenv("EDITOR", "/nowhere/editor")
        await pilot.press("f5")
        await pilot.pause()
        assert "failed" in str(bench.screen.notice.content)
        assert bench.prompt.text == "Some and more"
