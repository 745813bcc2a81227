"""Changes to a model's router as plain values: which experts to ban, boost or pin where, and how many; it knows no torch.

Written as `ban 3:7; boost 0-5:12 2.5; pin *:1,2; topk 4-6:2`: an action, layers, a colon, experts, and for a boost how much is
added to their scores; topk has a number of experts a token instead, and `topk 2` is `topk *:2`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

from gptoss_chat.errors import UsageError

Action = Literal["ban", "boost", "pin", "topk"]
LARGEST_BOOST = 100.0
NO_EXPERT: Final = 255
"""Stands for no expert, with weight 0, in the record of a layer that chose fewer than the record has places for."""

_RULE = re.compile(r"(ban|boost|pin)\s+(\*|[\d,\s-]+):([\d,\s-]+?)(?:\s+([+-]?\d+(?:\.\d+)?))?")
_TOPK = re.compile(r"topk\s+(?:(\*|[\d,\s-]+):\s*)?(\d{1,3})")
_HINT = "Write rules as: ban 3:7; boost 0-5:12 2.5; pin *:1,2 (layers:experts); topk 2; topk 4-6:2 (layers:how many)."


@dataclass(frozen=True, slots=True)
class RouterRule:
    """One change. ban: the experts are never chosen. pin: they always are, with at least the weight of any other.

    boost: `amount` is added to their scores. topk: a token gets `count` experts, and `experts` is empty; of several for one
    layer the last holds. `layers` None means all.
    """

    action: Action
    layers: tuple[int, ...] | None
    experts: tuple[int, ...] = ()
    amount: float = 0.0
    count: int = 0

    def holds_in(self, layer: int) -> bool:
        """Whether it is about that layer."""
        return self.layers is None or layer in self.layers

    def __str__(self) -> str:
        layers = "*" if self.layers is None else _ranges(self.layers)
        if self.action == "topk":
            return f"topk {layers}:{self.count}"
        amount = f" {self.amount:g}" if self.action == "boost" else ""
        return f"{self.action} {layers}:{_ranges(self.experts)}{amount}"


Route = tuple[RouterRule, ...]


def parse_route(text: str) -> Route:
    """The rules that `text` says. Raises UsageError for what is none."""
    rules = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        if (fewer := _TOPK.fullmatch(part)) is not None:
            if int(fewer[2]) < 1:
                raise UsageError(f"'{part}' leaves a token no expert.", _HINT)
            layers = None if fewer[1] in (None, "*") else _numbers(fewer[1], part)
            rules.append(RouterRule("topk", layers, count=int(fewer[2])))
            continue
        found = _RULE.fullmatch(part)
        if found is None:
            raise UsageError(f"'{part}' is no routing rule.", _HINT)
        action, amount = cast("Action", found[1]), float(found[4] or 0)
        if (action == "boost") != (found[4] is not None) or abs(amount) > LARGEST_BOOST:
            raise UsageError(
                f"'{part}' needs an amount from -{LARGEST_BOOST:g} to {LARGEST_BOOST:g}."
                if action == "boost"
                else f"'{part}' takes no amount.",
                _HINT,
            )
        layers = None if found[2] == "*" else _numbers(found[2], part)
        rules.append(RouterRule(action, layers, _numbers(found[3], part), amount))
    return tuple(rules)


def route_text(route: Route) -> str:
    """The rules as text that `parse_route` reads back."""
    return "; ".join(map(str, route))


def chosen_in(route: Route, layer: int, usual: int) -> int:
    """How many experts a token gets in that layer; `usual` where no rule says."""
    return next((rule.count for rule in reversed(route) if rule.action == "topk" and rule.holds_in(layer)), usual)


def check_route(route: Route, *, layers: int, experts: int, chosen: int) -> None:
    """Whether a model of that shape can do it. Raises UsageError when it can't."""
    for layer in range(layers):
        needed = chosen_in(route, layer, chosen)
        banned, pinned = set[int](), set[int]()
        for rule in route:
            if rule.holds_in(layer):
                {"ban": banned, "pin": pinned}.get(rule.action, set()).update(rule.experts)
        if experts - len(banned) < needed:
            raise UsageError(
                f"Layer {layer} keeps too few experts: a token needs {needed}.", "Ban fewer, or lower its topk."
            )
        if len(pinned) > needed or pinned & banned:
            raise UsageError(
                f"Layer {layer} can't choose all pinned experts.", f"Pin at most {needed}, and none banned."
            )
    for rule in route:
        highest_layer, highest = max(rule.layers or (0,)), max(rule.experts, default=0)
        if highest_layer >= layers or highest >= experts:
            raise UsageError(
                f"'{rule}' names what the model does not have.",
                f"It has layers 0-{layers - 1} and experts 0-{experts - 1}.",
            )
        if not math.isfinite(rule.amount):
            raise UsageError(f"'{rule}' has no finite amount.", _HINT)


def _numbers(text: str, rule: str) -> tuple[int, ...]:
    numbers: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,4})(?:\s*-\s*(\d{1,4}))?\s*", part)
        if found is None:
            raise UsageError(f"'{part.strip()}' in '{rule}' is no number and no range.", _HINT)
        numbers.update(range(int(found[1]), int(found[2] or found[1]) + 1))
    if not numbers:
        raise UsageError(f"'{rule}' holds an empty range.", _HINT)
    return tuple(sorted(numbers))


def _ranges(numbers: Sequence[int]) -> str:
    """1, 2, 3, 7 as `1-3,7`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in parts)
