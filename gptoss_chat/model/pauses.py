"""A computation with pauses, in which whoever runs it may do something else or leave it; it knows nothing of what is computed."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

R = TypeVar("R")

WithPauses: TypeAlias = Generator[None, None, R]
"""Each `next` runs to the next pause; the result is what it returns."""


def at_once(computation: WithPauses[R]) -> R:
    """The result, without a pause."""
    while True:
        try:
            next(computation)
        except StopIteration as end:
            result: R = end.value
            return result
