"""A live map of the experts at work: layers down, experts across; it knows arrays, nothing of turns.

Legend: L layers, E experts, K chosen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from gptoss_chat.tui.colours import cividis

HISTORY_KEPT = 0.75  # of a cell's brightness, from one token to the next
HISTORY_BRIGHT = 0.55  # the brightest that the past can look beside the present token
FRAMES_PER_S = 12
STEPS = 24
CAPTION_ROWS = 2


class RoutingMap(Widget):
    """The chosen experts of the newest token bright by their weight, the ones before it fading.

    A cell is one expert in one layer: two columns wide where they fit, else one column and half a row; where even that
    does not fit, neighbouring experts share a cell, which then shows the brightest. Frames are latest-wins: tokens
    between two frames are in the history but get no frame of their own.
    """

    def __init__(self, experts: int = 0) -> None:
        super().__init__(id="routing")
        self._experts = experts  # 0: learnt from the first token
        self._now_LE: NDArray[np.float32] | None = None
        self._past_LE: NDArray[np.float32] | None = None
        self._tokens = 0
        self._dirty = False
        self._styles: dict[tuple[int, int], Style] = {}
        self._colours = cividis(STEPS)
        self._frame_width = -1  # width that _levels is for; -1: it is out of date
        self._levels = (np.zeros((0, 0), np.int64), np.zeros((0, 0), np.bool_))

    def on_mount(self) -> None:
        """Draw at most FRAMES_PER_S times a second."""
        self.set_interval(1 / FRAMES_PER_S, self._frame)

    @property
    def shape(self) -> tuple[int, int]:
        """(layers, experts) as far as they are known."""
        return (0, self._experts) if self._now_LE is None else (self._now_LE.shape[0], self._now_LE.shape[1])

    def clear(self) -> None:
        """Forget what was shown."""
        self._now_LE = self._past_LE = None
        self._tokens = 0
        self.refresh(layout=True)

    def add(self, experts_LK: NDArray[np.uint8], weights_LK: NDArray[np.float16]) -> None:
        """The routing of one more token: ids and their weights (which sum to 1 in each layer)."""
        layers = experts_LK.shape[0]
        needed = max(self._experts, int(experts_LK.max(initial=0)) + 1)
        if self._now_LE is None or self._past_LE is None or self.shape[0] != layers or needed > self.shape[1]:
            self._experts = _round_up(needed)
            self._now_LE = np.zeros((layers, self._experts), np.float32)
            self._past_LE = np.zeros_like(self._now_LE)
            self.refresh(layout=True)
        self._past_LE = np.maximum(self._past_LE, self._now_LE * HISTORY_BRIGHT) * np.float32(HISTORY_KEPT)
        self._now_LE = np.zeros_like(self._past_LE)
        np.put_along_axis(self._now_LE, experts_LK.astype(np.int64), weights_LK.astype(np.float32), axis=1)
        self._tokens += 1
        self._frame_width = -1
        self._dirty = True

    def _frame(self) -> None:
        if self._dirty and self.display:
            self._dirty = False
            self.refresh()

    def levels(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Brightness [L, cells] from 0 to STEPS - 1, and whether a cell was chosen by the newest token."""
        assert self._now_LE is not None
        assert self._past_LE is not None
        now, past = self._now_LE, self._past_LE
        share = -(-now.shape[1] // max(1, self.size.width))
        if share > 1:
            pad = -now.shape[1] % share
            now, past = (np.pad(a, ((0, 0), (0, pad))).reshape(a.shape[0], -1, share).max(axis=2) for a in (now, past))
        # A weight of one half is already as bright as it gets: with four experts a token, few are higher.
        bright = np.clip(np.maximum(np.sqrt(now * 2), np.sqrt(past * 2) * HISTORY_BRIGHT), 0, 1)
        return np.rint(bright * (STEPS - 1)).astype(np.int64), now > 0

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """Rows for a width; the caption included."""
        layers, experts = self.shape
        if not layers:
            return CAPTION_ROWS + 1
        return CAPTION_ROWS + (layers if self._wide(width) and experts else -(-layers // 2))

    def _wide(self, width: int) -> bool:
        return 2 * self.shape[1] <= width and self.shape[0] <= 16

    def render_line(self, y: int) -> Strip:
        """One row of the panel."""
        width = self.size.width
        base = self.rich_style
        if self._now_LE is None:
            text = "Routing map" if y == 0 else "Experts light up as the model writes." if y == 2 else ""
            return Strip([Segment(text[:width], base + Style(dim=y > 0))]).adjust_cell_length(width, base)
        if y == 0:
            return Strip([Segment(self.caption()[:width], base + Style(dim=True))]).adjust_cell_length(width, base)
        if y < CAPTION_ROWS:
            return Strip.blank(width, base)
        if self._frame_width != width:
            self._frame_width, self._levels = width, self.levels()
        levels, chosen = self._levels
        row = y - CAPTION_ROWS
        if self._wide(width):
            if row >= levels.shape[0]:
                return Strip.blank(width, base)
            return self._full_row(levels[row], chosen[row], base).adjust_cell_length(width, base)
        if 2 * row >= levels.shape[0]:
            return Strip.blank(width, base)
        none = np.zeros_like(levels[0])
        lower = levels[2 * row + 1] if 2 * row + 1 < levels.shape[0] else none
        lower_chosen = chosen[2 * row + 1] if 2 * row + 1 < levels.shape[0] else none.astype(np.bool_)
        strip = self._half_row(levels[2 * row], lower, chosen[2 * row], lower_chosen, base)
        return strip.adjust_cell_length(width, base)

    def caption(self) -> str:
        """What the map shows, in a line."""
        layers, experts = self.shape
        return f"{layers} × {experts} experts · {self._tokens:,} tokens"

    def _full_row(self, levels: NDArray[np.int64], chosen: NDArray[np.bool_], base: Style) -> Strip:
        if self.app.no_color:
            glyphs = ("██" if now else "··" if level else "  " for level, now in zip(levels, chosen, strict=True))
            return Strip([Segment("".join(glyphs), base)])
        return Strip([Segment("  ", self._style(level, level)) for level in levels.tolist()])

    def _half_row(
        self,
        upper: NDArray[np.int64],
        lower: NDArray[np.int64],
        upper_chosen: NDArray[np.bool_],
        lower_chosen: NDArray[np.bool_],
        base: Style,
    ) -> Strip:
        if self.app.no_color:
            glyphs = (
                ("·" if past else " ", "▀", "▄", "█")[up + 2 * low]
                for past, up, low in zip((upper + lower) > 0, upper_chosen.tolist(), lower_chosen.tolist(), strict=True)
            )
            return Strip([Segment("".join(glyphs), base)])
        pairs = zip(upper.tolist(), lower.tolist(), strict=True)
        return Strip([Segment("▀", self._style(up, low)) for up, low in pairs])

    def _style(self, upper: int, lower: int) -> Style:
        style = self._styles.get((upper, lower))
        if style is None:
            style = self._styles[upper, lower] = Style(color=self._colours[upper], bgcolor=self._colours[lower])
        return style


def _round_up(experts: int) -> int:
    """The next usual number of experts: the ids of one token seldom include the highest."""
    return next((usual for usual in (8, 16, 32, 64, 128, 256) if usual >= experts), experts)
