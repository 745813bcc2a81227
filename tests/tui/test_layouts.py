"""A layout goes over everything on the screen, and a key waits for it: there is none that nothing needs."""

from __future__ import annotations

import gc

from textual.strip import Strip

from gptoss_chat.history import Store
from gptoss_chat.tui.widgets.answer import Answer
from tests.tui.conftest import Bench, MakeBench
from tests.tui.test_layout import long_conversation

SIZE = (100, 30)


def count_layouts(bench: Bench) -> list[object]:
    """Grows by one with every layout."""
    seen: list[object] = []
    bench.screen.screen_layout_refresh_signal.subscribe(bench.screen, seen.append, immediate=True)
    return seen


async def test_typing_in_a_line_lays_nothing_out(make_bench: MakeBench) -> None:
    """The prompt is as high as before, and the menu is as empty."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bench.session.loaded is not None and bench.screen.pane.map is not None)
        await pilot.press("a")  # with the first letter goes the placeholder
        await pilot.pause(0.3)
        layouts = count_layouts(bench)
        await pilot.press(*"bcd")
        await pilot.pause(0.1)
        assert bench.prompt.text == "abcd"
        assert layouts == []


async def test_growing_answer_is_laid_out_once(make_bench: MakeBench, store: Store) -> None:
    """One line more is one layout, although every widget around it has another size inside, and its end stays in view."""
    bench = make_bench(resume=long_conversation(store, 40))
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: len(bench.transcript.entries) == 80 and bench.screen.pane.map is not None)
        await pilot.pause(0.3)
        answer = bench.screen.query(Answer).last()
        before = bench.transcript.max_scroll_y
        layouts = count_layouts(bench)
        answer.set_text(answer.source + "\n\nMore.\n\nAnd more.")
        await pilot.pause(0.3)
        assert bench.transcript.max_scroll_y == before + 4
        assert bench.transcript.at_bottom
        assert len(layouts) == 1


async def test_messages_that_are_gone_leave_no_drawn_lines(make_bench: MakeBench, store: Store) -> None:
    """A cache of the toolkit keeps some thousand widgets; what was drawn of them would be most of the program's memory."""
    conversation_id = long_conversation(store, 40)
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bench.screen.pane.map is not None)
        alive = []
        for _ in range(4):
            bench.screen.open_conversation(conversation_id)
            await bench.until(pilot, lambda: len(bench.transcript.entries) == 80)
            await pilot.pause(0.2)
            bench.screen.open_conversation(None)
            await bench.until(pilot, lambda: not bench.transcript.entries)
            await pilot.pause(0.2)
            gc.collect()
            alive.append(sum(isinstance(one, Strip) for one in gc.get_objects()))
        assert alive[-1] <= alive[1] + 20
