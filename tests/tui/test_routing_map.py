"""The live map: what it folds, how it fits, what is seen without colours, and its full size."""

from __future__ import annotations

import numpy as np
import pytest
from rich.style import Style
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.widgets import Input

from gptoss_chat.routing.colours import cividis
from gptoss_chat.tui.widgets.routes_cells import QUADRANTS, Density, Painter, bars, density_for
from gptoss_chat.tui.widgets.routing import (
    CAPTION_ROWS,
    FOLD_AT_TOKENS,
    HISTORY_BRIGHT,
    HISTORY_KEPT,
    STEPS,
    RoutingMap,
)
from tests.tui.conftest import MakeBench

SHAPES = [(6, 16), (24, 32), (36, 128)]


class MapApp(App[None]):
    """A map in a panel, and something else that takes the keys."""

    CSS = "#routing { width: 38; height: 1fr; padding: 1 2; border-left: solid white; dock: right; }"
    ESCAPE_TO_MINIMIZE = False

    def __init__(self, layers: int = 0, experts: int = 0) -> None:
        super().__init__()
        self.map = RoutingMap(layers, experts)

    def compose(self) -> ComposeResult:
        """The two."""
        yield Input()
        yield self.map


def token(layers: int, experts: int, seed: int = 0, chosen: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """A random token's experts and weights."""
    rng = np.random.default_rng(seed)
    ids = np.stack([rng.choice(experts, chosen, replace=False) for _ in range(layers)])
    return ids.astype(np.uint8), np.tile(np.array([0.4, 0.3, 0.2, 0.1], np.float16), (layers, 1))


@pytest.mark.parametrize("no_color", [False, True])
@pytest.mark.parametrize(("layers", "experts"), SHAPES)
async def test_full_size_map_shows_every_cell_at_80x24(layers: int, experts: int, no_color: bool) -> None:
    """Each layer has its own place and each chosen expert is found again in the drawn characters; labels and bars fit."""
    app = MapApp(layers, experts)
    async with app.run_test(size=(80, 24)) as pilot:
        app.no_color = no_color
        ids, weights = token(layers, experts)
        app.map.add(ids, weights)
        await pilot.click(RoutingMap)
        await pilot.pause()
        assert app.screen.maximized is app.map
        assert (app.map.size.width, app.map.size.height) == (78, 24)
        layout = app.map._layout_in(78, 24 - CAPTION_ROWS)
        assert layout.share == 1
        assert layout.entropy > 6
        across, down = layout.density.size(layers, experts)
        assert layout.labels + across + layout.entropy <= 78
        assert CAPTION_ROWS + down <= 24
        drawn = [app.map.render_line(y).text[layout.labels :] for y in range(CAPTION_ROWS, CAPTION_ROWS + down)]
        if layout.density is Density.QUARTER and not no_color:
            for layer, expert in ((0, ids[0, 0]), (layers - 1, ids[-1, 0])):
                glyph = drawn[layer // 2][expert // 2]
                assert QUADRANTS.index(glyph) & 1 << (2 * (layer % 2) + expert % 2)
        if no_color:
            lit = sum(
                QUADRANTS.index(glyph).bit_count() for line in drawn for glyph in line[:across] if glyph in QUADRANTS
            )
            per_cell = {Density.FULL: 8, Density.DOUBLE: 4, Density.HALF: 2, Density.QUARTER: 1}[layout.density]
            assert lit == layers * 4 * per_cell


@pytest.mark.parametrize("no_color", [False, True])
@pytest.mark.parametrize(("layers", "experts"), SHAPES)
async def test_map_fits_its_panel(layers: int, experts: int, no_color: bool) -> None:
    """In a narrow panel neighbours share a cell; nothing is wider or higher than the panel."""
    app = MapApp()
    async with app.run_test(size=(130, 30)) as pilot:
        app.no_color = no_color
        app.map.add(*token(layers, experts))
        await pilot.pause(0.2)
        chosen = {Style(color=colour).color for colour in cividis(STEPS)[STEPS // 2 :]}
        assert app.map.shape == (layers, experts)
        rows = app.map.get_content_height(None, None, app.map.size.width)  # type: ignore[arg-type]
        assert rows <= app.map.size.height
        lines = [app.map.render_line(y) for y in range(rows)]
        assert {line.cell_length for line in lines} == {app.map.size.width}
        styles = [segment.style for line in lines[CAPTION_ROWS:] for segment in line if segment.style]
        colours = {colour for style in styles for colour in (style.color, style.bgcolor)}
        assert (colours & chosen != set()) is not no_color


async def test_frame_repaints_changed_lines_and_waits_for_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only lines that differ are asked for anew; a frame that took long keeps the next one waiting, with its tokens kept."""
    app = MapApp(6, 16)
    async with app.run_test(size=(120, 40)) as pilot:
        app.map.add(*token(6, 16, 1))
        await pilot.pause(0.3)
        asked: list[Region] = []
        monkeypatch.setattr(app.map, "refresh", lambda *regions, **_: asked.extend(regions))
        before = [strip.text for strip in app.map._shown]
        app.map._wait_until_s = 0.0
        ids, weights = token(6, 16, 1)
        app.map.add(ids, weights)
        app.map._frame()
        rows = {y for region in asked for y in range(region.y, region.bottom)}
        assert 0 in rows  # one token more
        assert rows < set(range(len(before)))
        asked.clear()
        app.map._frame()
        assert asked == []  # nothing came
        monkeypatch.setattr("gptoss_chat.tui.widgets.routing.time.thread_time", lambda: 100.0)
        app.map._drawn_since(99.0)
        app.map.add(ids, weights)
        app.map._frame()
        assert asked == []
        assert app.map._stale


def test_tokens_are_folded_as_one_after_the_other() -> None:
    """Batches of any size give the brightness of a plain loop over tokens, and the load of a plain count."""
    layers, experts, count = 5, 16, FOLD_AT_TOKENS + 40
    tokens = [token(layers, experts, seed) for seed in range(count)]
    widget = RoutingMap(layers, experts)
    now, past = np.zeros((layers, experts)), np.zeros((layers, experts))
    load = np.zeros((layers, experts))
    for n, (ids, weights) in enumerate(tokens):
        widget.add(ids, weights)
        if n == 7:
            widget._fold()
        past = np.maximum(past, now * HISTORY_BRIGHT) * HISTORY_KEPT
        now = np.zeros_like(past)
        for layer in range(layers):
            now[layer, ids[layer]] = weights[layer]
            load[layer, ids[layer]] += 1
    levels, lit = widget.levels()
    bright = np.clip(np.maximum(np.sqrt(now * 2), np.sqrt(past * 2) * HISTORY_BRIGHT), 0, 1) * (STEPS - 1)
    assert np.abs(levels - bright).max() <= 0.51 + 1e-3
    assert np.array_equal(lit, now > 0)
    share = load / load.sum(axis=1, keepdims=True)
    plain = [-sum(p * np.log2(p) for p in row if p) / 4 for row in share]
    assert widget.load_entropy() == pytest.approx(plain)


def test_shape_is_learnt_where_nobody_said() -> None:
    """The number of experts is the next usual one, and grows with the ids; what was said is kept."""
    widget = RoutingMap()
    assert widget.shape == (0, 0)
    widget._experts = 0
    said = RoutingMap(6, 12)
    assert said.shape == (6, 12)
    ids, weights = token(6, 12)
    said._waiting.append((ids, weights))
    assert said._experts == 12


@pytest.mark.parametrize("key", ["escape", "enter", "space", "click"])
async def test_full_size_is_left_to_where_the_keys_were(key: str) -> None:
    """A key or a click goes back, and typing goes on where it was."""
    app = MapApp(6, 16)
    async with app.run_test(size=(100, 30)) as pilot:
        field = app.query_one(Input)
        field.focus()
        await pilot.pause()
        await pilot.click(RoutingMap)
        await pilot.pause()
        assert app.screen.maximized is app.map
        await (pilot.click(RoutingMap) if key == "click" else pilot.press(key))
        await pilot.pause()
        assert app.screen.maximized is None
        assert app.focused is field
        await pilot.press("x")
        assert field.value == "x"


def test_density_is_the_largest_that_fits() -> None:
    """From two columns and a row a cell down to a quarter of a character."""
    assert density_for(6, 16, 33, 20) is Density.FULL
    assert density_for(24, 32, 70, 22) is Density.DOUBLE
    assert density_for(24, 32, 33, 22) is Density.HALF
    assert density_for(36, 128, 78, 22) is Density.QUARTER
    assert density_for(99, 999, 10, 10) is Density.QUARTER
    assert Density.QUARTER.size(5, 7) == (4, 3)
    assert Density.DOUBLE.cell_at(9, 3) == (6, 4)


@pytest.mark.parametrize("density", list(Density))
@pytest.mark.parametrize("lit", [False, True])
def test_painter_keeps_levels_that_fit_two_colours(density: Density, lit: bool) -> None:
    """Rows come out at their width; in a character of two colours the brightest and the darkest are the grid's."""
    rng = np.random.default_rng(4)
    levels = rng.integers(0, 9, (5, 7))
    mask = rng.random((5, 7)) < 0.4 if lit else None
    colours = cividis(9)
    across, down = density.size(5, 7)
    for no_color in (False, True):
        lines = Painter(colours).lines(density, levels, mask, no_color=no_color, base=Style())
        assert [sum(len(segment.text) for segment in line) for line in lines] == [across] * down
    if density is Density.FULL:
        lines = Painter(colours).lines(density, levels, mask, no_color=False, base=Style())
        shown = [segment.style.bgcolor.name for line in lines for segment in line for _ in segment.text[::2]]  # type: ignore[union-attr]
        assert shown == [colours[level] for level in levels.ravel()]
    if density is Density.HALF:
        lines = Painter(colours).lines(density, levels, mask, no_color=False, base=Style())
        padded = np.vstack([levels, np.zeros((1, 7), int)])
        for y, line in enumerate(lines):
            x = 0
            for segment in line:
                for character in segment.text:
                    upper, lower = padded[2 * y, x], padded[2 * y + 1, x]
                    back = segment.style.bgcolor.name  # type: ignore[union-attr]
                    front = segment.style.color.name if character != " " else back  # type: ignore[union-attr]
                    assert {front, back} == {colours[upper], colours[lower]}
                    if character in "▀▄":
                        assert front == colours[upper if character == "▀" else lower]
                    x += 1


def test_bars_have_the_length_of_their_value() -> None:
    """Also two in one line."""
    assert bars([0.5, 1.0], 4, Density.FULL) == ["██  ", "████"]
    assert bars([0.5, 1.0, 2.0], 4, Density.HALF) == ["██▄▄", "▀▀▀▀"]


async def test_map_forgets_another_conversation(make_bench: MakeBench) -> None:
    """A new conversation has no tokens yet; the first answer of one is not cut."""
    bench = make_bench()
    async with bench.app.run_test(size=(140, 40)) as pilot:
        await bench.send(pilot, "One")
        await bench.settle(pilot)
        routing = bench.screen.query_one(RoutingMap)
        assert routing._tokens > 40
        await bench.send(pilot, "Two")
        await bench.settle(pilot)
        assert routing._tokens > 40
        await pilot.press("ctrl+n")
        await bench.until(pilot, lambda: not bench.replies())
        assert routing._tokens == 0
