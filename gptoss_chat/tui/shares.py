"""How the room is shared among panes; it knows numbers only."""

from __future__ import annotations

from collections.abc import Sequence

COLUMNS_LEAST = 30  # of a pane beside another: two of them need 60
ROWS_LEAST = 9  # of a pane above another: heading, prompt, and something to read


def beside(columns: int, panes: int) -> bool:
    """Whether panes that are to stand side by side have the columns for it; else they are stacked."""
    return columns >= COLUMNS_LEAST * panes


def fit_stacked(rows: int, panes: int) -> bool:
    """Whether panes have the rows to be stacked; else only the one with the keys is shown."""
    return rows >= ROWS_LEAST * panes


def halved(shares: Sequence[float], place: int) -> list[float]:
    """The share at `place` cut in two, the second half behind the first."""
    return [*shares[:place], shares[place] / 2, shares[place] / 2, *shares[place + 1 :]]


def without(shares: Sequence[float], place: int) -> list[float]:
    """The share at `place` given to the one before it, else to the one after it."""
    left = [*shares[:place], *shares[place + 1 :]]
    if left:
        left[max(0, place - 1)] += shares[place]
    return left


def moved(shares: Sequence[float], border: int, by: float, least: float) -> list[float]:
    """The border behind the share at `border` moved by a part of the whole; both its neighbours keep `least` of the whole.

    Nothing changes where they have no room to.
    """
    whole = sum(shares)
    both = shares[border] + shares[border + 1]
    least_share = min(least * whole, both / 2)
    first = min(max(shares[border] + by * whole, least_share), both - least_share)
    return [*shares[:border], first, both - first, *shares[border + 2 :]]
