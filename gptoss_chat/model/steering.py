"""Router rules as tensors that change a layer's scores and how many experts it chooses; it knows not where they came from.

T tokens, E experts a layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gptoss_chat.model.route import Route, check_route, chosen_in

PIN_MARGIN = 0.01  # of a pinned expert's score over the best other one (SteerMoE, arXiv:2509.09660)


class RouterSteering:
    """A route for a model of that shape, its layers' experts on `devices`. Raises UsageError when such a model can't do it."""

    def __init__(
        self, route: Route, *, layers: int, experts: int, chosen: int, devices: Sequence[torch.device]
    ) -> None:
        check_route(route, layers=layers, experts=experts, chosen=chosen)
        self._chosen = tuple(chosen_in(route, layer, chosen) for layer in range(layers))
        self.width = max(chosen, *self._chosen)
        """Places for experts in a row of the record: those of the widest layer, and never fewer than the model has."""
        self._bias: dict[int, Tensor] = {}
        self._pinned: dict[int, Tensor] = {}
        for rule in route:
            if rule.action == "topk":
                continue
            at = torch.tensor(rule.experts)
            for layer in range(layers) if rule.layers is None else rule.layers:
                if rule.action == "pin":
                    mask_E = self._pinned.setdefault(layer, torch.zeros(experts, dtype=torch.bool))
                    mask_E[at] = True
                else:
                    bias_E = self._bias.setdefault(layer, torch.zeros(experts))
                    bias_E[at] += rule.amount if rule.action == "boost" else -torch.inf
        for changes in (self._bias, self._pinned):
            for layer in changes:
                changes[layer] = changes[layer].to(devices[layer])

    def chosen(self, layer: int) -> int:
        """How many experts a token gets there."""
        return self._chosen[layer]

    def apply(self, layer: int, scores_TE: Tensor) -> Tensor:
        """The changed scores, float32 [T, E]; those of a token that are not numbers stay so."""
        bias_E, pinned_E = self._bias.get(layer), self._pinned.get(layer)
        if bias_E is not None:
            scores_TE = scores_TE + bias_E
        if pinned_E is not None:
            best_T1 = scores_TE.amax(dim=-1, keepdim=True)
            scores_TE = torch.where(pinned_E, torch.maximum(scores_TE, best_T1 + PIN_MARGIN), scores_TE)
        return scores_TE
