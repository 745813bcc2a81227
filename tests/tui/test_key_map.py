"""The person's keys: taken, shown, and refused in a sentence with file and line where they make no sense."""

from __future__ import annotations

import pytest
from textual.widgets import OptionList, Static

from gptoss_chat.config.values import KeySetting
from gptoss_chat.errors import SettingsError
from gptoss_chat.history import Store
from gptoss_chat.tui.key_map import KeyMap, key_of, setting_name
from gptoss_chat.tui.keys import ACTIONS
from gptoss_chat.tui.screens.help import KeysScreen
from gptoss_chat.tui.screens.line import LineScreen, RecallScreen
from gptoss_chat.tui.screens.tree import TreeScreen
from gptoss_chat.tui.widgets.transcript import EarlierRow
from tests.tui.conftest import MakeBench
from tests.tui.test_layout import long_conversation
from tests.tui.test_list import talk

SOURCE = "config.toml, line 7"


def test_default_keys_have_no_conflict() -> None:
    """Every action has a name of its own, and no key two actions."""
    assert [action.keys for action in KeyMap().actions] == [action.keys for action in ACTIONS]
    assert len({setting_name(action) for action in ACTIONS}) == len(ACTIONS)


def test_keys_are_changed_and_written_as_people_write_them() -> None:
    """Several keys, none, and two actions that change places."""
    found = KeyMap(
        [
            KeySetting("regenerate", "ctrl+o, ALT+left_square_bracket", SOURCE),
            KeySetting("go_on", "ctrl+g", SOURCE),
            KeySetting("take_back", "", SOURCE),
        ]
    )
    assert found.shown("regenerate") == "Ctrl+O, Alt+Left square bracket"
    assert (found.shown("go_on"), found.shown("take_back"), found.shown("stop")) == ("Ctrl+G", "", "Esc")


@pytest.mark.parametrize(
    ("action", "keys", "says"),
    [
        ("fly", "ctrl+g", "no action 'fly'"),
        ("find", "ctrl+g", "both 'regenerate' and 'find'"),
        ("stop", "ctrl+g", "both 'stop' and 'regenerate'"),
        ("find", "ctlr+x", "no key 'ctlr"),
        ("find", "ctrl+ctrl+x", "no key"),
        ("find", "x", "needed for typing"),
        ("find", "shift+x", "needed for typing"),
        ("find", "enter", "needed for typing"),
        ("find", "comma", "needed for typing"),
        ("list_pin", "p", "needed for typing"),
        ("list_pin", "ctrl+d", "both 'list_pin' and 'list_delete'"),
        ("edit", "ctrl+d", "both 'edit' and 'list_delete'"),
        ("list_pin", "f7", "both 'copy_code' and 'list_pin'"),
        ("find_next", "N", "both 'find_next' and 'find_previous'"),
        ("keys", "ctrl+d", "both 'keys' and 'list_delete'"),
        ("tree_beside", "h", "both 'tree_beside' and 'tree_under'"),
        ("tree_beside", "down", "needed for moving"),
        ("tree_beside", "ctrl+q", "both 'quit' and 'tree_beside'"),
        ("recall_older", "enter", "needed for typing"),
        ("recall_older", "x", "needed for typing"),
        ("recall_older", "up", "both 'recall_older' and 'recall_newer'"),
    ],
)
def test_senseless_keys_are_one_sentence(action: str, keys: str, says: str) -> None:
    """The file and the line are named."""
    with pytest.raises(SettingsError, match=says) as caught:
        KeyMap([KeySetting(action, keys, SOURCE)])
    assert SOURCE in caught.value.message


async def test_changed_keys_work_and_are_shown(make_bench: MakeBench) -> None:
    """The new key acts before the text area's own use of it, the old one does nothing, and the list of keys says so."""
    bench = make_bench(keys=(KeySetting("toggle_reasoning", "ctrl+k", SOURCE), KeySetting("keys", "f10", SOURCE)))
    async with bench.app.run_test(size=(100, 60)) as pilot:
        await pilot.press("ctrl+t")
        assert not bench.transcript.unfolded
        await pilot.press("ctrl+k")
        assert bench.transcript.unfolded
        await pilot.press("f10")
        await pilot.pause()
        text = str(bench.app.screen.query(Static).first().content)
        assert "Ctrl+K" in text
        assert "Ctrl+T" not in text
        await pilot.press("f10")
        await pilot.pause()
        assert bench.app.screen is bench.screen


async def test_keys_of_the_list_and_of_find_are_changed(make_bench: MakeBench, store: Store) -> None:
    """There they act before the chat's own use of them, the old ones do nothing, and the sentences name the new ones."""
    names = {
        "list_delete": "ctrl+n",
        "list_undo": "f9",
        "find_next": "j, ctrl+d",
        "find_previous": "K",
        "find_close": "q",
    }
    keys = tuple(KeySetting(name, key, SOURCE) for name, key in (*names.items(), ("edit", "f4")))
    bench = make_bench(keys=keys, resume=talk(store, "Kept", "a word", "the same word"))
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await bench.until(pilot, lambda: bool(bench.replies()))
        count = bench.screen.find_bar._count
        await pilot.press("ctrl+f", *"word", "enter")
        await bench.until(pilot, lambda: str(count.content) == "2 of 2 · j K q")
        for key, place in (("n", 2), ("j", 1), ("K", 2), ("ctrl+d", 1), ("N", 1)):
            await pilot.press(key)
            await bench.until(pilot, lambda place=place: str(count.content).startswith(f"{place} of"))  # type: ignore[misc]
        await pilot.press("q")
        assert not bench.screen.find_bar.display
        await pilot.press("ctrl+b", "ctrl+d", "f4")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, LineScreen))
        await pilot.press("escape", "ctrl+n")
        await bench.until(pilot, lambda: "or F9 in the list, brings" in str(bench.screen.notice.content))
        await pilot.press("f9")
        await bench.until(pilot, lambda: bool(bench.replies()))


async def test_keys_of_the_tree_are_changed(make_bench: MakeBench, store: Store) -> None:
    """The foot names them, those of before do nothing, the key that opened it closes it, and arrows still move."""
    names = {
        "tree": "ctrl+y",
        "tree_close": "x",
        "tree_beside": "ctrl+g",
        "tree_fork_above": "k",
        "tree_fork_below": "",
    }
    keys = tuple(KeySetting(name, key, SOURCE) for name, key in names.items())
    bench = make_bench(keys=keys, resume=talk(store, "Kept", "a word", "the same word"))
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await bench.until(pilot, lambda: bool(bench.replies()))
        for close in ("ctrl+y", "x"):
            await pilot.press("ctrl+y")
            await bench.until(pilot, lambda: isinstance(bench.app.screen, TreeScreen))
            await pilot.press("escape", "q", "alt+t", "s", "up")
            screen = bench.app.screen
            assert isinstance(screen, TreeScreen)
            foot = str(screen.query_one("#tree-keys", Static).content)
            assert foot == "↑ ↓ move · k forks · Enter goes there · Ctrl+G beside · h under · x"
            assert screen.query_one(OptionList).highlighted == 0
            await pilot.press(close)
            assert bench.app.screen is bench.screen
        await pilot.press("ctrl+y")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, TreeScreen))
        await pilot.press("ctrl+g")
        await bench.until(pilot, lambda: len(bench.screen.panes) == 2)


async def test_keys_of_the_search_of_prompts_are_changed(make_bench: MakeBench, store: Store) -> None:
    """A key of the text line is taken from it; the key that opened the search goes on in it, as before."""
    names = {"recall": "ctrl+y", "recall_older": "ctrl+k", "recall_newer": "ctrl+u", "recall_close": "f9"}
    for text in ("first", "second", "third"):
        talk(store, text, text, "b")
    bench = make_bench(keys=tuple(KeySetting(name, key, SOURCE) for name, key in names.items()))
    async with bench.app.run_test(size=(100, 30)) as pilot:
        for pressed, wanted in ((("ctrl+k", "ctrl+y", "ctrl+u"), "second"), (("down", "ctrl+r"), "third")):
            await pilot.press("ctrl+y")
            await bench.until(pilot, lambda: isinstance(bench.app.screen, RecallScreen))
            await bench.until(pilot, lambda: bench.app.screen.query_one(OptionList).option_count == 3)
            await pilot.press(*pressed, "enter")
            await bench.until(pilot, lambda wanted=wanted: bench.prompt.text == wanted)  # type: ignore[misc]
        await pilot.press("ctrl+y")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, RecallScreen))
        await pilot.press("escape")
        assert isinstance(bench.app.screen, RecallScreen)
        await pilot.press("f9")
        await bench.until(pilot, lambda: bench.app.screen is bench.screen)
        assert bench.prompt.text == "third"


async def test_sentences_name_the_keys_as_they_are_set(make_bench: MakeBench) -> None:
    """The welcome, the foot of a stopped answer and that of a waiting one; an action without a key is named."""
    keys = (("keys", "f11"), ("go_on", "f10"), ("take_back", ""))
    bench = make_bench(keys=tuple(KeySetting(action, key, SOURCE) for action, key in keys), pause_at=12)
    async with bench.app.run_test(size=(100, 30)) as pilot:
        welcome = str(bench.screen.pane.welcome.content)
        assert "F11 keys" in welcome
        assert "F1 keys" not in welcome
        await bench.send(pilot, "One")
        await bench.until(pilot, bench.engine.paused.is_set)
        await bench.send(pilot, "Two")
        await bench.until(pilot, lambda: any("“Take back” in Ctrl+P takes it back" in foot for foot in bench.feet()))
        await pilot.press("escape", "escape")
        await bench.settle(pilot)
        assert "■ Stopped · F10 goes on" in bench.feet()
        assert not any("Ctrl+O" in foot for foot in bench.feet())


def test_sentences_name_the_default_keys_elsewhere() -> None:
    """A widget in an app without [keys]."""
    assert key_of(object(), "app.keys") == "F1"


async def test_question_mark_lists_the_keys_where_no_text_is_typed(make_bench: MakeBench, store: Store) -> None:
    """In the prompt and in the search of conversations it is a letter like any other, at the start too."""
    bench = make_bench(resume=long_conversation(store, 20))
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await bench.until(pilot, lambda: bool(bench.replies()))
        await pilot.press("question_mark")
        assert bench.prompt.text == "?"
        await pilot.press("ctrl+b", "question_mark")
        assert bench.screen.lists.query_text == "?"
        assert bench.app.screen is bench.screen
        bench.screen.query_one(EarlierRow).focus()
        await pilot.press("question_mark")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, KeysScreen))
