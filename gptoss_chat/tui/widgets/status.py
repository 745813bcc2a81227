"""The status line; it knows figures, nothing of where they come from."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class Status:
    """What the line says. `loading` is a share from 0 to 1, None when nothing loads."""

    model: str = ""
    backend: str = ""
    effort: str = ""
    loading: float | None = None
    failed: bool = False
    context_tokens: int = 0
    context_limit: int = 0
    tokens_per_s: float = 0.0
    reused: int | None = None
    prefilled: int | None = None
    waiting: int = 0


class StatusLine(Widget):
    """One line. What does not fit the width is left out whole, least important first."""

    status: reactive[Status] = reactive(Status(), always_update=False)

    def __init__(self) -> None:
        super().__init__(id="status")

    def render(self) -> Content:
        """The line for the present width."""
        return self.line(self.size.width)

    def line(self, width: int) -> Content:
        """The line in at most `width` cells."""
        left, right = self._left(), self._right()
        while right and _width(left) + _width(right) + 2 > width:
            right.pop(max(range(len(right)), key=lambda at: right[at][0]))
        while len(left) > 1 and _width(left) > width:
            left.pop()
        left_text, right_text = _join(left), _join(right)
        space = max(0, width - left_text.cell_length - right_text.cell_length)
        return Content.assemble(left_text, " " * space, right_text).truncate(width, ellipsis=True)

    def _left(self) -> list[tuple[int, Content]]:
        status = self.status
        parts = [(0, Content.styled(status.model, "bold $foreground"))]
        if status.loading is not None:
            full = round(status.loading * 10)
            bar = Content.assemble(("▰" * full, "$accent"), ("▱" * (10 - full), "$text-muted"))
            parts.append((0, Content.assemble("loading ", bar, f" {status.loading:.0%}")))
        elif status.failed:
            parts.append((0, Content.styled("could not be loaded", "$text-error")))
        else:
            effort = f"{status.effort} effort" if status.effort else ""
            parts += [(1, Content(text)) for text in (status.backend, effort) if text]
        return parts

    def _right(self) -> list[tuple[int, Content]]:
        """(importance, lower is kept longer; text)"""
        status = self.status
        parts: list[tuple[int, Content]] = []
        if status.waiting:
            parts.append((1, Content.styled(f"{status.waiting} waiting", "$text-warning")))
        if status.reused is not None:
            parts.append((3, Content(f"reused {status.reused:,}")))
        if status.prefilled is not None:
            parts.append((2, Content(f"prefilled {status.prefilled:,}")))
        if status.tokens_per_s:
            parts.append((0, Content(f"{status.tokens_per_s:.1f} tok/s")))
        if status.context_limit:
            parts.append((4, Content(f"context {status.context_tokens:,}/{status.context_limit:,}")))
        return parts


def _join(parts: list[tuple[int, Content]]) -> Content:
    return Content(" · ").join([part for _, part in parts])


def _width(parts: list[tuple[int, Content]]) -> int:
    return _join(parts).cell_length
