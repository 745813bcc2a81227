"""Analyses of parts of one routing, made when asked for and kept; it knows nothing of how they are shown.

Legend: L layers, E experts a layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gptoss_chat.routing import analysis
from gptoss_chat.routing.analysis import Counts, Floats, Mask, TokenUse
from gptoss_chat.routing.difference import Difference, difference, fork
from gptoss_chat.routing.record import Routes
from gptoss_chat.routing.summary import Summary, summarise


@dataclass(frozen=True, slots=True)
class Scope:
    """Which tokens are looked at: of one turn or all, of one channel (a code of CHANNELS) or all."""

    turn: int | None = None
    channel: int | None = None


class Findings:
    """What `routes` has to tell. Slow for long conversations: to be asked from one thread that may wait.

    `rival_of` brings the routes of another version of an answer, if there is one.
    """

    def __init__(self, routes: Routes, rival_of: Callable[[str], Routes | None] = lambda _: None) -> None:
        self.routes = routes
        self._rival_of = rival_of
        self._rivals: dict[int, Routes | None] = {}
        self._parts: dict[Scope, Routes] = {}
        self._summaries: dict[Scope, Summary] = {}
        self._pairs: dict[Scope, Counts] = {}

    def part(self, scope: Scope) -> Routes:
        """The tokens of a scope."""
        if scope not in self._parts:
            self._parts[scope] = self.routes.select(self._mask(scope))
        return self._parts[scope]

    def summary(self, scope: Scope) -> Summary:
        """What has one value a layer or an expert."""
        if scope not in self._summaries:
            self._summaries[scope] = summarise(self.part(scope))
        return self._summaries[scope]

    def pairs(self, scope: Scope, layer: int) -> Floats:
        """Of the tokens that chose the row's expert, the share that also chose the column's, [E, E]."""
        if scope not in self._pairs:
            self._pairs[scope] = analysis.co_activation(self.part(scope).experts_TLK, self.routes.experts)
        return analysis.co_activation_shares(self._pairs[scope][layer])

    def words(self, scope: Scope, layer: int, expert: int, top: int = 40) -> list[TokenUse]:
        """The vocabulary of an expert."""
        part = self.part(scope)
        return analysis.vocabulary(part.experts_TLK, part.token_ids_T, layer, expert, top)

    def turn_difference(self, turn: int, channel: int | None = None) -> tuple[Floats, Floats] | None:
        """This turn against the others: activation rates less theirs [L, E], and the divergence of the loads [L].

        None where there is no other turn to compare with.
        """
        in_channel = self._mask(Scope(None, channel))
        this_T, others_T = in_channel & (self.routes.turns_T == turn), in_channel & (self.routes.turns_T != turn)
        if not this_T.any() or not others_T.any():
            return None
        experts, count = self.routes.experts_TLK, self.routes.experts
        loads = [analysis.shares(analysis.load_counts(experts[mask], count)) for mask in (this_T, others_T)]
        return analysis.rate_difference(experts, this_T, others_T, count), analysis.divergence_bits(*loads)

    def version_difference(self, turn: int) -> tuple[Difference, str] | None:
        """This turn against another version of its answer, and where their texts part; None where there is no other."""
        if turn not in self._rivals:
            self._rivals[turn] = self._rival_of(self.routes.turn_ids[turn])
        rival = self._rivals[turn]
        if rival is None:
            return None
        this = self.routes.only_turn(turn)
        found = difference(this, rival)
        return found, fork(this, rival, found.shared_tokens)

    def _mask(self, scope: Scope) -> Mask:
        mask_T = np.ones(self.routes.tokens, np.bool_)
        if scope.turn is not None:
            mask_T &= self.routes.turns_T == scope.turn
        if scope.channel is not None:
            mask_T &= self.routes.channels_T == scope.channel
        return mask_T
