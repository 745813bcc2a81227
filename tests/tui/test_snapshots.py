"""What a few screens look like, as SVG; the clock stands still and nothing blinks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from gptoss_chat.tui.widgets.prompt import Prompt
from gptoss_chat.tui.widgets.routing import RoutingMap
from tests.tui.conftest import Bench, MakeBench

SnapCompare = Callable[..., bool]

ANSWER = """The **period** grows with the *radius*. Use `period()`:

```python
def period(radius: float) -> float:
    return 2 * pi * sqrt(radius**3 / mu)
```

1. Measure the radius
2. Take its cube

| body | period |
|------|--------|
| Moon | 27.3 d |
"""


def script(prompt: str) -> tuple[str, str]:
    """A short answer, then a rich one."""
    if "radius" in prompt.rsplit("<|start|>user", 1)[-1]:
        return "Kepler's third law. Show code and a table.", ANSWER
    return "17 * 20 + 17 * 3 = 340 + 51.", "17 × 23 = **391**"


def talk(bench: Bench, *keys: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Ask two questions, press `keys`, and let the screen settle."""

    async def run(pilot: Pilot[None]) -> None:
        await bench.until(pilot, lambda: bool(bench.screen.query(Prompt)))
        bench.prompt.cursor_blink = False
        for text in ("What is 17 * 23?", "How does the period depend\non the radius?"):
            await bench.send(pilot, text)
            await bench.settle(pilot)
        await pilot.press(*keys)
        bench.screen.query_one(RoutingMap).refresh()
        await bench.until(pilot, lambda: bench.transcript.at_bottom)
        await pilot.pause(0.3)

    return run


@pytest.mark.parametrize(
    ("size", "theme", "keys"),
    [
        pytest.param((80, 24), "dark", (), id="80x24"),
        pytest.param((140, 44), "light", ("ctrl+t",), id="wide-light"),
        pytest.param((60, 24), "dark", ("ctrl+l",), id="narrow-map"),
    ],
)
def test_conversation_looks_as_before(
    snap_compare: SnapCompare, make_bench: MakeBench, size: tuple[int, int], theme: str, keys: tuple[str, ...]
) -> None:
    """Messages, reasoning, Markdown, map and status line."""
    bench = make_bench(script, theme=theme)
    assert snap_compare(bench.app, terminal_size=size, run_before=talk(bench, *keys))


def test_first_screen_looks_as_before(snap_compare: SnapCompare, make_bench: MakeBench) -> None:
    """The welcome of the built-in model."""
    bench = make_bench(model_name="built-in")

    async def run(pilot: Pilot[None]) -> None:
        await bench.until(pilot, lambda: bool(bench.screen.query(Prompt)))
        bench.prompt.cursor_blink = False
        await bench.until(pilot, lambda: "scripted" in bench.status())

    assert snap_compare(bench.app, terminal_size=(100, 30), run_before=run)
