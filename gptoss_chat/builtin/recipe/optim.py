"""Muon for the matrices of the hidden layers, Adam for the rest. Knows nothing of models but their parameter names.

The optimiser keeps the exact weights; the model holds them rounded as the exported file will, and its gradient at the rounded
weights moves the exact ones (quantisation-aware training with a straight-through gradient, one rounding an update).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonalised(matrices: Tensor, steps: int = 4) -> Tensor:
    """Nearest orthogonal matrices, roughly (singular values in about 0.7 to 1.2): [..., A, B] -> [..., A, B]."""
    a, b, c = _NEWTON_SCHULZ
    x: Tensor = matrices
    wide = x.shape[-2] <= x.shape[-1]
    if not wide:
        x = x.transpose(-2, -1)
    x = x / (x.flatten(-2).norm(dim=-1)[..., None, None] + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(-2, -1)
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x if wide else x.transpose(-2, -1)


class MuonAdam:
    """One optimiser over a model: matrices inside `blocks` (but the router's) by Muon, everything else by Adam.

    `stacked` gives, by the last part of a parameter's name, the row counts of the matrices that it stacks; each of them is
    orthogonalised on its own. Together, the small gradients of queries and keys would drown in that of the values: the
    update of a stack has no more directions than its one input.
    """

    def __init__(
        self,
        model: nn.Module,
        rounded: Callable[[str, Tensor], Tensor],
        stacked: Mapping[str, Sequence[int]],
        *,
        muon_lr: float,
        adam_lr: float,
        decay: float = 0.01,
    ) -> None:
        self.muon_lr, self.adam_lr, self.decay = muon_lr, adam_lr, decay
        self._rounded, self._stacked = rounded, stacked
        self._weights = dict(model.named_parameters())
        self.exact = {name: weight.detach().clone() for name, weight in self._weights.items()}
        muon = [
            name
            for name, weight in self._weights.items()
            if "blocks" in name and weight.ndim >= 2 and "router" not in name and "bias" not in name
        ]
        self.momentum = {name: torch.zeros_like(self.exact[name]) for name in muon}
        self.first = {name: torch.zeros_like(w) for name, w in self.exact.items() if name not in self.momentum}
        self.second = {name: torch.zeros_like(w) for name, w in self.first.items()}
        self.steps = 0
        self._round()

    def state(self) -> dict[str, object]:
        """What a checkpoint keeps."""
        kept = {"exact": self.exact, "momentum": self.momentum, "first": self.first, "second": self.second}
        return {**kept, "steps": self.steps}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes the place of the state that `state` gave."""
        for name in ("exact", "momentum", "first", "second"):
            setattr(self, name, state[name])
        self.steps = int(state["steps"])
        self._round()

    @torch.no_grad()
    def _round(self) -> None:
        for name, weight in self._weights.items():
            weight.copy_(self._rounded(name, self.exact[name]))

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """One update with both learning rates times `scale`; gradients are cleared."""
        self.steps += 1
        rate = self.muon_lr * scale
        for name, momentum in self.momentum.items():
            grad, exact = self._weights[name].grad, self.exact[name]
            assert grad is not None
            momentum.lerp_(grad, 0.05)
            exact.mul_(1 - rate * self.decay)
            rows = list(self._stacked.get(name.rsplit(".", 1)[1], (exact.shape[-2],)))
            direction = grad.lerp(momentum, 0.95)
            for part, along in zip(torch.split(exact, rows, dim=-2), torch.split(direction, rows, dim=-2), strict=True):
                part.add_(orthogonalised(along), alpha=-rate * max(1.0, part.shape[-2] / part.shape[-1]) ** 0.5)
        warm1, warm2 = 1 - 0.9**self.steps, 1 - 0.98**self.steps
        for name, first in self.first.items():
            grad, second = self._weights[name].grad, self.second[name]
            assert grad is not None
            first.lerp_(grad, 0.1)
            second.lerp_(grad.square(), 0.02)
            self.exact[name].addcdiv_(first / warm1, (second / warm2).sqrt_().add_(1e-8), value=-self.adam_lr * scale)
        for weight in self._weights.values():
            weight.grad = None
        self._round()
