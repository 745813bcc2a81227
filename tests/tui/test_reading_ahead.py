"""The idle model reads what will stand before the prompt: when, and what."""

from __future__ import annotations

from gptoss_chat.chat.turn import TurnOptions
from tests.tui.conftest import Bench, MakeBench

SIZE = (100, 30)


def read(bench: Bench, at: int) -> str:
    """The text that was read ahead as the `at`-th."""
    return bench.engine.encoding.decode_bytes(bench.engine.ahead[at]).decode()


async def test_new_conversation_is_read_at_once_and_again_with_other_options(make_bench: MakeBench) -> None:
    """Nothing has been typed; each reading happens once, however often the screen looks."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bool(bench.engine.ahead))
        bench.screen.pane.options = TurnOptions(effort="high")
        await bench.until(pilot, lambda: len(bench.engine.ahead) > 1)
        await pilot.pause(0.2)
        assert len(bench.engine.ahead) == 2
        assert "Reasoning: high" in read(bench, 1)


async def test_old_conversation_is_read_when_something_is_typed(make_bench: MakeBench) -> None:
    """To look at one costs nothing."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bool(bench.engine.ahead))
        await bench.send(pilot, "Hello")
        await bench.settle(pilot)
        await pilot.pause(0.2)
        assert len(bench.engine.ahead) == 1
        await pilot.press("A")
        await bench.until(pilot, lambda: len(bench.engine.ahead) > 1)
        assert read(bench, 1).endswith("You said: Hello<|end|>")
