"""A Markdown table as lines: columns as wide as their cells where that fits, else cells that wrap; it knows no Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from textual.content import Content

from gptoss_chat.tui.markdown.pieces import EMPTY, NONE, Laid, Lead, Look, Piece

BETWEEN = " │ "
NARROWEST = 6
"""Cells that a column keeps when the others need its room, if it has as many."""


class Table(Piece):
    """Rows of cells, the first of them the header. `align` has "left", "right" or "center" for each column."""

    __slots__ = ("align", "lead", "rows")

    def __init__(self, rows: Sequence[Sequence[Content]], align: Sequence[str], lead: Lead = NONE) -> None:
        super().__init__()
        self.rows = rows
        self.align = align
        self.lead = lead

    def copied_height(self, width: int, look: Look) -> int:
        """As many as are drawn."""
        return self.height(width, look)

    def copied(self, width: int, look: Look) -> Sequence[str]:
        """The lines as they are drawn."""
        return tuple(line.text for line in self.laid(width, look))

    def same(self, other: Piece) -> bool:
        """By its cells."""
        return (
            isinstance(other, Table)
            and [len(row) for row in self.rows] == [len(row) for row in other.rows]
            and self.lead.first.is_same(other.lead.first)
            and all(
                a.is_same(b)
                for mine, its in zip(self.rows, other.rows, strict=True)
                for a, b in zip(mine, its, strict=True)
            )
        )

    def holds(self, folded: str) -> bool:
        """In any cell."""
        return any(folded in cell.plain.casefold() for row in self.rows for cell in row)

    def _lay(self, width: int, look: Look) -> Sequence[Laid]:
        before = self.lead.first.cell_length
        widths = _widths([[cell.cell_length for cell in row] for row in self.rows], width - before)
        lines: list[Laid] = []
        for n, row in enumerate(self.rows):
            cells = [_wrapped(cell, room, align) for cell, room, align in zip(row, widths, self.align, strict=True)]
            for parts in zip_longest(*cells):
                whole = [part or Content(" " * room) for part, room in zip(parts, widths, strict=True)]
                line = Content.styled(BETWEEN, ".table-line").join(whole)
                lines.append(self._line(line.stylize(".table-head") if n == 0 else line, len(lines), width, look))
            if n == 0:
                ruled = "─┼─".join("─" * room for room in widths)
                lines.append(self._line(Content.styled(ruled, ".table-line"), len(lines), width, look))
        return lines

    def _line(self, content: Content, y: int, width: int, look: Look) -> Laid:
        lead = self.lead.first if y == 0 else self.lead.hang
        (strip, *_) = (lead + content).render_strips(width + content.cell_length, 1, look.base, look.options)
        drawn = strip.adjust_cell_length(width, look.base.rich_style)
        return Laid(drawn, lead.cell_length, content.plain.rstrip(), 0, y)


def _wrapped(cell: Content, room: int, align: str) -> list[Content]:
    lines = [line.rstrip() for line in cell.wrap(room)] if cell else [EMPTY]
    match align:
        case "right":
            return [line.pad_left(room - line.cell_length) for line in lines]
        case "center":
            return [line.center(room) for line in lines]
        case _:
            return [line.pad_right(room - line.cell_length) for line in lines]


def _widths(cells: Sequence[Sequence[int]], room: int) -> list[int]:
    """Each column's width in cells: its widest cell, and where that is too much, less from the widest columns."""
    wanted = [max(1, *column) for column in zip(*cells, strict=True)]
    room = max(len(wanted), room - len(BETWEEN) * (len(wanted) - 1))
    least = [min(width, NARROWEST) for width in wanted]
    if sum(wanted) <= room:
        return wanted
    if sum(least) >= room:
        return least
    # The widest are cut to one height: raise it as far as the room goes.
    height = NARROWEST
    while sum(min(width, height + 1) for width in wanted) <= room:
        height += 1
    return [min(width, height) for width in wanted]
