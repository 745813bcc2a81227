"""Grids of brightness as terminal cells, by lines; it knows numbers and colours, nothing of routing or widgets.

Legend: R rows and C columns of the grid, H lines and W characters of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style

Levels = NDArray[np.int64]
Lit = NDArray[np.bool_]

# The place of a glyph says which quarters it fills: 1 upper left, 2 upper right, 4 lower left, 8 lower right.
QUADRANTS: Final = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
SHADES: Final = " ░▒▓█"
EIGHTHS: Final = " ▁▂▃▄▅▆▇█"


class Density(Enum):
    """How much of the screen a cell of the grid takes, as (characters across, characters down) in halves."""

    FULL = (4, 2)
    DOUBLE = (4, 1)
    HALF = (2, 1)
    QUARTER = (1, 1)

    def size(self, rows: int, columns: int) -> tuple[int, int]:
        """Characters (across, down) of a grid."""
        across, down = self.value
        return -(-columns * across // 2), -(-rows * down // 2)

    def cell_at(self, x: int, y: int) -> tuple[int, int]:
        """The (row, column) of the grid under a character; of two rows or columns in one character, the first."""
        across, down = self.value
        return y * 2 // down, x * 2 // across


def density_for(rows: int, columns: int, width: int, height: int) -> Density:
    """The largest cells with which the grid fits; QUARTER when none does."""
    for density in Density:
        across, down = density.size(rows, columns)
        if across <= width and down <= height:
            return density
    return Density.QUARTER


def pooled(values_RC: NDArray[np.float32], share: int) -> NDArray[np.float32]:
    """`share` neighbouring columns as one, which shows the brightest."""
    if share <= 1:
        return values_RC
    pad = -values_RC.shape[1] % share
    brightest: NDArray[np.float32] = (
        np.pad(values_RC, ((0, 0), (0, pad))).reshape(values_RC.shape[0], -1, share).max(axis=2)
    )
    return brightest


@dataclass(frozen=True, slots=True)
class _Picture:
    """Glyphs (code points) and the levels of their two colours, each [H, W]; `across` characters a cell."""

    glyphs: NDArray[np.int64]
    front: Levels
    back: Levels
    across: int


class Painter:
    """Draws grids in one scale of colours, or without colours in glyphs."""

    def __init__(self, colours: Sequence[str]) -> None:
        self.steps = len(colours)
        self._colours = tuple(colours)
        self._styles: dict[tuple[int, int], Style] = {}
        self._segments: dict[tuple[int, int], Segment] = {}  # by look and length: making them is most of a frame

    def lines(
        self, density: Density, levels_RC: Levels, lit_RC: Lit | None, *, no_color: bool, base: Style
    ) -> list[list[Segment]]:
        """The lines of a grid of levels from 0 to steps - 1.

        `lit` marks cells that are told from the others whatever the colours: where one character holds four cells, it
        has the shape of the lit ones; without colours these are full blocks and other cells above 0 are dots. None: the
        cells that are brighter than the rest of their character, and without colours shades.
        """
        picture = self._picture(density, levels_RC, lit_RC, no_color)
        return [self._line(picture, y, no_color, base) for y in range(len(picture.glyphs))]

    def style_of(self, level: int) -> Style:
        """A patch of one level as a background."""
        return self._style(level, level)

    def _picture(self, density: Density, levels: Levels, lit: Lit | None, no_color: bool) -> _Picture:
        across = 2 if density.value[0] == 4 else 1
        if density is Density.FULL:
            return _Picture(self._plain_glyphs(levels, lit, no_color), levels, levels, across)
        rows, columns = levels.shape
        pad = ((0, rows % 2), (0, columns % 2 if density is Density.QUARTER else 0))
        levels = np.pad(levels, pad)
        mask = np.pad(lit if lit is not None else np.zeros((rows, columns), np.bool_), pad)
        if density is Density.QUARTER:
            places = [(0, 0), (0, 1), (1, 0), (1, 1)]
            values = np.stack([levels[down::2, right::2] for down, right in places])
            marks = np.stack([mask[down::2, right::2] for down, right in places])
            bits = np.array([1, 2, 4, 8])
        else:
            values, marks = np.stack([levels[::2], levels[1::2]]), np.stack([mask[::2], mask[1::2]])
            bits = np.array([3, 12])
        if lit is None:
            threshold = self.steps // 2 if no_color else (values.max(axis=0) + values.min(axis=0)) / 2
            marks = values > threshold
        elif density is not Density.QUARTER and not no_color:
            marks = np.stack([np.ones_like(marks[0]), np.zeros_like(marks[0])])  # the half block shows both as they are
        codes = (marks * bits[:, None, None]).sum(axis=0)
        front = np.where(marks, values, 0).max(axis=0)
        back = np.where(marks, 0, values).max(axis=0)
        if no_color:
            glyphs = _points(QUADRANTS)[codes]
            return _Picture(np.where((codes == 0) & (values.max(axis=0) > 0), ord("·"), glyphs), front, back, across)
        uniform = (codes == 0) | (codes == 15) | (front == back)
        back = np.where((codes == 15) | (front == back), front, back)
        return _Picture(np.where(uniform, ord(" "), _points(QUADRANTS)[codes]), front, back, across)

    def _plain_glyphs(self, levels: Levels, lit: Lit | None, no_color: bool) -> NDArray[np.int64]:
        if not no_color:
            return np.full(levels.shape, ord(" "))
        if lit is None:
            return _points(SHADES)[-(-levels * (len(SHADES) - 1) // max(1, self.steps - 1))]
        return np.where(lit, ord("█"), np.where(levels > 0, ord("·"), ord(" ")))

    def _line(self, picture: _Picture, y: int, no_color: bool, base: Style) -> list[Segment]:
        """One line, with equal neighbours in one segment."""
        glyphs, front, back = picture.glyphs[y], picture.front[y], picture.back[y]
        if no_color:
            text = "".join(map(chr, np.repeat(glyphs, picture.across).tolist()))
            return [Segment(text, base)]
        front = np.where(glyphs == ord(" "), back, front)  # nothing of the front is seen
        keys = (glyphs * self.steps + front) * self.steps + back
        begins = np.concatenate([[0], np.flatnonzero(keys[1:] != keys[:-1]) + 1])
        counts = np.diff(np.append(begins, len(keys))) * picture.across
        return [self._segment(key, count) for key, count in zip(keys[begins].tolist(), counts.tolist(), strict=True)]

    def _segment(self, key: int, count: int) -> Segment:
        segment = self._segments.get((key, count))
        if segment is None:
            rest, back = divmod(key, self.steps)
            glyph, front = divmod(rest, self.steps)
            segment = self._segments[key, count] = Segment(chr(glyph) * count, self._style(front, back))
        return segment

    def _style(self, front: int, back: int) -> Style:
        style = self._styles.get((front, back))
        if style is None:
            style = Style(color=self._colours[front], bgcolor=self._colours[back])
            self._styles[front, back] = style
        return style


def bars(values_R: Sequence[float], width: int, density: Density) -> list[str]:
    """Bars to the right for values from 0 to 1, one a row of the grid, in the grid's lines."""
    filled = [round(min(max(value, 0.0), 1.0) * width) for value in values_R]
    if density is Density.FULL:
        return ["█" * count + " " * (width - count) for count in filled]
    filled += [0] * (len(filled) % 2)
    return [
        "".join(" ▀▄█"[(at < upper) + 2 * (at < lower)] for at in range(width))
        for upper, lower in zip(filled[::2], filled[1::2], strict=True)
    ]


def levels_of(values_RC: NDArray[np.float64], most: float, steps: int) -> Levels:
    """Levels 0 .. steps - 1 of values from 0 to `most`."""
    scaled = np.clip(values_RC / (most or 1.0), 0, 1) * (steps - 1)
    return np.rint(scaled).astype(np.int64)


def _points(text: str) -> NDArray[np.int64]:
    return np.array([ord(character) for character in text], np.int64)
