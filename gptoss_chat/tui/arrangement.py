"""Which panes there are, what is in them and what they ask with, as a value and as JSON; it knows no widgets and no files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, get_args

from gptoss_chat.chat.turn import Effort, TurnOptions
from gptoss_chat.errors import UsageError
from gptoss_chat.model.route import parse_route, route_text

MOST_PANES = 16  # more than any screen has room for: a file that holds more is not ours


@dataclass(frozen=True, slots=True)
class Asking:
    """What a pane asks with where that is other than the start has it; None: as the start has it.

    `preset` is the name of one, empty for none; the others are over what the preset says, each as a person types it.
    """

    preset: str | None = None
    effort: Effort | None = None
    system: str | None = None
    developer: str | None = None
    route: str | None = None

    @classmethod
    def beside(cls, options: TurnOptions, usual: TurnOptions, preset: str | None = None) -> Asking:
        """What is other in `options` than in `usual`."""
        return cls(
            preset=preset,
            effort=options.effort if options.effort != usual.effort else None,
            system=(options.identity or "") if options.identity != usual.identity else None,
            developer=options.developer if options.developer != usual.developer else None,
            route=route_text(options.route) if options.route != usual.route else None,
        )

    def over(self, options: TurnOptions) -> TurnOptions:
        """`options` with what is other."""
        return dataclasses.replace(
            options,
            effort=self.effort or options.effort,
            identity=options.identity if self.system is None else self.system or None,
            developer=options.developer if self.developer is None else self.developer,
            route=options.route if self.route is None else parse_route(self.route),
        )

    def without(self, given: Collection[str]) -> Asking:
        """Without what was given anew; a preset that was takes all with it, for it is over them."""
        return Asking() if "preset" in given else dataclasses.replace(self, **dict.fromkeys(given))


@dataclass(frozen=True, slots=True)
class Place:
    """What a pane shows: a conversation (None: an empty one), its branch, the pane's share of the room; and how it asks."""

    conversation_id: str | None
    leaf_id: str | None = None
    share: float = 1.0
    asking: Asking = Asking()


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The panes in their order, one at least; `active` is the place of the one with the keys, `comparing` sends to all."""

    places: tuple[Place, ...]
    stacked: bool = False
    active: int = 0
    comparing: bool = False

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
            self.comparing and len(kept) > 1,
        )
        return None if left.is_empty else left

    def under(self, given: Collection[str]) -> Arrangement:
        """Where some of what panes ask with was given anew, by flags, that holds in all of them."""
        places = (dataclasses.replace(place, asking=place.asking.without(given)) for place in self.places)
        return dataclasses.replace(self, places=tuple(places)) if given else self


def to_json(arrangement: Arrangement) -> str:
    """For a file."""
    return json.dumps(dataclasses.asdict(arrangement))


def from_json(text: str) -> Arrangement | None:
    """What `to_json` made; None for anything else: it is no loss to begin with one pane."""
    try:
        value = json.loads(text)
        places = tuple(map(_place, value["places"]))
        found = Arrangement(places, value["stacked"], value["active"], value.get("comparing", False))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return found if _is_sound(found) else None


def _place(value: dict[str, Any]) -> Place:
    return Place(**{**value, "asking": Asking(**value.get("asking", {}))})


def _is_sound(found: Arrangement) -> bool:
    return (
        0 < len(found.places) <= MOST_PANES
        and type(found.stacked) is bool
        and type(found.comparing) is bool
        and type(found.active) is int
        and 0 <= found.active < len(found.places)
        and all(
            isinstance(place.conversation_id, str | None)
            and isinstance(place.leaf_id, str | None)
            and type(place.share) is float
            and 1e-6 < place.share < 1e6
            and _can_ask(place.asking)
            for place in found.places
        )
    )


def _can_ask(asking: Asking) -> bool:
    texts = (asking.preset, asking.system, asking.developer, asking.route)
    if not all(isinstance(text, str | None) for text in texts) or asking.effort not in (None, *get_args(Effort)):
        return False
    try:
        parse_route(asking.route or "")
    except UsageError:
        return False
    return True
