"""A panel that draws a grid of values or a table of cells, and says what was clicked; it knows nothing of routing.

Legend: R rows, C columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from gptoss_chat.routing.colours import cividis, is_dark, purple_orange
from gptoss_chat.text import printable
from gptoss_chat.tui.widgets.routes_cells import Density, Painter, bars, density_for, levels_of

STEPS = 33  # odd: a difference of nothing has its own colour
LABEL_COLUMNS = 4
BAR_COLUMNS = 10
LEGEND_CELLS = 9


@dataclass(frozen=True, slots=True)
class Grid:
    """Values from 0 to `most`, or with `signed` from -most to most; `mark` is a (row, column) to point at.

    `row_bars` are values from 0 to 1 that are drawn beside the rows; `rows_are` and `columns_are` name the axes. `note` is
    a sentence that stands between the scale and the rows.
    """

    values_RC: NDArray[np.float64]
    most: float
    rows_are: str
    columns_are: str
    signed: bool = False
    mark: tuple[int, int] | None = None
    row_bars: tuple[float, ...] = ()
    bars_are: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of a table's row. `share` from 0 to 1 colours it; a click on it picks `pick`."""

    text: str
    share: float | None = None
    pick: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; one of them may be marked."""

    rows: tuple[tuple[Cell, ...], ...]
    mark: int | None = None


class RoutesPanel(ScrollView, can_focus=False):
    """Draws a Grid as large as fits, or a Table; scrolls what is higher."""

    @dataclass
    class Picked(Message):
        """A cell of a grid, as (row, column), or what a cell of a table carries."""

        place: tuple[int, int]

    def __init__(self) -> None:
        super().__init__(id="routes-panel")
        self._content: Grid | Table = Table(())
        self._plain, self._signed = Painter(cividis(STEPS)), Painter(purple_orange(STEPS))
        self._inks = [
            Style(color="#ffffff" if is_dark(colour) else "#000000", bgcolor=colour) for colour in cividis(STEPS)
        ]
        self._drawn: tuple[object, list[Strip]] = (None, [])
        self._density = Density.FULL
        self._base: Style | None = None

    def show(self, content: Grid | Table) -> None:
        """Draw something else, from its top unless it has the old one's height."""
        same = self._height_of(content) == self._height_of(self._content)
        self._content, self._drawn = content, (None, [])
        self._lines()
        if not same:
            self.scroll_to(y=0, animate=False, force=True)
        self.refresh()

    def text(self) -> str:
        """What is drawn, as plain lines."""
        return "\n".join(strip.text.rstrip() for strip in self._lines())

    @staticmethod
    def _height_of(content: Grid | Table) -> tuple[type, int]:
        return type(content), len(content.rows) if isinstance(content, Table) else len(content.values_RC)

    def render_line(self, y: int) -> Strip:
        """One row."""
        if y == 0:
            self._base = None  # slow to make, and the same for all rows
        lines, place = self._lines(), y + round(self.scroll_offset.y)
        return lines[place] if place < len(lines) else Strip.blank(self.size.width, self._base)

    def _lines(self) -> list[Strip]:
        if self._base is None:
            self._base = self.rich_style
        size, base, no_color = self.scrollable_content_region.size, self._base, self.app.no_color
        key = (size, base, no_color)
        if self._drawn[0] != key:
            content = self._content
            rows = (
                self._table(content, base, no_color)
                if isinstance(content, Table)
                else self._grid(content, size, base, no_color)
            )
            strips = [Strip(row).adjust_cell_length(max(1, size.width), base) for row in rows]
            self._drawn = (key, strips)
            self.virtual_size = Size(size.width, len(strips))
        return self._drawn[1]

    def _table(self, table: Table, base: Style, no_color: bool) -> list[list[Segment]]:
        rows = []
        for at, row in enumerate(table.rows):
            line = base + Style(bold=True) if at == table.mark else base
            rows.append([Segment("▸" if at == table.mark else " ", line)])
            for cell in row:
                coloured = cell.share is not None and not no_color
                ink = self._inks[round(min(1.0, cell.share or 0.0) * (STEPS - 1))] if coloured else Style()
                rows[-1].append(Segment(_one_line(cell.text), line + ink))
        return rows

    def _grid(self, grid: Grid, size: Size, base: Style, no_color: bool) -> list[list[Segment]]:
        rows, columns = grid.values_RC.shape
        quiet = base + Style(dim=True)
        beside = BAR_COLUMNS + 1 if grid.row_bars and size.width >= 40 else 0
        width = max(1, size.width - LABEL_COLUMNS - beside)
        self._density = density = density_for(rows, columns, width, max(1, size.height - (3 if grid.note else 2)))
        painter = self._signed if grid.signed and not no_color else self._plain
        values = (grid.values_RC + grid.most) / 2 if painter is self._signed else np.maximum(grid.values_RC, 0)
        lines = painter.lines(density, levels_of(values, grid.most, STEPS), None, no_color=no_color, base=base)
        ends = bars(grid.row_bars, BAR_COLUMNS, density) if beside else []
        marked = None if grid.mark is None else _place(density, *grid.mark)
        per_row = 1 if density is Density.FULL else 2
        for y, line in enumerate(lines):
            here = marked is not None and marked[1] == y
            line.insert(
                0, Segment(f"{'▸' if here else ' '}{y * per_row:>{LABEL_COLUMNS - 2}} ", base if here else quiet)
            )
            if ends:
                line.append(Segment(f" {ends[y]}", quiet))
        pointer = "" if marked is None else f"{'':{LABEL_COLUMNS + marked[0]}}▾"
        over = f"{pointer:<{LABEL_COLUMNS + density.size(rows, columns)[0] + 1}}{grid.bars_are if beside else ''}"
        note = [[Segment(f"{'':{LABEL_COLUMNS}}{_one_line(printable(grid.note))}", base)]] if grid.note else []
        return [self._legend(grid, painter, base, no_color), *note, [Segment(over, quiet)], *lines]

    def _legend(self, grid: Grid, painter: Painter, base: Style, no_color: bool) -> list[Segment]:
        signed = painter is self._signed
        low = f"{'':{LABEL_COLUMNS}}{-grid.most if signed else 0:.2g} "
        levels = np.linspace(0, STEPS - 1, LEGEND_CELLS).round().astype(np.int64)[None]
        scale = painter.lines(Density.FULL, levels, None, no_color=no_color, base=base)[0]
        note = " (only where it is higher)" if grid.signed and not signed else ""
        axes = f" {grid.most:.2g}{note}  {grid.rows_are} down, {grid.columns_are} across"
        return [Segment(low, base), *scale, Segment(axes, base)]

    def on_click(self, event: events.Click) -> None:
        """Say what was picked."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        place = self.place_at(offset.x, offset.y + round(self.scroll_offset.y))
        if place is not None:
            event.stop()
            self.post_message(self.Picked(place))

    def place_at(self, x: int, line: int) -> tuple[int, int] | None:
        """What stands at a column of a line of the drawn content."""
        content = self._content
        if isinstance(content, Grid):
            row, column = self._density.cell_at(x - LABEL_COLUMNS, line - (3 if content.note else 2))
            rows, columns = content.values_RC.shape
            return (row, column) if 0 <= row < rows and 0 <= column < columns else None
        end = 1
        for cell in content.rows[line] if line < len(content.rows) else ():
            end += len(_one_line(cell.text))
            if x < end:
                return cell.pick
        return None


def padded(text: str, width: int) -> str:
    """Text made safe and cut or filled to a width, for a cell of a table."""
    from rich.cells import set_cell_size

    return set_cell_size(_one_line(printable(text)), width)


def _one_line(text: str) -> str:
    return text.replace("\n", "↵").replace("\t", " ")


def _place(density: Density, row: int, column: int) -> tuple[int, int]:
    """Where a cell of the grid is drawn: (x, y)."""
    across, down = density.value
    return column * across // 2, row * down // 2


def heading(*texts: str) -> tuple[Cell, ...]:
    """A row of plain texts."""
    return tuple(Cell(text) for text in texts)


def rows_of(rows: Sequence[tuple[Cell, ...]], mark: int | None = None) -> Table:
    """A table of rows."""
    return Table(tuple(rows), mark)
