"""Export and import from the chat: commands, palette, completion, and nothing overwritten without a question."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from gptoss_chat.history import Store
from gptoss_chat.tui.completion import candidates
from gptoss_chat.tui.exporting import suggested_name
from gptoss_chat.tui.screens.line import PathScreen
from gptoss_chat.tui.screens.setting import ChoiceScreen
from tests.history.test_chatgpt import message
from tests.history.test_chatgpt import talk as chatgpt_talk
from tests.tui.conftest import Bench, MakeBench
from tests.tui.test_list import lines, talk

SIZE = (100, 30)


async def command(bench: Bench, pilot: Pilot[None], text: str) -> None:
    """Send a slash command."""
    bench.prompt.text = text
    bench.prompt.move_cursor(bench.prompt.document.end)
    await pilot.press("enter")


async def told(bench: Bench, pilot: Pilot[None], says: str) -> None:
    """Wait until the notice says that."""
    await bench.until(pilot, lambda: says in str(bench.screen.notice.content))


async def test_export_asks_before_it_overwrites(make_bench: MakeBench, store: Store, tmp_path: Path) -> None:
    """What is offered first is to keep the file; the ending says which format."""
    bench = make_bench(resume=talk(store, "Kept", "a", "b"))
    file = tmp_path / "my talk.md"
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bench.answers == ["b"])
        await command(bench, pilot, f"/export {file}")
        await told(bench, pilot, "Written to")
        assert file.read_text() == "# Kept\n\n## You\n\na\n\n## scripted\n\nb\n"
        file.write_text("mine")
        for keys, says, holds in ((("enter",), "as it was", "mine"), (("down", "enter"), "Written to", "# Kept")):
            await command(bench, pilot, f"/export {file}")
            await bench.until(pilot, lambda: isinstance(bench.app.screen, ChoiceScreen))
            await pilot.press(*keys)
            await told(bench, pilot, says)
            assert file.read_text().startswith(holds)
        await command(bench, pilot, f"/export {tmp_path}/nowhere/a.md")
        await told(bench, pilot, "Can't write")
        await command(bench, pilot, f"/export {tmp_path / 'all.json'}")
        await bench.until(pilot, (tmp_path / "all.json").exists)
        await told(bench, pilot, "all.json")
        await command(bench, pilot, f"/export {tmp_path / 'line.JSONL'}")
        await told(bench, pilot, "line.JSONL")
    whole = json.loads((tmp_path / "all.json").read_text())
    assert len(whole["messages"]) == 2
    (line,) = (tmp_path / "line.JSONL").read_text().splitlines()
    assert json.loads(line) == whole


async def test_message_is_exported_from_the_palette(make_bench: MakeBench, store: Store, tmp_path: Path) -> None:
    """The action asks for a path, which Tab completes; Esc writes nothing; a picked prompt is the one that is written."""
    (tmp_path / "a folder").mkdir()
    bench = make_bench(resume=talk(store, "Kept", "a *prompt*", "an answer"))
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bench.answers == ["an answer"])
        await bench.screen.run_action("export_message")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, PathScreen))
        await pilot.press("escape")
        await bench.until(pilot, lambda: bench.app.screen is bench.screen)
        await bench.screen.run_action("export_message")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, PathScreen))
        screen = bench.app.screen
        assert isinstance(screen, PathScreen)
        line = screen.query_one(Input)
        line.value = f"{tmp_path}/a f"
        line.cursor_position = len(line.value)
        await bench.until(pilot, lambda: screen._menu.chosen is not None)
        await pilot.press("tab")
        assert line.value == f"{tmp_path}/a folder/"
        await pilot.press("enter")
        await told(bench, pilot, "a folder/message.md")
        assert (tmp_path / "a folder" / "message.md").read_text() == "an answer\n"
        await pilot.press("alt+up", "alt+up")
        await bench.until(pilot, lambda: getattr(bench.transcript.picked, "role", "") == "user")
        await command(bench, pilot, f"/save {tmp_path / 'one.json'}")
        await told(bench, pilot, "one.json")
    assert json.loads((tmp_path / "one.json").read_text())["text"] == "a *prompt*"


async def test_import_adds_and_what_is_open_grows(make_bench: MakeBench, store: Store, tmp_path: Path) -> None:
    """The list shows what came; a second import adds the new messages to the open conversation; a bad file is a sentence."""
    file = tmp_path / "conversations.json"
    nodes = [("u", None, message("user", "one")), ("a", "u", message("assistant", "two"))]
    file.write_text(json.dumps([chatgpt_talk(nodes, "a")]))
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: "scripted" in bench.status())
        await command(bench, pilot, f"/import {tmp_path}")
        await told(bench, pilot, "1 imported.")
        await bench.until(pilot, lambda: lines(bench) == ["  Zoo"])
        bench.screen.open_conversation(store.conversations()[0].id)
        await bench.until(pilot, lambda: bench.answers == ["two"])
        file.write_text(json.dumps([chatgpt_talk([*nodes, ("v", "a", message("user", "three"))], "v")]))
        await command(bench, pilot, f"/import {file}")
        await told(bench, pilot, "1 went on by 1 message")
        await bench.until(pilot, lambda: [entry.text for entry in bench.transcript.entries][2:] == ["three"])
        file.write_text("[{")
        await command(bench, pilot, f"/import {file}")
        await told(bench, pilot, "no JSON")
        await command(bench, pilot, f"/import {tmp_path / 'nothing'}")
        await told(bench, pilot, "Can't read")
    assert [node.text for node in store.nodes(store.conversations()[0].id)] == ["one", "two", "three"]


def test_paths_are_completed_behind_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of files and folders, with spaces too; an @path in a sentence gets the quotes that those need."""
    (tmp_path / "my things").mkdir()
    (tmp_path / "my things" / "a b.md").touch()
    for name in ("my talk.md", "mine.json", ".my"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert [found.text for found in candidates("/import m", tuple)] == ["my things/", "mine.json", "my talk.md"]
    assert [found.text for found in candidates("/export my ta", tuple)] == ["my talk.md"]
    assert [found.text for found in candidates("/save ~nobody-of-that-name/", tuple)] == []
    for before, wanted in (
        ("see @m", [('"my things/', 1), ("mine.json", 1), ('"my talk.md"', 1)]),
        ('see @"my things/', [('"my things/a b.md"', 11)]),
        ("see @./my", [('"./my things/', 4), ('"./my talk.md"', 4)]),
        ('see @"my talk.md" and ', []),
    ):
        assert [(found.text, found.replaces) for found in candidates(before, tuple)] == wanted


@pytest.mark.parametrize(
    ("title", "name"), [("What is 2 + 2?", "What-is-2-2.md"), ("../../x", "x.md"), ("", "conversation.md")]
)
def test_name_of_a_file_is_made_of_the_title(title: str, name: str) -> None:
    """A title is no path."""
    assert suggested_name(title) == name
