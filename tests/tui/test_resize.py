"""The terminal is resized while the model writes: the end stays in view, or the reader where they are; nothing fails."""

from __future__ import annotations

import asyncio

import pytest
from textual.pilot import Pilot

from gptoss_chat.history import Store
from tests.tui.conftest import Bench, MakeBench
from tests.tui.test_layout import long_conversation

SIZES = ((60, 20), (80, 24), (200, 60), (40, 12))
LINES = 40
PAUSES = tuple(400 + 300 * step for step in range(len(SIZES) + 1))


def script(_: str) -> tuple[str, str]:
    """Reasoning, then many lines that wrap on a narrow screen, and code that does not."""
    lines = [f"{number}. A line that is long enough to be wrapped on a narrow terminal.\n" for number in range(LINES)]
    return "Counting. " * 20, "".join(lines) + "```python\nprint('the end')\n```\n"


async def written_on(bench: Bench, pilot: Pilot[None], until_token: int) -> None:
    """Let the model write up to that token, and the screen show it."""
    bench.engine.paused.clear()
    bench.engine.pause_at = until_token
    bench.engine.go.set()
    await bench.until(pilot, bench.engine.paused.is_set)
    shown = -1
    while shown != (shown := len(bench.screen.live.first.answer if bench.screen.live.first else "")):
        await asyncio.sleep(0.15)
        await pilot.pause()


@pytest.mark.parametrize("panes", [1, 2])
async def test_end_stays_in_view_while_the_terminal_is_resized(make_bench: MakeBench, panes: int) -> None:
    """In every size, also with a second pane and the map, as more is written after each change."""
    bench = make_bench(script, pause_at=PAUSES[0])
    async with bench.app.run_test(size=(200, 60)) as pilot:
        await bench.until(pilot, lambda: "scripted" in bench.status())
        if panes == 2:
            await pilot.press("alt+v")
            await bench.until(pilot, lambda: len(bench.screen.panes) == 2 and bench.screen.panes[1].prompt.has_focus)
        pane = bench.screen.pane
        pane.prompt.text = "Count"
        await pilot.press("enter")
        await bench.until(pilot, bench.engine.paused.is_set)
        for size, token in zip(SIZES, PAUSES[1:], strict=True):
            await pilot.resize_terminal(*size)
            await bench.until(pilot, lambda: pane.transcript.at_bottom)
            await written_on(bench, pilot, token)
            await bench.until(pilot, lambda: pane.transcript.at_bottom)
            assert not pane.below.display
            assert pane.transcript.max_scroll_y > 0 or size[1] == 60
            assert bench.screen.status_line.region.bottom == size[1]
        bench.engine.release()
        await bench.until(pilot, lambda: not bench.screen.writing)
        await bench.until(pilot, lambda: pane.transcript.at_bottom)
        assert pane.transcript.entries[-1].text == script("")[1]


async def test_reader_who_scrolled_up_stays_while_the_terminal_is_resized(make_bench: MakeBench, store: Store) -> None:
    """Neither a resize nor what is written takes them to the end; the mark below says that there is more."""
    bench = make_bench(script, pause_at=PAUSES[0], resume=long_conversation(store, 20))
    async with bench.app.run_test(size=(200, 60)) as pilot:
        await bench.until(pilot, lambda: bool(bench.replies()))
        await bench.send(pilot, "Count")
        await bench.until(pilot, bench.engine.paused.is_set)
        transcript = bench.transcript
        await bench.until(pilot, lambda: transcript.at_bottom)
        await pilot.press("pageup", "pageup")
        await bench.until(pilot, lambda: not transcript.at_bottom)
        for size, token in zip(SIZES, PAUSES[1:], strict=True):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert not transcript.at_bottom, size
            before = transcript.scroll_offset.y
            await written_on(bench, pilot, token)
            assert transcript.scroll_offset.y == before, size
            await bench.until(pilot, lambda: bench.screen.below.display)
        await pilot.press("ctrl+end")
        await bench.until(pilot, lambda: transcript.at_bottom and not bench.screen.below.display)
