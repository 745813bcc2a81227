"""Muon for the matrices of the hidden layers, Adam for the rest. Knows nothing of models but their parameter names."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonalised(matrices: Tensor, steps: int = 5) -> Tensor:
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

    Matrices that stack several of different use (queries, keys and values) are split by rows first.
    """

    def __init__(self, model: nn.Module, *, muon_lr: float, adam_lr: float, decay: float = 0.01) -> None:
        self.muon_lr, self.adam_lr, self.decay = muon_lr, adam_lr, decay
        named = list(model.named_parameters())
        self.muon = [
            p for name, p in named if "blocks" in name and p.ndim >= 2 and "router" not in name and "bias" not in name
        ]
        chosen = {id(p) for p in self.muon}
        self.adam = [p for _, p in named if id(p) not in chosen]
        self.momentum = [torch.zeros_like(p) for p in self.muon]
        self.first = [torch.zeros_like(p) for p in self.adam]
        self.second = [torch.zeros_like(p) for p in self.adam]
        self.steps = 0

    def state(self) -> dict[str, object]:
        """What a checkpoint keeps."""
        return {"momentum": self.momentum, "first": self.first, "second": self.second, "steps": self.steps}

    def restore(self, state: dict[str, object]) -> None:
        """Takes the place of the state that `state` gave."""
        for name in ("momentum", "first", "second"):
            setattr(self, name, state[name])
        self.steps = int(state["steps"])  # type: ignore[call-overload]

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """One update with both learning rates times `scale`; gradients are cleared."""
        self.steps += 1
        for weight, momentum in zip(self.muon, self.momentum, strict=True):
            assert weight.grad is not None
            momentum.lerp_(weight.grad, 0.05)
            update = orthogonalised(weight.grad.lerp(momentum, 0.95))
            rate = self.muon_lr * scale
            weight.mul_(1 - rate * self.decay)
            weight.add_(update, alpha=-rate * max(1.0, weight.shape[-2] / weight.shape[-1]) ** 0.5)
            weight.grad = None
        warm1, warm2 = 1 - 0.9**self.steps, 1 - 0.98**self.steps
        for weight, first, second in zip(self.adam, self.first, self.second, strict=True):
            assert weight.grad is not None
            first.lerp_(weight.grad, 0.1)
            second.lerp_(weight.grad.square(), 0.02)
            weight.addcdiv_(first / warm1, (second / warm2).sqrt_().add_(1e-8), value=-self.adam_lr * scale)
            weight.grad = None
