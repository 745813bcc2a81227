"""Which panes there are and what is in them, as a value and as JSON; it knows no widgets and no files."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

MOST_PANES = 16  # more than any screen has room for: a file that holds more is not ours


@dataclass(frozen=True, slots=True)
class Place:
    """What a pane shows: a conversation (None: an empty one), its branch, and the pane's share of the room."""

    conversation_id: str | None
    leaf_id: str | None = None
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The panes in their order, one at least; `active` is the place of the one with the keys."""

    places: tuple[Place, ...]
    stacked: bool = False
    active: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether no pane shows a conversation."""
        return all(place.conversation_id is None for place in self.places)

    def without(self, gone: frozenset[str]) -> Arrangement | None:
        """Without the panes on these conversations; None where nothing is left to show."""
        kept = [(at, place) for at, place in enumerate(self.places) if place.conversation_id not in gone]
        left = Arrangement(
            tuple(place for _, place in kept),
            self.stacked,
            next((new for new, (old, _) in enumerate(kept) if old == self.active), 0),
        )
        return None if left.is_empty else left


def to_json(arrangement: Arrangement) -> str:
    """For a file."""
    return json.dumps(dataclasses.asdict(arrangement))


def from_json(text: str) -> Arrangement | None:
    """What `to_json` made; None for anything else: it is no loss to begin with one pane."""
    try:
        value = json.loads(text)
        places = tuple(Place(**place) for place in value["places"])
        found = Arrangement(places, value["stacked"], value["active"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if _is_sound(found) else None


def _is_sound(found: Arrangement) -> bool:
    return (
        0 < len(found.places) <= MOST_PANES
        and type(found.stacked) is bool
        and type(found.active) is int
        and 0 <= found.active < len(found.places)
        and all(
            isinstance(place.conversation_id, str | None)
            and isinstance(place.leaf_id, str | None)
            and type(place.share) is float
            and 1e-6 < place.share < 1e6
            for place in found.places
        )
    )
