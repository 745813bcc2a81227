"""Scores of a vocabulary summed up part by part, from which a token can be drawn without looking at them all; knows not by whom.

V vocabulary, X parts of PART scores, the last of which may be shorter, C = PART.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PART = 128


@dataclass(slots=True)
class ScoreSums:
    """What is asked of a model beside its scores: `ops.part_sums` of them by `factor`.

    A model fills in `sums_3X` (float32, of the CPU) where its device had them at hand; else whoever asked sums up.
    """

    factor: float
    sums_3X: Tensor | None = None


def part_sums(scores_V: Tensor, factor: Tensor | float, work_V: Tensor | None = None) -> Tensor:
    """See `ops.part_sums`. A `work_V` (float32 [V], its values are lost) saves the time of taking new memory."""
    whole = len(scores_V) // PART * PART
    sums_3X = _whole_parts(scores_V[:whole].view(-1, PART), factor, work_V)
    if whole == len(scores_V):
        return sums_3X
    rest_C = torch.nn.functional.pad(scores_V[whole:], (0, PART - len(scores_V) + whole), value=-torch.inf)
    return torch.cat([sums_3X, _whole_parts(rest_C[None], factor, None)], dim=1)


def _whole_parts(scores_XC: Tensor, factor: Tensor | float, work_V: Tensor | None) -> Tensor:
    sums_3X = scores_XC.new_empty(3, len(scores_XC))
    if not len(scores_XC):
        return sums_3X
    highest_X1 = scores_XC.amax(dim=1, keepdim=True)
    # A part of minus infinities: its sums are 0, not the differences of infinities.
    base_X1 = highest_X1.masked_fill(highest_X1 == -torch.inf, 0.0)
    sums_3X[0] = highest_X1[:, 0]
    work_XC = torch.empty_like(scores_XC) if work_V is None else work_V[: scores_XC.numel()].view(scores_XC.shape)
    torch.sum(torch.sub(scores_XC, base_X1, out=work_XC).exp_(), dim=1, out=sums_3X[1])
    if isinstance(factor, float) and factor == 1.0:
        sums_3X[2] = sums_3X[1]
    else:
        torch.sum(torch.sub(scores_XC, base_X1, out=work_XC).mul_(factor).exp_(), dim=1, out=sums_3X[2])
    return sums_3X
