"""Tools on the screen: the question before one runs, its keys, and what the transcript shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Static

from gptoss_chat.chat.session import Session
from gptoss_chat.harmony.messages import FunctionTool
from gptoss_chat.history import Store
from gptoss_chat.settings import Settings
from gptoss_chat.tools.toolbox import Toolbox
from gptoss_chat.tools.values import Stopped, Tool, ToolStoppedError
from gptoss_chat.tui.app import ChatApp
from gptoss_chat.tui.reading import Title
from gptoss_chat.tui.screens.consent import QUIET_S, ConsentScreen
from gptoss_chat.tui.screens.help import KeysScreen
from gptoss_chat.tui.widgets.calls import Calls
from tests.encodings import byte_encoding
from tests.scripted import scripted_loader
from tests.tool_script import ToolEngine, call_of, clock_step, final_of
from tests.tui.conftest import Bench


@dataclass
class World:
    """An app with a clock as its tool; `now_s` moves only where a test says so."""

    now_s: float = 100.0
    looked: int = 0
    hangs: bool = False
    result: str = "14:05"
    benches: list[Bench] = field(default_factory=list)

    def look(self, _arguments: object, stopped: Stopped) -> str:
        """The tool."""
        self.looked += 1
        while self.hangs:
            if stopped():
                raise ToolStoppedError
        return self.result

    def bench(self, store: Store, step: Callable[[int, str], str] = clock_step) -> Bench:
        """Make an app."""
        tool = Tool(FunctionTool("clock", "Tells the time."), self.look, "date +%H:%M")
        engine = ToolEngine(byte_encoding(), step)
        session = Session(
            store,
            scripted_loader(engine),
            model_name="scripted",
            date=lambda: "2026-01-02",
            toolbox=Toolbox({"clock": tool}, offered=["clock"]),
        )
        self.benches.append(
            Bench(ChatApp(session, settings=Settings(), clock=lambda: self.now_s), engine, session, store)
        )
        return self.benches[-1]


@pytest.fixture
def world() -> Iterator[World]:
    """Its sessions are closed after the test."""
    world = World()
    yield world
    for bench in world.benches:
        bench.session.close()


async def asked(bench: Bench, pilot: Pilot[None]) -> ConsentScreen:
    """Ask for the time, and wait for the question."""
    await bench.send(pilot, "What time is it?")
    await bench.until(pilot, lambda: isinstance(bench.app.screen, ConsentScreen))
    screen = bench.app.screen
    assert isinstance(screen, ConsentScreen)
    return screen


def shown(bench: Bench) -> list[str]:
    """The calls in the transcript."""
    return [str(calls.content) for calls in bench.screen.query(Calls) if calls.display]


async def test_yes_runs_the_tool_once(world: World, store: Store) -> None:
    """The question names the tool and its command; the transcript keeps the call."""
    bench = world.bench(store)
    async with bench.app.run_test(size=(80, 24)) as pilot:
        screen = await asked(bench, pilot)
        texts = [str(static.content) for static in screen.query(Static)]
        assert "May the model run clock?" in texts
        assert "date +%H:%M" in texts
        assert "{}" in texts
        assert shown(bench) == ["→ clock {}\n  may it run?"]
        assert world.looked == 0
        world.now_s += QUIET_S
        await pilot.press("y")
        await bench.settle(pilot)
        assert bench.answers == ["It is 14:05."]
        assert shown(bench) == ["→ clock {}\n← 14:05"]
        await asked(bench, pilot)
    assert world.looked == 1


@pytest.mark.parametrize("width", [50, 60, 79, 80, 200])
async def test_every_choice_can_be_read(world: World, store: Store, width: int) -> None:
    """Whole, beside one another or below."""
    bench = world.bench(store)
    async with bench.app.run_test(size=(width, 24)) as pilot:
        screen = await asked(bench, pilot)
        await pilot.pause()
        for button in screen.query(Button):
            assert button.region.width >= len(str(button.label))
            assert screen.query_one("#choices").region.contains_region(button.region)
            assert screen.query_one(".box").region.contains_region(button.region)


@pytest.mark.parametrize("key", ["n", "escape", "enter"])
async def test_no_is_what_is_offered_first(world: World, store: Store, key: str) -> None:
    """Enter, Esc and n refuse, and the model is told."""
    bench = world.bench(store)
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await asked(bench, pilot)
        world.now_s += QUIET_S
        await pilot.press(key)
        await bench.settle(pilot)
        assert shown(bench) == ["→ clock {}\n✗ error: the person did not allow this call"]
    assert world.looked == 0


async def test_always_is_not_asked_again(world: World, store: Store) -> None:
    """By the mouse; in this conversation."""
    bench = world.bench(store)
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await asked(bench, pilot)
        world.now_s += QUIET_S
        await pilot.click("#always")
        await bench.settle(pilot)
        await bench.send(pilot, "And now?")
        await bench.settle(pilot)
        assert bench.answers == ["It is 14:05."] * 2
    assert world.looked == 2


async def test_typing_on_is_no_answer(world: World, store: Store) -> None:
    """Keys that were meant for the prompt decide nothing until they have been quiet."""
    bench = world.bench(store)
    async with bench.app.run_test(size=(80, 24)) as pilot:
        screen = await asked(bench, pilot)
        for key in ("y", "e", "s", "space", "a", "enter"):
            world.now_s += QUIET_S / 2
            await pilot.press(key)
        assert bench.app.screen is screen
        assert world.looked == 0
        world.now_s += QUIET_S
        await pilot.press("right", "enter")
        assert bench.app.screen is screen
        assert screen.focused is screen.query_one("#yes")
        world.now_s += QUIET_S
        await pilot.press("enter")
        await bench.settle(pilot)
    assert world.looked == 1


async def test_escape_ends_a_tool_that_runs(world: World, store: Store) -> None:
    """The answer is a stopped one; going on asks again, and the question of a turn that ended goes away."""
    world.hangs = True
    bench = world.bench(store)
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await asked(bench, pilot)
        world.now_s += QUIET_S
        await pilot.press("y")
        await bench.until(pilot, lambda: shown(bench) == ["→ clock {}\n  running …"])
        await pilot.press("escape")
        await bench.settle(pilot)
        assert shown(bench) == ["→ clock {}\n  not run"]
        assert "Stopped" in bench.feet()[0]
        world.hangs = False
        await pilot.press("ctrl+o")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, ConsentScreen))
        bench.screen.live.first.turn.cancel()  # type: ignore[union-attr]
        await bench.until(pilot, lambda: not isinstance(bench.app.screen, ConsentScreen))
        await bench.settle(pilot)


async def test_question_from_elsewhere_says_where(world: World, store: Store) -> None:
    """From a conversation that another pane shows, or none; one that is below another screen goes when it is in front."""
    bench = world.bench(store)
    async with bench.app.run_test(size=(140, 40)) as pilot:
        await pilot.press("alt+v")
        await bench.until(pilot, lambda: len(bench.screen.panes) == 2 and bench.screen.panes[1].prompt.has_focus)
        first = bench.screen.panes[0]
        bench.screen.ask_in([first], "What time is it?")
        await bench.until(pilot, lambda: bool(bench.app.screen.query("#question")))
        question = bench.app.screen.query_one("#question", Static)
        assert str(question.content) == "May the model run clock?\nIn pane 1: What time is it?"
        await bench.app.run_action("keys")
        assert isinstance(bench.app.screen, KeysScreen)
        conversation_id = first.conversation_id
        assert conversation_id is not None
        bench.screen._delete(Title(conversation_id, "What time is it?"))
        await bench.until(pilot, lambda: not bench.screen.writing)
        await pilot.press("escape")
        await bench.until(pilot, lambda: bench.app.screen is bench.screen)
    assert world.looked == 0


async def test_reopened_conversation_shows_its_calls(world: World, store: Store) -> None:
    """As they were, with control characters shown, and long results folded until they are clicked."""
    world.result = "\x1b[31m" + "long " * 200

    def step(results: int, _last: str) -> str:
        return final_of("Done.") if results else call_of("clock", "{}")

    bench = world.bench(store, step)
    async with bench.app.run_test(size=(100, 40)) as pilot:
        await asked(bench, pilot)
        world.now_s += QUIET_S
        await pilot.press("y")
        await bench.settle(pilot)
        before = shown(bench)
        await pilot.press("ctrl+n")
        await bench.until(pilot, lambda: not bench.transcript.entries)
        bench.screen.open_conversation(store.conversations()[0].id)
        await bench.until(pilot, lambda: bool(bench.transcript.entries))
        assert shown(bench) == before
        assert "\x1b" not in before[0]
        assert "more characters" in before[0]
        await pilot.click(Calls)
        assert "more characters" not in shown(bench)[0]
