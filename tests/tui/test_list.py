"""The conversation list: search as you type, rename, pin, delete with undo."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from gptoss_chat.errors import HistoryError
from gptoss_chat.history import Store
from gptoss_chat.tui.colours import LIGHT
from gptoss_chat.tui.screens.line import LineScreen
from gptoss_chat.tui.screens.setting import ChoiceScreen
from gptoss_chat.tui.widgets.conversations import ConversationList
from tests.tui.conftest import Bench, MakeBench

SIZE = (100, 30)


def talk(store: Store, title: str, prompt: str, answer: str) -> str:
    """A stored conversation of one exchange; its id."""
    conversation = store.new_conversation(title, date="2026-01-02")
    user = store.add_user(conversation.id, None, prompt)
    reply = store.begin_reply(conversation.id, user.id, "scripted", "low", "{}")
    store.finish_reply(reply.id, status="complete", final=answer, reasoning="", raw_ids=[], usage={})
    return conversation.id


def lines(bench: Bench) -> list[str]:
    """The list as it stands."""
    options = bench.screen.query_one(ConversationList)._options
    return [str(options.get_option_at_index(place).prompt) for place in range(options.option_count)]


async def test_search_as_you_type_shows_hits_and_opens_them(make_bench: MakeBench, store: Store) -> None:
    """Every key searches titles and messages; Enter opens the hit and shows all conversations again."""
    talk(store, "Planets", "Which is the largest?", "The largest planet is Jupiter, by far.")
    talk(store, "Cooking", "How long?", "Ten minutes.")
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: lines(bench) == ["  Cooking", "  Planets"])
        await pilot.press("ctrl+b", *"jupit")
        await bench.until(pilot, lambda: len(lines(bench)) == 1)
        assert lines(bench) == ["  Planets\n  The largest planet is Jupiter, by far."]
        await pilot.press("enter")
        await bench.until(pilot, lambda: bench.answers == ["The largest planet is Jupiter, by far."])
        await bench.until(pilot, lambda: lines(bench) == ["  Cooking", "▸ Planets"])
        assert bench.app.focused is bench.prompt


async def test_conversation_is_pinned_and_renamed(make_bench: MakeBench, store: Store) -> None:
    """Ctrl+S puts the highlighted one on top; F4 asks for its title; markup in it is text."""
    talk(store, "Old", "a", "b")
    talk(store, "New", "c", "d")
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: lines(bench) == ["  New", "  Old"])
        await pilot.press("ctrl+b", "down", "down")
        await bench.until(pilot, lambda: bench.screen.lists.highlighted is not None)
        await pilot.press("ctrl+s")
        await bench.until(pilot, lambda: lines(bench) == ["★ Old", "  New"])
        await pilot.press("f4")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, LineScreen))
        bench.app.screen.query_one(Input).value = "[b]Older[/b]"
        await pilot.press("enter")
        await bench.until(pilot, lambda: lines(bench) == ["★ [b]Older[/b]", "  New"])


async def test_deleted_conversation_comes_back(make_bench: MakeBench, store: Store) -> None:
    """Ctrl+D deletes the open one and shows an empty one; Ctrl+Z brings it back and opens it."""
    wanted = talk(store, "Kept", "a", "b")
    bench = make_bench(resume=wanted)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bench.answers == ["b"])
        await pilot.press("ctrl+b", "ctrl+d")
        await bench.until(pilot, lambda: lines(bench) == [])
        assert bench.answers == []
        assert bench.screen.conversation_id is None
        assert "Deleted “Kept”" in str(bench.screen.notice.content)
        await pilot.press("ctrl+z")
        await bench.until(pilot, lambda: bench.answers == ["b"])
        assert store.conversation(wanted).title == "Kept"


async def test_failed_change_is_not_told_as_done(
    make_bench: MakeBench, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A history that can't be written says so; the conversation stays open, and there is nothing to bring back."""
    bench = make_bench(resume=talk(store, "Kept", "a", "b"))

    def full(_: str) -> None:
        raise HistoryError("The disk is full.")

    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bench.answers == ["b"])
        monkeypatch.setattr(store, "delete", full)
        bench.screen.action_delete_conversation()
        await bench.until(pilot, lambda: str(bench.screen.notice.content) == "The disk is full.")
        assert bench.answers == ["b"]
        bench.screen.action_undelete()
        await bench.until(pilot, lambda: "Nothing was deleted" in str(bench.screen.notice.content))


async def test_deleting_stops_what_is_written_there(make_bench: MakeBench, store: Store) -> None:
    """Nobody reads on; the answer's beginning comes back with the conversation."""
    bench = make_bench(pause_at=55)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "/nosuch/path")
        await bench.until(pilot, bench.engine.paused.is_set)
        bench.screen.action_delete_conversation()
        await bench.until(pilot, lambda: not bench.screen.writing)
        assert store.listed() == []
        bench.prompt.text = "/undo"
        await pilot.press("enter")
        await bench.until(pilot, lambda: len(bench.transcript.entries) == 2)
        assert bench.transcript.entries[1].status == "stopped"


async def test_list_reads_on_at_its_end(make_bench: MakeBench, store: Store) -> None:
    """Two hundred at first, the next ones when the bar comes to the end."""
    for n in range(203):
        store.new_conversation(f"{n:03}", date="2026-01-02")
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: len(lines(bench)) == 200)
        await pilot.press("ctrl+b", "up")
        await pilot.press("up")
        await bench.until(pilot, lambda: len(lines(bench)) == 203)


async def test_list_reads_on_under_the_wheel_and_stays_there(make_bench: MakeBench, store: Store) -> None:
    """No bar moves then; and what changes elsewhere meanwhile does not pull the list away."""
    ids = [store.new_conversation(f"{n:03}", date="2026-01-02").id for n in range(203)]
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: len(lines(bench)) == 200)
        options = bench.screen.lists._options
        options.scroll_end(animate=False, immediate=True)
        await bench.until(pilot, lambda: len(lines(bench)) == 203)
        await bench.until(pilot, lambda: options.scroll_y > 150)
        assert options.max_scroll_y > options.scroll_y
        await pilot.pause()
        before = options.scroll_y
        store.rename(ids[100], "another")
        bench.screen.refresh_titles()
        await bench.until(pilot, lambda: "  another" in lines(bench))
        await pilot.pause()
        assert options.scroll_y == before
        options.scroll_end(animate=False, immediate=True)
        await pilot.pause(0.1)
        assert bench.screen.titles_shown == 400  # there is no more


async def test_undo_brings_a_conversation_back_to_each_pane(make_bench: MakeBench, store: Store) -> None:
    """On the branch that each had shown, unless something else was opened there meanwhile."""
    wanted, other = talk(store, "Kept", "a", "b"), talk(store, "Other", "c", "d")
    first = store.nodes(wanted)[0]
    again = store.begin_reply(wanted, first.id, "scripted", "low", "{}")
    store.finish_reply(again.id, status="complete", final="e", reasoning="", raw_ids=[], usage={})
    bench = make_bench(resume=wanted)
    async with bench.app.run_test(size=(200, 30)) as pilot:
        await bench.until(pilot, lambda: bench.answers == ["e"])
        for count in (2, 3):
            await pilot.press("alt+v")
            await bench.until(pilot, lambda count=count: len(bench.screen.panes) == count)  # type: ignore[misc]
        await pilot.press("alt+left")
        await bench.until(pilot, lambda: bench.answers == ["e", "e", "b"])
        await pilot.press("f8")
        bench.screen.action_delete_conversation()
        await bench.until(pilot, lambda: bench.answers == [])
        bench.screen.open_conversation(other)
        await bench.until(pilot, lambda: bench.answers == ["d"])
        bench.screen.action_undelete()
        await bench.until(pilot, lambda: bench.answers == ["d", "e", "b"])
        assert bench.app.focused is bench.screen.pane.prompt
        assert bench.screen.conversation_id == wanted


async def test_palette_has_the_actions_of_the_list(make_bench: MakeBench, store: Store) -> None:
    """On the open conversation: rename, pin, delete and back again, without the list."""
    bench = make_bench(resume=talk(store, "Kept", "a", "b"))
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: lines(bench) == ["▸ Kept"])
        commands = {command.title: command.callback for command in bench.app.get_system_commands(bench.screen)}
        commands["Pin the conversation"]()
        await bench.until(pilot, lambda: store.listed()[0].pinned)
        await bench.until(pilot, lambda: bench.screen.lists.is_pinned(store.listed()[0].id))
        commands["Pin the conversation"]()
        await bench.until(pilot, lambda: not store.listed()[0].pinned)
        commands["Rename the conversation"]()
        await bench.until(pilot, lambda: isinstance(bench.app.screen, LineScreen))
        await pilot.press(*"New", "enter")
        await bench.until(pilot, lambda: lines(bench) == ["▸ New"])
        commands["Delete the conversation"]()
        await bench.until(pilot, lambda: lines(bench) == [])
        commands["Bring back what was deleted"]()
        await bench.until(pilot, lambda: bench.answers == ["b"])


async def test_palette_asks_for_what_commands_take(make_bench: MakeBench) -> None:
    """A text or a choice; a draft in the prompt stays; over another screen there is nothing that would do nothing there."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        bench.prompt.text = "a draft"
        commands = {command.title: command.callback for command in bench.app.get_system_commands(bench.screen)}
        commands["/developer …"]()
        await bench.until(pilot, lambda: isinstance(bench.app.screen, LineScreen))
        await pilot.press(*"Brief", "enter")
        await bench.until(pilot, lambda: bench.screen.options.developer == "Brief")
        commands["/theme …"]()
        await bench.until(pilot, lambda: isinstance(bench.app.screen, ChoiceScreen))
        await pilot.press("down", "enter")
        await bench.until(pilot, lambda: bench.app.theme == LIGHT.name)
        assert bench.prompt.text == "a draft"
        await pilot.press("f1")
        titles = [command.title for command in bench.app.get_system_commands(bench.app.screen)]
        assert titles == ["Light or dark", "Keys (F1)", "Quit (Ctrl+Q)"]
