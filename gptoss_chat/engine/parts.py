"""What a draw needs of a vocabulary's scores, found in a few of its parts; it knows neither seeds nor the order of filters.

Whatever is found is what going through all scores would find, to the token: the sums of two ways of computing differ in their
last bits, so an answer that hangs on less than they may differ by is left open (None), as are scores that tie where a
filter cuts.

V vocabulary, X parts of PART scores, N scores of some of the parts, C of one. Weights are exp(factor * (score - highest)).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gptoss_chat.kernels.part_sums import PART

# How many parts are looked into for a nucleus: the likeliest so many tokens are in them. Another try costs as much as it saves.
NUCLEUS = (64, 256)
MOST_PARTS = 512  # to look into: beyond a third of gpt-oss's vocabulary the gathering takes longer than a pass
# Bound on what two ways of summing weights differ by, in units of their total and of 2^-23, twice over. With u = 2^-24, and the
# mean of factor * (highest - score) under the weights being at most ln V = 12.2: whole passes are off by (2 + 12.2) u from
# exponentials and differences; sums of parts by (4 + 3 * 12.2) u from those and the factor, and by 16 u from the sums.
# Where scores are divided by a temperature first, quotients are rounded: 2 |highest| factor u more.
_DOUBT, _DOUBT_A_SCORE = 64.0, 2.0


class Parts:
    """Scores (float32 [V], of the CPU) with the sums of their parts, `ops.part_sums` by `factor` (the inverse temperature)."""

    def __init__(self, scores_V: Tensor, sums_3X: Tensor, factor: float) -> None:
        self._scores_V = scores_V
        self._highest_X = sums_3X[0]
        highest_X, ones_X, scaled_X = sums_3X.numpy().astype(np.float64)
        self._factor = factor
        self._peak = float(highest_X.max())
        with np.errstate(invalid="ignore", over="ignore"):  # NaN is an answer
            below_X = highest_X - self._peak
            weight_X = ones_X * np.exp(below_X)
            total = float(weight_X.sum())
            if factor != 1.0:
                weight_X = scaled_X * np.exp(below_X * factor)
        self._reached_X = weight_X.cumsum()
        self._total = float(self._reached_X[-1])
        self.log_total = self._peak + math.log(total) if total > 0 else -math.inf
        """The logarithm of the sum of exp(score); no finite number where a score is NaN or infinity, or all are minus infinity."""
        rounded = 0.0 if factor == 1.0 else _DOUBT_A_SCORE * abs(self._peak) * factor
        self._doubt = self._total * (_DOUBT + rounded) * 2.0**-23

    def first_best(self) -> int:
        """The token with the highest score, the first of equals."""
        part = int(self._highest_X.numpy().argmax())
        return part * PART + int(self._of_part(part).argmax())

    def draw(self, fraction: float) -> int | None:
        """The token in whose share of all weights, in the order of ids, `fraction` of them ends."""
        target = self._total * fraction
        part = int(np.searchsorted(self._reached_X, target, side="right"))
        if part == len(self._reached_X):
            return None
        weight_C = np.exp((self._of_part(part).astype(np.float64) - self._peak) * self._factor)
        before = float(self._reached_X[part - 1]) if part else 0.0
        reached_C = before + weight_C.cumsum()
        at = int(np.searchsorted(reached_C, target, side="right"))
        if at == len(reached_C):
            return None
        begin, end = float(reached_C[at - 1]) if at else before, float(reached_C[at])
        return part * PART + at if begin + self._doubt <= target < end - self._doubt else None

    def top_k(self, temperature: float, k: int) -> Tensor | None:
        """Ids, in rising order, of the k tokens with the highest scores."""
        if k >= min(MOST_PARTS, len(self._highest_X)):
            return None
        ids_N, scaled_N = self._best_parts(k + 1, temperature)
        top = scaled_N.topk(k + 1)
        if not top.values[k - 1] > top.values[k]:
            return None
        return ids_N[top.indices[:k]].sort().values

    def nucleus(self, temperature: float, top_p: float) -> Tensor | None:
        """Ids, in rising order, of the smallest set of likeliest tokens whose weights reach `top_p` of all."""
        target = self._total * top_p
        for count, more in zip(NUCLEUS, (*NUCLEUS[1:], 0), strict=True):
            if count > len(self._highest_X):
                return None
            ids_N, scaled_N = self._best_parts(count, temperature)
            top = scaled_N.topk(count)
            # The numbers that a search through all has, so only the total is in doubt.
            weight_N = (top.values - top.values[0]).exp_().to(torch.float64).numpy()
            before_N = weight_N.cumsum() - weight_N
            kept = int(np.searchsorted(before_N, target))
            if kept == count:
                # What is still missing, and the most that so many less likely ones can weigh.
                if before_N[-1] + max(0, more - count) * weight_N[-1] < target:
                    return None
                continue
            sure = before_N[kept - 1] + self._doubt < target < before_N[kept] - self._doubt
            if not (sure and top.values[kept - 1] > top.values[kept]):
                return None
            return ids_N[top.indices[:kept]].sort().values
        return None

    def at_least(self, temperature: float, min_p: float) -> Tensor | None:
        """Ids, in rising order, of the tokens at least `min_p` as likely as the likeliest."""
        scaled_X = self._highest_X / temperature if temperature != 1.0 else self._highest_X
        least = scaled_X.max() + math.log(min_p)
        parts_N = torch.nonzero(scaled_X >= least).squeeze(1)
        if len(parts_N) > MOST_PARTS:
            return None
        ids_N = self._ids(parts_N)
        return ids_N[self._scaled(ids_N, temperature) >= least]

    def likeliest(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The `count` highest scores (or all, where there are fewer) and their ids, the highest first."""
        looked_into = min(count, len(self._highest_X))
        parts_N = np.sort(np.argpartition(self._highest_X.numpy(), -looked_into)[-looked_into:])
        scores_N = np.concatenate([self._of_part(part) for part in parts_N.tolist()])
        count = min(count, len(scores_N))
        top = np.argpartition(scores_N, -count)[-count:]
        top = top[np.argsort(-scores_N[top])]
        return scores_N[top], parts_N[top // PART] * PART + top % PART

    def _best_parts(self, count: int, temperature: float) -> tuple[Tensor, Tensor]:
        """Ids and scores over temperature of the parts with the highest maxima: the `count` highest scores are among them."""
        ids_N = self._ids(self._highest_X.topk(count, sorted=False).indices.sort().values)
        return ids_N, self._scaled(ids_N, temperature)

    def _ids(self, parts_N: Tensor) -> Tensor:
        """The tokens of parts in rising order."""
        ids_N = (parts_N[:, None] * PART + torch.arange(PART)).flatten()
        missing = len(self._highest_X) * PART - len(self._scores_V)
        return ids_N[:-missing] if missing and int(ids_N[-1]) >= len(self._scores_V) else ids_N

    def _scaled(self, ids_N: Tensor, temperature: float) -> Tensor:
        scores_N = self._scores_V[ids_N]
        return scores_N / temperature if temperature != 1.0 else scores_N

    def _of_part(self, part: int) -> NDArray[np.float32]:
        scores_C: NDArray[np.float32] = self._scores_V[part * PART : (part + 1) * PART].numpy()
        return scores_C
