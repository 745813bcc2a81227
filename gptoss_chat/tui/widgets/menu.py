"""The completions above the prompt; it knows candidates, nothing of what they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from gptoss_chat.tui.plain import visible

if TYPE_CHECKING:
    from gptoss_chat.tui.completion import Candidate

ROWS = 8


class Menu(Static):
    """A few lines, one of them chosen; hidden while there is nothing to complete."""

    def __init__(self) -> None:
        super().__init__("", id="menu", markup=False)
        self.display = False
        self._candidates: tuple[Candidate, ...] = ()
        self._at = 0

    @property
    def chosen(self) -> Candidate | None:
        """What Tab takes."""
        return self._candidates[self._at] if self._candidates else None

    def show(self, candidates: Sequence[Candidate]) -> None:
        """Offer these; none hides the menu."""
        if tuple(candidates) != self._candidates:  # drawing lays the whole screen out: not at every key
            self._candidates, self._at = tuple(candidates), 0
            self._draw()

    def close(self) -> None:
        """Offer nothing, until the text changes."""
        self.show(())

    def move(self, step: int) -> None:
        """Choose the next line, or the one before; the list is a ring."""
        self._at = (self._at + step) % max(1, len(self._candidates))
        self._draw()

    def _draw(self) -> None:
        self.display = bool(self._candidates)
        first = max(0, min(self._at - ROWS // 2, len(self._candidates) - ROWS))
        width = max((len(candidate.text) for candidate in self._candidates), default=0) + 2
        lines = []
        for place, candidate in enumerate(self._candidates[first : first + ROWS], start=first):
            chosen = place == self._at
            lines.append(
                Content.assemble(
                    ("▸ " if chosen else "  ", "$accent"),
                    (visible(candidate.text).ljust(min(width, 40)), "bold" if chosen else ""),
                    (visible(candidate.help), "$text-muted"),
                )
            )
        self.update(Content("\n").join(lines))
