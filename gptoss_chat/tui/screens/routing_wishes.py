"""What the routing screen returns when another answer is wanted, and the rules that it edits; it knows no widgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gptoss_chat.model.route import Route, RouterRule, chosen_in


@dataclass(frozen=True, slots=True)
class Steered:
    """An answer is wanted anew under rules for the router."""

    reply_id: str
    route: Route


@dataclass(frozen=True, slots=True)
class Branched:
    """An answer is wanted that leaves this one after its first `kept` tokens, with a token (its id) or a text instead."""

    reply_id: str
    kept: int
    instead: int | str


Wish = Steered | Branched


def toggled(route: Route, action: Literal["ban", "pin"], layer: int, expert: int) -> Route:
    """With the rule, in place of any other for that expert alone; without it where it was there."""
    rule = RouterRule(action, (layer,), (expert,))
    others = tuple(kept for kept in route if (kept.layers, kept.experts) != (rule.layers, rule.experts))
    return others if rule in route else (*others, rule)


def with_more(route: Route, layer: int, step: int, *, usual: int, experts: int) -> Route:
    """With `step` more experts a token in the layer, or fewer; without a rule for it where that is the usual number."""
    others = tuple(rule for rule in route if (rule.action, rule.layers) != ("topk", (layer,)))
    count = max(1, min(experts, chosen_in(route, layer, usual) + step))
    return others if chosen_in(others, layer, usual) == count else (*others, RouterRule("topk", (layer,), count=count))
