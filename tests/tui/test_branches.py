"""Forks: editing prompts, regenerating, switching at every fork, taking back; nothing is overwritten."""

from __future__ import annotations

from textual.geometry import Offset

from gptoss_chat.history import Store
from gptoss_chat.tui.widgets.heading import Heading
from tests.tui.conftest import Bench, MakeBench

SIZE = (100, 30)


def texts(bench: Bench) -> list[str]:
    """What stands in the transcript."""
    return [entry.text for entry in bench.transcript.entries]


async def test_edited_prompt_is_a_sibling_and_both_stay(make_bench: MakeBench, store: Store) -> None:
    """The first of two prompts is picked and asked in other words; Alt+Left brings the old branch back, whole."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        for text in ("One", "Two"):
            await bench.send(pilot, text)
            await bench.settle(pilot)
        bench.prompt.text = "a draft"
        await pilot.press("alt+up", "alt+up", "alt+up", "alt+up")
        await bench.until(pilot, lambda: bench.transcript.picked is not None and bench.transcript.picked.text == "One")
        await pilot.press("f4")
        assert bench.prompt.text == "One"
        await pilot.press("!", "enter")
        await bench.until(pilot, lambda: texts(bench)[:1] == ["One!"])
        await bench.settle(pilot)
        assert texts(bench) == ["One!", "You said: One!"]
        assert bench.prompt.text == "a draft"
        assert (bench.transcript.entries[0].version, bench.transcript.entries[0].versions) == (2, 2)
        await pilot.press("alt+left")
        await bench.until(pilot, lambda: texts(bench) == ["One", "You said: One", "Two", "You said: Two"])
        picked = bench.transcript.picked
        assert picked is not None
        assert picked.text == "One"


async def test_every_fork_switches_by_mouse(make_bench: MakeBench) -> None:
    """A fork of prompts and, below it, one of answers: a click on an arrow means its own fork."""
    answers = iter(["first", "second", "other"])
    bench = make_bench(lambda _: ("", next(answers)))
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Ask")
        await bench.settle(pilot)
        await pilot.press("ctrl+g")
        await bench.until(pilot, lambda: texts(bench) == ["Ask", "second"])
        await bench.settle(pilot)
        await pilot.press("f4", "!", "enter")
        await bench.until(pilot, lambda: texts(bench) == ["Ask!", "other"])
        await bench.settle(pilot)
        heading = bench.screen.query(Heading).first()
        line = heading.render().plain
        assert line.rstrip().startswith("You")
        assert "‹ 2/2 ›" in line
        await pilot.click(heading, offset=Offset(line.index("‹"), 0))
        await bench.until(pilot, lambda: texts(bench) == ["Ask", "second"])
        heading = bench.screen.query(Heading).last()
        await pilot.click(heading, offset=Offset(heading.render().plain.index("‹"), 0))
        await bench.until(pilot, lambda: texts(bench) == ["Ask", "first"])


async def test_escape_leaves_an_edit(make_bench: MakeBench) -> None:
    """The draft comes back and nothing is asked."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "One")
        await bench.settle(pilot)
        bench.prompt.text = "draft"
        await pilot.press("f4", "x", "escape")
        assert bench.prompt.text == "draft"
        assert not bench.prompt.editing
        assert texts(bench) == ["One", "You said: One"]


async def test_waiting_prompt_is_taken_back(make_bench: MakeBench, store: Store) -> None:
    """It leaves the queue and the transcript for the prompt, is never answered, and stays in the history."""
    bench = make_bench(pause_at=10)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "One")
        await bench.until(pilot, bench.engine.paused.is_set)
        await bench.send(pilot, "Two")
        await bench.until(pilot, lambda: any("F9 takes it back" in foot for foot in bench.feet()))
        await pilot.press("f9")
        await bench.until(pilot, lambda: bench.prompt.text == "Two")
        assert [entry.text for entry in bench.transcript.entries if entry.role == "user"] == ["One"]
        bench.engine.release()
        await bench.settle(pilot)
        assert texts(bench) == ["One", "You said: One"]
        assert len(bench.engine.requests) == 1
        stored = store.nodes(store.conversations()[0].id)
        assert [node.text for node in stored if node.role == "user"] == ["One", "Two"]
        await pilot.press("f9")
        await pilot.pause()
        assert str(bench.screen.notice.content) == "No prompt waits. Esc stops an answer."
