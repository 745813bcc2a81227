"""A live map of the experts at work: layers down, experts across; it knows arrays, nothing of turns.

Legend: L layers, E experts, K chosen, N tokens that came since the last frame.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from gptoss_chat.model.route import NO_EXPERT
from gptoss_chat.routing.analysis import entropy_bits, shares
from gptoss_chat.routing.colours import cividis
from gptoss_chat.tui.widgets.routes_cells import EIGHTHS, Density, Painter, bars, density_for, pooled

HISTORY_KEPT = 0.75  # of a cell's brightness, from one token to the next
HISTORY_BRIGHT = 0.55  # the brightest that the past can look beside the present token
HISTORY_TOKENS = 24  # older ones are darker than the darkest step
FRAMES_PER_S = 10  # at most
DRAWING_SHARE = 0.02  # of the time that drawing may take: decoding waits meanwhile (one lock for all threads)
LONGEST_WAIT_S = 0.25
FOLD_AT_TOKENS = 256  # tokens kept as they came while nobody looks
STEPS = 24
CAPTION_ROWS = 2
LABEL_COLUMNS = 3
LONGEST_BAR = 16
AUTO_ROWS = 16  # of the map, where nothing says how many there may be

# Styles of the map while it fills the screen; the program's own style sheet outranks a widget's.
_FULL_SIZE: Final = {
    "width": "1fr", "height": "1fr", "max_height": "100%", "padding": (0, 1), "border": ("none", "black"), "dock": "none",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the map stands in a size: its cells, how many experts share one, and the columns beside it."""

    density: Density
    share: int
    labels: int
    entropy: int  # columns of the entropy; 1 is a glyph, more are a gap and a bar


class RoutingMap(Widget):
    """The chosen experts of the newest token bright by their weight, the ones before it fading.

    A cell is one expert in one layer, as large as fits; where even a quarter of a character does not, neighbouring experts
    share a cell, which then shows the brightest. Beside it stands each layer's load entropy. Frames are latest-wins:
    tokens between two frames are in the history but get no frame of their own. A click fills the screen, and another, or
    a key, goes back.
    """

    ALLOW_MAXIMIZE = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,space,f3", "full_size", "Full size", show=False)]

    def __init__(self, layers: int = 0, experts: int = 0) -> None:
        super().__init__(id="routing")
        self._experts = experts  # 0: learnt from the tokens
        self._layers = layers
        self._now_LE = np.zeros((layers, experts), np.float32)
        self._past_LE = np.zeros((layers, experts), np.float32)
        self._counts_LE = np.zeros((layers, experts), np.int64)
        self._waiting: list[tuple[NDArray[np.uint8], NDArray[np.float16]]] = []
        self._tokens = 0
        self._painter = Painter(cividis(STEPS))
        self._drawn: tuple[object, list[Strip]] = (None, [])  # what they are for, and the lines
        self._shown: list[Strip] = []  # the lines of the last frame
        self._stale = False  # tokens came since
        self._wait_until_s = 0.0
        self._base: Style | None = None
        self._base_is_new = False
        self._came_from: Widget | None = None

    def on_mount(self) -> None:
        """Draw at most FRAMES_PER_S times a second."""
        self.set_interval(1 / FRAMES_PER_S, self._frame)

    @property
    def shape(self) -> tuple[int, int]:
        """(layers, experts) as far as they are known."""
        self._fold()
        return self._layers, self._experts

    def set_shape(self, layers: int, experts: int) -> None:
        """Say what the model has, before its first token; what was shown of another shape is forgotten."""
        if (layers, experts) != (self._layers, self._experts):
            self._layers, self._experts = layers, experts
            self.clear()

    def clear(self) -> None:
        """Forget what was shown."""
        self._waiting.clear()
        self._tokens = 0
        shape = (self._layers, self._experts)
        self._now_LE, self._past_LE = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._counts_LE = np.zeros(shape, np.int64)
        self._drawn = (None, [])
        self.refresh(layout=True)

    def add(self, experts_LK: NDArray[np.uint8], weights_LK: NDArray[np.float16]) -> None:
        """The routing of one more token: ids and their weights (which sum to 1 in each layer)."""
        self._waiting.append((experts_LK, weights_LK))
        self._stale = True
        if len(self._waiting) >= FOLD_AT_TOKENS:
            self._fold()

    def _frame(self) -> None:
        """Repaint the lines that changed, unless the last frame took so long that this one has to wait."""
        if not self._stale or not self.display or time.monotonic() < self._wait_until_s:
            return
        self._stale, began_s = False, time.thread_time()
        self._fold()
        self._base, self._base_is_new = self.rich_style, True
        before, self._shown = self._shown, self._lines(self._base)
        if len(before) != len(self._shown):
            self.refresh(layout=True)
            return
        changed = [y for y, line in enumerate(self._shown) if line != before[y]]
        if changed:
            self.refresh(*_runs(changed, self.size.width))
            self.call_after_refresh(self._drawn_since, began_s)

    def _drawn_since(self, began_s: float) -> None:
        wait_s = (time.thread_time() - began_s) / DRAWING_SHARE
        self._wait_until_s = time.monotonic() + min(wait_s, LONGEST_WAIT_S)

    def _fold(self) -> None:
        """Take in the tokens that came."""
        if not self._waiting:
            return
        experts_NLK = np.stack([experts for experts, _ in self._waiting])
        weights_NLK = np.stack([weights for _, weights in self._waiting]).astype(np.float32)
        self._waiting.clear()
        tokens, layers, _ = experts_NLK.shape
        needed = max(self._experts, int(experts_NLK.max(initial=0, where=experts_NLK != NO_EXPERT)) + 1)
        if layers != self._layers or needed > self._experts:
            self._layers, self._experts = layers, _round_up(needed)
            self.clear()
        there_NLK = experts_NLK != NO_EXPERT
        flat_NLK = experts_NLK + (np.arange(layers) * self._experts)[:, None]
        counts = np.bincount(flat_NLK[there_NLK], minlength=self._counts_LE.size)
        self._counts_LE += counts.reshape(self._counts_LE.shape)
        # Each token's brightness as it has faded by now, that of the present one before them first; the brightest is seen.
        recent = slice(max(0, tokens - HISTORY_TOKENS), tokens)
        flat_NLK, weights_NLK, there_NLK = flat_NLK[recent], weights_NLK[recent], there_NLK[recent]
        count, size = len(flat_NLK), self._now_LE.size
        seen_ME = np.zeros((count + 1, size), np.float32)
        seen_ME[0] = self._now_LE.ravel()
        rows_NLK = np.broadcast_to((np.arange(count) + 1)[:, None, None], flat_NLK.shape)
        seen_ME[rows_NLK[there_NLK], flat_NLK[there_NLK]] = weights_NLK[there_NLK]
        faded_M = (HISTORY_BRIGHT * HISTORY_KEPT ** np.arange(count, 0, -1)).astype(np.float32)
        past = (seen_ME[:-1] * faded_M[:, None]).max(axis=0).reshape(self._past_LE.shape)
        self._past_LE = np.maximum(self._past_LE * np.float32(HISTORY_KEPT**count), past)
        self._now_LE = seen_ME[-1].reshape(self._now_LE.shape)
        self._tokens += tokens
        self._drawn = (None, [])

    def load_entropy(self) -> NDArray[np.float64]:
        """The entropy of each layer's load so far, [L], as a share of its highest, log2 E."""
        self._fold()
        return entropy_bits(shares(self._counts_LE)) / max(1.0, math.log2(max(1, self._experts)))

    def levels(self, share: int = 1) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Brightness [L, cells] from 0 to STEPS - 1, and whether a cell was chosen by the newest token."""
        self._fold()
        now, past = pooled(self._now_LE, share), pooled(self._past_LE, share)
        # A weight of one half is already as bright as it gets: with four experts a token, few are higher.
        bright = np.clip(np.maximum(np.sqrt(now * 2), np.sqrt(past * 2) * HISTORY_BRIGHT), 0, 1)
        return np.rint(bright * (STEPS - 1)).astype(np.int64), now > 0

    def caption(self) -> tuple[str, str]:
        """What the map shows, in two short lines."""
        layers, experts = self.shape
        bits = math.log2(max(1, experts))
        mean = float(self.load_entropy().mean()) * bits if layers else 0.0
        return f"{layers} × {experts} experts · {self._tokens:,} tokens", f"Load entropy {mean:.2f} of {bits:.2f} bits"

    # How it is drawn -----------------------------------------------------------------------------------------------

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Rows for a width; the caption included."""
        layers, experts = self.shape
        if not self._tokens:
            return CAPTION_ROWS + 1
        rows = max(1, viewport.height // 2 - CAPTION_ROWS) if viewport else AUTO_ROWS
        return CAPTION_ROWS + self._layout_in(width, rows).density.size(layers, experts)[1]

    def _layout_in(self, width: int, rows: int) -> _Layout:
        layers, experts = self.shape
        density = density_for(layers, experts, width, rows)
        share = -(-experts // max(1, 2 * width)) if density is Density.QUARTER else 1
        spare = width - density.size(layers, -(-experts // share))[0]
        if spare >= LABEL_COLUMNS + 8:
            return _Layout(density, share, LABEL_COLUMNS, min(LONGEST_BAR, spare - LABEL_COLUMNS))
        return _Layout(density, share, LABEL_COLUMNS if spare > LABEL_COLUMNS else 0, 1 if spare > 0 else 0)

    def render_line(self, y: int) -> Strip:
        """One row of the panel."""
        if self._base is None or (y == 0 and not self._base_is_new):
            self._base = self.rich_style  # slow to make, and the same for all rows
        self._base_is_new = False
        lines = self._lines(self._base)
        return lines[y] if y < len(lines) else Strip.blank(self.size.width, self._base)

    def _lines(self, base: Style) -> list[Strip]:
        """The caption and the rows of the map, drawn once a frame."""
        self._fold()
        key = (self.size, base, self.app.no_color)
        if self._drawn[0] != key:
            quiet, width = base + Style(dim=True), self.size.width
            if self._tokens:
                lines = [*([Segment(text[:width], quiet)] for text in self.caption()), *self._rows(base, quiet)]
            else:
                texts = (("Routing map", base), ("", quiet), ("Experts light up as the model writes.", quiet))
                lines = [[Segment(text[:width], style)] for text, style in texts]
            self._drawn = (key, [Strip(line).adjust_cell_length(width, base) for line in lines])
        return self._drawn[1]

    def _rows(self, base: Style, quiet: Style) -> list[list[Segment]]:
        """A line of segments for each row of cells."""
        width = self.size.width
        layout = self._layout_in(width, max(1, self.size.height - CAPTION_ROWS))
        levels, lit = self.levels(layout.share)
        lines = self._painter.lines(layout.density, levels, lit, no_color=self.app.no_color, base=base)
        entropy_L = self.load_entropy().tolist()
        per_row = 1 if layout.density is Density.FULL else 2
        ends = bars(entropy_L, layout.entropy - 1, layout.density) if layout.entropy > 1 else []
        for row, line in enumerate(lines):
            layer = row * per_row
            if layout.labels:
                line.insert(0, Segment(f"{layer:>{layout.labels - 1}} ", quiet))
            if ends:
                line.append(Segment(f" {ends[row]}", quiet))
            elif layout.entropy:
                here = entropy_L[layer : layer + per_row]
                line.append(Segment(EIGHTHS[round(sum(here) / len(here) * 8)], quiet))
        return lines

    # Full size -----------------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Fill the screen, or go back."""
        event.stop()
        self.action_full_size()

    def action_full_size(self) -> None:
        """Fill the screen; from there, go back to the panel and to what had the keys."""
        if self.screen.maximized is self:
            self.screen.minimize()
            self.can_focus = False
            for rule in _FULL_SIZE:
                self.styles.clear_rule(rule)
            self.screen.set_focus(self._came_from)
        else:
            self._came_from = self.screen.focused
            self.display = self.can_focus = True  # in the panel it takes no keys
            for rule, value in _FULL_SIZE.items():
                setattr(self.styles, rule, value)
            self.screen.maximize(self, container=False)
            self.focus()
        self._drawn = (None, [])
        self.refresh(layout=True)


def _runs(rows: list[int], width: int) -> list[Region]:
    """Rows in rising order as regions of neighbours."""
    runs: list[Region] = []
    for y in rows:
        if runs and runs[-1].bottom == y:
            runs[-1] = Region(0, runs[-1].y, width, runs[-1].height + 1)
        else:
            runs.append(Region(0, y, width, 1))
    return runs


def _round_up(experts: int) -> int:
    """The next usual number of experts: the ids of one token seldom include the highest."""
    return next((usual for usual in (8, 16, 32, 64, 128, 256) if usual >= experts), experts)
