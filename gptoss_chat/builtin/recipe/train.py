"""Trains the model within a wall-clock budget, with checkpoints to resume from.

The learning rate follows the share of the budget that is used, so that a run ends on time whatever else the machine does.
Knows nothing of skills but their names.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from gptoss_chat.builtin.recipe.data import IGNORED, Encoded, Encoder, batch_of, batches
from gptoss_chat.builtin.recipe.optim import MuonAdam
from gptoss_chat.builtin.recipe.training_model import ModelShape, TrainingModel, balance_loss, rounded


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How a run goes: its budget and its few hyperparameters."""

    minutes: float
    group_tokens: int = 2048
    groups: int = 2
    muon_lr: float = 0.02
    adam_lr: float = 0.006
    balance: float = 0.015
    warm_share: float = 0.02
    report_every: int = 20
    checkpoint_minutes: float = 3.0

    def rate(self, share: float) -> float:
        """Factor on the learning rates after `share` of the budget: quickly up, then down to nothing as a square.

        Batches are small, so their noise sets the pace early: a third of the rate learns as fast there, and better.
        """
        return min(1.0, (share + 0.002) / self.warm_share) * max(0.0, 1 - share) ** 2


class Trainer:
    """A model, its optimiser, and the time it has been trained for."""

    def __init__(self, shape: ModelShape, encoder: Encoder, plan: TrainingPlan, folder: Path, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.model = TrainingModel(shape)
        self.optimiser = MuonAdam(self.model, rounded, shape.stacked, muon_lr=plan.muon_lr, adam_lr=plan.adam_lr)
        self.encoder, self.plan, self.folder = encoder, plan, folder
        self.elapsed_s = 0.0
        self._rng = random.Random(seed)
        self._cores = ThreadPoolExecutor(plan.groups, initializer=lambda: torch.set_num_threads(1))

    @property
    def share(self) -> float:
        """Share of the budget that is used."""
        return self.elapsed_s / (60 * self.plan.minutes)

    def save(self) -> None:
        """Writes `checkpoint.pt`, whole or not at all."""
        state = {
            "shape": self.model.shape.as_dict(),
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state(),
            "elapsed_s": self.elapsed_s,
        }
        partial = self.folder / "checkpoint.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "checkpoint.pt")

    def resume(self) -> bool:
        """Goes on from `checkpoint.pt` where there is one."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.restore(state["optimiser"])
        self.elapsed_s = state["elapsed_s"]
        return True

    def step(self, groups: Sequence[Sequence[Encoded]]) -> tuple[float, float]:
        """One update over groups of conversations; answers the mean loss a target and the mean balance loss.

        Each group is of one length, hence of few skills: several of them make an update less one-sided. Each has a core to
        itself, which leaves no core waiting at the end of every small operation.
        """
        targets = sum(int((item.targets != IGNORED).sum()) for group in groups for item in group)
        done = list(self._cores.map(lambda group: self._gradients(group, targets), groups))
        for weight, *grads in zip(self.model.parameters(), *(grads for _, _, grads in done), strict=True):
            weight.grad = grads[0] if len(grads) == 1 else torch.stack(grads).sum(0)
        self.optimiser.step(self.plan.rate(self.share))
        return sum(loss for loss, _, _ in done), sum(balance for _, balance, _ in done) / len(groups)

    def _gradients(self, chosen: Sequence[Encoded], all_targets: int) -> tuple[float, float, tuple[Tensor, ...]]:
        """A group's part of the mean loss, its balance loss, and the gradient of both."""
        batch = batch_of(self.encoder, chosen)
        hidden, routing = self.model.hidden(batch)
        targets = batch.targets_BL.flatten()
        scored = (targets != IGNORED).nonzero().squeeze(1)
        logits = self.model.logits(hidden.flatten(0, 1).index_select(0, scored))
        loss = functional.cross_entropy(logits, targets[scored], reduction="sum") / all_targets
        keep = torch.cat((torch.ones(batch.prefix_GP.numel(), dtype=torch.bool), batch.valid_BL.flatten()))
        balance = balance_loss(routing, keep)
        total = loss + self.plan.balance / self.plan.groups * balance
        return loss.item(), balance.item(), torch.autograd.grad(total, list(self.model.parameters()))

    def run(
        self,
        pool: Callable[[], Sequence[Encoded]],
        report: Callable[[dict[str, float]], None],
        check: Callable[[], None],
    ) -> None:
        """Trains until the budget is used, everything that happens here counted.

        `pool()` gives the items of the next pass; `check` runs after every checkpoint.
        """
        last, saved = time.monotonic(), self.elapsed_s
        losses: list[tuple[float, float]] = []
        tokens = 0
        while self.share < 1:
            for groups in batches(pool(), tokens=self.plan.group_tokens, groups=self.plan.groups, rng=self._rng):
                losses.append(self.step(groups))
                tokens += sum(len(item.ids) for group in groups for item in group)
                now = time.monotonic()
                self.elapsed_s += now - last
                last = now
                if len(losses) == self.plan.report_every:
                    loss, balance = (sum(column) / len(losses) for column in zip(*losses, strict=True))
                    report(
                        {
                            "minute": self.elapsed_s / 60,
                            "step": self.optimiser.steps,
                            "loss": loss,
                            "balance": balance,
                            "tokens": tokens,
                        }
                    )
                    losses = []
                if self.elapsed_s - saved > 60 * self.plan.checkpoint_minutes or self.share >= 1:
                    saved = self.elapsed_s
                    self.save()
                    check()
                if self.share >= 1:
                    break


@torch.no_grad()
def teacher_forced(model: TrainingModel, encoder: Encoder, items: Iterable[tuple[str, Encoded]]) -> dict[str, float]:
    """Share, by skill, of conversations whose every target is the model's first choice given the gold text before it."""
    right: dict[str, list[bool]] = {}
    pending = sorted(items, key=lambda pair: (pair[1].tools, len(pair[1].ids)))
    alike = [list(group) for _, group in itertools.groupby(pending, key=lambda pair: pair[1].tools)]
    for part in (group[start : start + 48] for group in alike for start in range(0, len(group), 48)):
        batch = batch_of(encoder, [item for _, item in part])
        hidden, _ = model.hidden(batch)
        guesses = model.logits(hidden).argmax(-1)
        fine = ((guesses == batch.targets_BL) | (batch.targets_BL == IGNORED)).all(1).tolist()
        for (skill, _), ok in zip(part, fine, strict=True):
            right.setdefault(skill, []).append(ok)
    return {skill: sum(oks) / len(oks) for skill, oks in sorted(right.items())}


def load_checkpoint(folder: Path) -> TrainingModel:
    """The model of `checkpoint.pt`, its weights rounded."""
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    model = TrainingModel(ModelShape(**state["shape"]))
    model.load_state_dict(state["model"])
    return model.eval()


def log_line(path: Path, record: dict[str, object]) -> None:
    """Appends one JSON line and prints it."""
    line = json.dumps(record)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
