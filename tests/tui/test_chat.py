"""Asking, reading, stopping, going on: the main job at the screen."""

from __future__ import annotations

from tests.tui.conftest import MakeBench


async def test_prompt_is_answered_and_figures_are_shown(make_bench: MakeBench) -> None:
    """Enter sends; the answer, its folded reasoning and what was reused and prefilled are shown."""
    bench = make_bench()
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await bench.send(pilot, "Hello")
        await bench.until(pilot, lambda: bench.answers == ["You said: Hello"])
        await bench.settle(pilot)
        assert "prefilled" in bench.status()
        assert "context" in bench.status()
