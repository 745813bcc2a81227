"""The status line; it knows figures, nothing of where they come from."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

CHANGE_CELLS = 24  # rules may be long: the figures beside them have to fit too


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
    preset: str = ""
    changes: tuple[str, ...] = ()


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
        parts = self._parts()
        while len(parts) > 1 and _joined(parts, "left").cell_length + _joined(parts, "right").cell_length + 2 > width:
            parts.remove(max(parts, key=lambda part: part.rank))
        left, right = _joined(parts, "left"), _joined(parts, "right")
        space = max(0, width - left.cell_length - right.cell_length)
        return Content.assemble(left, " " * space, right).truncate(max(0, width), ellipsis=True)

    def _parts(self) -> list[_Part]:
        status = self.status
        parts = [_Part("left", 0, Content.styled(status.model, "bold $foreground"))]
        if status.loading is not None:
            full = round(status.loading * 10)
            bar = Content.assemble(("▰" * full, "$accent"), ("▱" * (10 - full), "$muted"))
            parts.append(_Part("left", 1, Content.assemble("loading ", bar, f" {status.loading:.0%}")))
        elif status.failed:
            parts.append(_Part("left", 1, Content.styled("could not be loaded", "$text-error")))
        else:
            if status.backend:
                parts.append(_Part("left", 7, Content(status.backend)))
            if status.preset:
                parts.append(_Part("left", 6, Content.styled(f"preset {status.preset}", "$accent")))
            parts.append(_Part("left", 8, Content(f"{status.effort} effort")))
            for change in status.changes:
                short = Content.styled(change, "$accent").truncate(CHANGE_CELLS, ellipsis=True)
                parts.append(_Part("left", 6, short))
        if status.waiting:
            parts.append(_Part("right", 1, Content.styled(f"{status.waiting} waiting", "$accent")))
        if status.reused is not None:
            parts.append(_Part("right", 5, Content(f"reused {status.reused:,}")))
        if status.prefilled is not None:
            parts.append(_Part("right", 4, Content(f"prefilled {status.prefilled:,}")))
        if status.tokens_per_s:
            decimals = 1 if status.tokens_per_s < 100 else 0
            parts.append(_Part("right", 2, Content(f"{status.tokens_per_s:,.{decimals}f} tok/s")))
        if status.context_limit:
            parts.append(_Part("right", 3, Content(f"context {status.context_tokens:,}/{status.context_limit:,}")))
        return parts


@dataclass(frozen=True, slots=True)
class _Part:
    side: str
    rank: int  # the highest is left out first
    text: Content


def _joined(parts: list[_Part], side: str) -> Content:
    return Content(" · ").join([part.text for part in parts if part.side == side])
