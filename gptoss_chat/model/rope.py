"""Rotary position embedding with YaRN; knows nothing of attention.

T tokens, C head size, Z = C / 2 frequencies.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gptoss_chat.model.spec import RopeSpec


def inverse_frequencies(rope: RopeSpec, head_dim: int) -> Tensor:
    """float32 [Z], radians a position (YaRN: arXiv:2309.00071 section 3.2; openai/gpt-oss, torch/model.py)."""
    extrapolated_Z = 1.0 / rope.theta ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    if rope.factor is None:
        return extrapolated_Z

    def dimension(rotations: float) -> float:
        turns = rope.original_context / (rotations * 2 * math.pi)
        return head_dim * math.log(turns) / (2 * math.log(rope.theta))

    low, high = dimension(rope.beta_fast), dimension(rope.beta_slow)
    if rope.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    if low == high:
        high += 0.001
    ramp_Z = ((torch.arange(head_dim // 2, dtype=torch.float32) - low) / (high - low)).clamp(0, 1)
    return extrapolated_Z / rope.factor * ramp_Z + extrapolated_Z * (1 - ramp_Z)


class Rope:
    """Rotates queries and keys; the table of cos and sin is made for the positions of each call."""

    def __init__(self, rope: RopeSpec, head_dim: int) -> None:
        self._frequencies_Z = inverse_frequencies(rope, head_dim)
        self._concentration = rope.concentration

    def table(self, positions_T: Tensor) -> tuple[Tensor, Tensor]:
        """cos and sin, float32 [T, 1, C], both times the concentration; sin carries the signs of `rotate`."""
        angles_T1Z = torch.outer(positions_T.float(), self._frequencies_Z).unsqueeze(1)
        cos_T1Z, sin_T1Z = angles_T1Z.cos().mul_(self._concentration), angles_T1Z.sin().mul_(self._concentration)
        return torch.cat([cos_T1Z, cos_T1Z], dim=-1), torch.cat([-sin_T1Z, sin_T1Z], dim=-1)


def rotate(x_THC: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """[T, H, C] rotated; the pairs are (i, i + C/2): `(a cos - b sin, b cos + a sin)`."""
    cos_T1C, sin_T1C = table
    return torch.addcmul(x_THC * cos_T1C, x_THC.roll(x_THC.shape[-1] // 2, -1), sin_T1C)
