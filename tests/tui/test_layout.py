"""Conversations, few mounted widgets, narrow terminals, the map and the keys."""

from __future__ import annotations

import numpy as np
import pytest

from gptoss_chat.history import Store
from gptoss_chat.tui.screens.help import KeysScreen
from gptoss_chat.tui.widgets.conversations import ConversationList
from gptoss_chat.tui.widgets.routing import RoutingMap
from gptoss_chat.tui.widgets.status import Status, StatusLine
from gptoss_chat.tui.widgets.transcript import MOUNTED, SLACK, STEP, EarlierRow
from tests.tui.conftest import MakeBench


def long_conversation(store: Store, turns: int) -> str:
    """A stored conversation of `turns` prompts and answers; its id."""
    conversation = store.new_conversation("Long", date="2026-01-02")
    parent_id = None
    for n in range(turns):
        user = store.add_user(conversation.id, parent_id, f"prompt {n}")
        reply = store.begin_reply(conversation.id, user.id, "scripted", "low", "{}")
        store.finish_reply(reply.id, status="complete", final=f"answer {n}", reasoning="", raw_ids=[], usage={})
        parent_id = reply.id
    return conversation.id


async def test_conversations_are_switched_by_enter(make_bench: MakeBench, store: Store) -> None:
    """The list shows the newest first; Enter opens; the prompt takes the keys again."""
    bench = make_bench()
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await bench.send(pilot, "First")
        await bench.settle(pilot)
        await pilot.press("ctrl+n")
        await bench.until(pilot, lambda: not bench.answers)
        await bench.send(pilot, "Second")
        await bench.settle(pilot)
        assert [found.title for found in store.conversations()] == ["Second", "First"]
        await pilot.press("ctrl+b", "down", "enter")
        await bench.until(pilot, lambda: bench.answers == ["You said: First"])
        assert bench.app.focused is bench.prompt


async def test_answer_goes_on_while_another_conversation_is_read(make_bench: MakeBench) -> None:
    """Leaving a conversation stops nothing; coming back shows the whole answer."""
    bench = make_bench(pause_at=20)
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await bench.send(pilot, "First")
        await bench.until(pilot, lambda: bool(bench.replies()))
        first_id = bench.screen.conversation_id
        await pilot.press("ctrl+n")
        await bench.until(pilot, lambda: not bench.replies())
        bench.engine.release()
        await bench.until(pilot, lambda: not bench.screen.writing)
        assert first_id is not None
        bench.screen.on_conversation_list_opened(ConversationList.Opened(first_id))
        await bench.until(pilot, lambda: bench.answers == ["You said: First"])


async def test_long_conversation_mounts_few_messages(make_bench: MakeBench, store: Store) -> None:
    """Only the newest messages are mounted; the row above brings the others back."""
    bench = make_bench(resume=long_conversation(store, 40))
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await bench.until(pilot, lambda: len(bench.screen.query(".message")) == MOUNTED)
        assert len(bench.transcript.entries) == 80
        assert bench.transcript.at_bottom
        row = bench.screen.query_one(EarlierRow)
        assert str(row.content) == f"… {80 - MOUNTED} earlier messages"
        row.focus()
        await pilot.press("enter")
        await bench.until(pilot, lambda: len(bench.screen.query(".message")) == MOUNTED + STEP)
        await bench.until(pilot, lambda: bench.answers[0] == f"answer {(80 - MOUNTED - STEP) // 2}")


async def test_reader_who_scrolled_up_is_left_alone(make_bench: MakeBench, store: Store) -> None:
    """New text does not move the view; going to the bottom follows again, and extra messages are unmounted."""

    def script(prompt: str) -> tuple[str, str]:
        return "", "word\n\n" * 20 if prompt.rstrip().endswith("More<|end|>") else "Short."

    bench = make_bench(script, resume=long_conversation(store, 20), pause_at=40)
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await bench.until(pilot, lambda: len(bench.screen.query(".message")) == MOUNTED)
        await bench.send(pilot, "More")
        await bench.until(pilot, lambda: "word" in bench.answers[-1])
        assert bench.transcript.at_bottom
        await pilot.press("pageup")
        await pilot.pause(0.1)
        top = bench.transcript.scroll_offset.y
        bench.engine.release()
        await bench.settle(pilot)
        await pilot.pause(0.1)
        assert bench.transcript.scroll_offset.y == top
        assert not bench.transcript.at_bottom
        await pilot.press("ctrl+end")
        await bench.until(pilot, lambda: bench.transcript.at_bottom)
        for n in range(6):
            await bench.send(pilot, f"{n}")
            await bench.settle(pilot)
        assert len(bench.screen.query(".message")) <= MOUNTED + SLACK


@pytest.mark.parametrize(("width", "lists", "routing"), [(60, False, False), (80, True, False), (130, True, True)])
async def test_width_decides_what_has_room(make_bench: MakeBench, width: int, lists: bool, routing: bool) -> None:
    """Narrow terminals hide the list and the map; their keys show them all the same."""
    bench = make_bench()
    async with bench.app.run_test(size=(width, 24)) as pilot:
        await bench.until(pilot, lambda: bool(bench.screen.query(RoutingMap)))
        assert bench.screen.query_one(ConversationList).display is lists
        assert bench.screen.query_one(RoutingMap).display is routing
        await pilot.press("ctrl+l")
        assert bench.screen.query_one(RoutingMap).display is not routing
        await pilot.press("ctrl+b")  # the keys go to the list
        assert bench.screen.lists.has_focus_within
        if lists:
            await pilot.press("ctrl+b")
            assert not bench.screen.lists.display


@pytest.mark.parametrize("no_color", [False, True])
@pytest.mark.parametrize(("layers", "experts"), [(6, 16), (24, 32), (36, 128)])
async def test_map_fits_and_shows_the_chosen(make_bench: MakeBench, layers: int, experts: int, no_color: bool) -> None:
    """Every layer has a row or half a row, within the panel; chosen experts are seen without colour too."""
    bench = make_bench()
    async with bench.app.run_test(size=(130, 30)) as pilot:
        bench.app.no_color = no_color
        await bench.until(pilot, lambda: bool(bench.screen.query(RoutingMap)))
        routing = bench.screen.query_one(RoutingMap)
        ids = np.tile(np.array([0, 3, 5, experts - 1], np.uint8), (layers, 1))
        routing.add(ids, np.full((layers, 4), 0.25, np.float16))
        await pilot.pause()
        assert routing.shape == (layers, experts)
        levels, chosen = routing.levels()
        assert chosen[0, 0]
        assert chosen[-1, -1]
        assert levels[0, 0] > 10
        rows = routing.get_content_height(None, None, routing.size.width)
        assert rows <= routing.size.height
        drawn = "".join(routing.render_line(y).text for y in range(2, rows))
        assert ("█" in drawn) is no_color


@pytest.mark.parametrize("width", [20, 40, 56, 76, 196])
def test_status_line_fits_its_width(width: int) -> None:
    """Whole parts are left out, the most telling ones last."""
    line = StatusLine()
    line.set_reactive(StatusLine.status, Status("gpt-oss-20b", "reference", "low", None, False, 317, 4096, 23.1, 84, 9))
    text = line.line(width).plain
    assert len(text) == width
    assert text.startswith("gpt-oss-20b")
    assert ("23.1 tok/s" in text) is (width > 20)
    assert ("context 317/4,096" in text) is (width > 40)
    assert ("reused 84 · prefilled 9" in text) is (width > 56)
    assert ("reference · low effort" in text) is (width > 76)


async def test_what_changes_the_answers_is_on_the_status_line(make_bench: MakeBench) -> None:
    """Rules and instructions hold until they are taken back: one pane alone tells of them too; long rules leave the figures."""
    bench = make_bench()
    async with bench.app.run_test(size=(80, 24)) as pilot:
        for command in ("/route ban 1:2; boost 0-5:12 2.5", "/developer Be brief."):
            bench.prompt.text = command
            await pilot.press("enter")
        await bench.until(pilot, lambda: "ban 1:2; boost 0-5:12 2… · instructed" in bench.status())
        for command in ("/route", "/developer"):
            bench.prompt.text = command
            await pilot.press("enter")
        await bench.until(pilot, lambda: "ban" not in bench.status() and "instructed" not in bench.status())


async def test_keys_screen_lists_the_keys(make_bench: MakeBench) -> None:
    """F1 opens, Esc closes."""
    bench = make_bench()
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f1")
        await pilot.pause()
        assert isinstance(bench.app.screen, KeysScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert bench.app.screen is bench.screen


async def test_palette_runs_the_same_actions(make_bench: MakeBench) -> None:
    """The palette finds an action by its title."""
    bench = make_bench()
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await pilot.press("ctrl+p")
        await pilot.pause()
        await pilot.press(*"effort: high".replace(" ", "_").replace(":", "_"))
        for command in bench.app.get_system_commands(bench.screen):
            if command.title == "Reasoning effort: high":
                command.callback()
        await bench.until(pilot, lambda: bench.screen.options.effort == "high")


async def test_ctrl_c_twice_on_nothing_quits(make_bench: MakeBench) -> None:
    """The first press only says so."""
    bench = make_bench()
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await pilot.press("ctrl+c")
        assert bench.app.is_running
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert bench.app._exit
