"""What a Markdown text is drawn from: lines that wrap, rules and tables; it knows neither Markdown nor widgets.

Places in a text are (x, y): y counts the lines as they are copied, x the characters of one. A wrapped line is one line.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.strip import Strip
from textual.visual import RenderOptions

if TYPE_CHECKING:
    from textual.style import Style

EMPTY = Content("")


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How things are drawn now; another theme or another background is another look."""

    base: Style
    ground: Callable[[str], Style]
    """The style of a whole line that has a ground of its own, by name."""
    options: RenderOptions


@dataclass(frozen=True, slots=True)
class Laid:
    """One line of the screen, as wide as was asked: `lead` cells, then copied line `y` of its piece from character `x` on."""

    strip: Strip
    lead: int
    text: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Lead:
    """What stands before a line: a bullet, the bar of a quote, the margin of code.

    `hang`, as wide as `first`, stands before the lines of the screen that it wraps to; `mark` is what is copied for it.
    """

    first: Content = EMPTY
    hang: Content = EMPTY
    mark: str = ""

    def then(self, other: Lead) -> Lead:
        """This and the other after it."""
        return Lead(self.first + other.first, self.hang + other.hang, self.mark + other.mark)


NONE = Lead()


class Piece(ABC):
    """Some lines, laid out when they are looked at and kept until width or look change."""

    __slots__ = ("_key", "_laid")

    def __init__(self) -> None:
        self._key: tuple[int, Look] | None = None
        self._laid: Sequence[Laid] = ()

    def laid(self, width: int, look: Look) -> Sequence[Laid]:
        """Its lines at that width, at least one."""
        if self._key != (width, look):
            self._key, self._laid = (width, look), self._lay(width, look)
        return self._laid

    def height(self, width: int, look: Look) -> int:
        """How many lines those are."""
        return len(self.laid(width, look))

    @property
    def mark_length(self) -> int:
        """Characters of its copied lines that stand before the text."""
        return 0

    def copied_height(self, width: int, look: Look) -> int:
        """How many lines it is when it is copied."""
        return 1

    @abstractmethod
    def copied(self, width: int, look: Look) -> Sequence[str]:
        """Its text as it is copied, by lines."""

    @abstractmethod
    def same(self, other: Piece) -> bool:
        """Whether it looks as the other does."""

    @abstractmethod
    def holds(self, folded: str) -> bool:
        """Whether that case-folded text is in it."""

    @abstractmethod
    def _lay(self, width: int, look: Look) -> Sequence[Laid]: ...


class Line(Piece):
    """One line of text behind a lead. `fill` names the style of its whole width."""

    __slots__ = ("fill", "lead", "text")

    def __init__(self, text: Content = EMPTY, lead: Lead = NONE, fill: str = "") -> None:
        super().__init__()
        self.text = text
        self.lead = lead
        self.fill = fill

    def height(self, width: int, look: Look) -> int:
        """One where the text fits: that needs no layout."""
        fits = self.lead.first.cell_length + self.text.cell_length <= width
        return 1 if fits else super().height(width, look)

    @property
    def mark_length(self) -> int:
        """That of its lead."""
        return len(self.lead.mark)

    def copied(self, width: int, look: Look) -> Sequence[str]:
        """The mark and the text."""
        return (self.lead.mark + self.text.plain,)

    def same(self, other: Piece) -> bool:
        """By everything that is drawn."""
        return (
            isinstance(other, Line)
            and (self.fill, self.lead.mark) == (other.fill, other.lead.mark)
            and self.text.is_same(other.text)
            and self.lead.first.is_same(other.lead.first)
        )

    def holds(self, folded: str) -> bool:
        """In the text, not in its lead."""
        return folded in self.text.plain.casefold()

    def _lay(self, width: int, look: Look) -> Sequence[Laid]:
        base, before = look.ground(self.fill) if self.fill else look.base, self.lead.first.cell_length
        room = max(1, width - before)
        strips = self.text.render_strips(room, None, base, look.options) if self.text else [Strip([])]
        lines: list[Laid] = []
        for n, strip in enumerate(strips):
            lead = self.lead.hang if n else self.lead.first
            parts = [*(lead.render_strips(width, 1, base, look.options) if lead else ()), strip]
            drawn = Strip.join(parts).adjust_cell_length(width, base.rich_style)
            lines.append(Laid(drawn, before, strip.text, _first_x(strip), 0))
        return lines


class Rule(Piece):
    """A thin line across."""

    __slots__ = ("lead",)

    def __init__(self, lead: Lead = NONE) -> None:
        super().__init__()
        self.lead = lead

    def height(self, width: int, look: Look) -> int:
        """One."""
        return 1

    def copied(self, width: int, look: Look) -> Sequence[str]:
        """As it is written."""
        return (self.lead.mark + "---",)

    def same(self, other: Piece) -> bool:
        """By its lead."""
        return isinstance(other, Rule) and self.lead.first.is_same(other.lead.first)

    def holds(self, folded: str) -> bool:
        """It has no text."""
        return False

    def _lay(self, width: int, look: Look) -> Sequence[Laid]:
        line = self.lead.first + Content.styled("─" * max(0, width - self.lead.first.cell_length), ".rule")
        (strip,) = line.render_strips(width, 1, look.base, look.options)
        return (Laid(strip, self.lead.first.cell_length, "", 0, 0),)


def _first_x(strip: Strip) -> int:
    """The character that a line begins with: where the toolkit wrapped, it says so in the segments."""
    for segment in strip:
        if segment.style is not None and (offset := segment.style.meta.get("offset")) is not None:
            return int(offset[0])
    return 0
