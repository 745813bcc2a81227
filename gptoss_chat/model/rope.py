"""Rotary position embedding with YaRN; knows nothing of attention.

T tokens, P positions, C head size, Z = C / 2 frequencies.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gptoss_chat.model.spec import RopeSpec

_FIRST_POSITIONS = 2048


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
    """Cosines and sines of every position so far asked for; a step then costs a view."""

    def __init__(self, rope: RopeSpec, head_dim: int) -> None:
        self._frequencies_Z = inverse_frequencies(rope, head_dim)
        self._concentration = rope.concentration
        self._table_PC = torch.empty(0, head_dim)

    def rows(self, start: int, tokens: int) -> Tensor:
        """Of positions start .. start + tokens, as `ops.rope_store` takes them: float32 [T, C], times the concentration."""
        end = start + tokens
        if end > len(self._table_PC):
            # Always whole powers of two: how a position is computed does not depend on what was asked before.
            positions_P = torch.arange(max(_FIRST_POSITIONS, 1 << (end - 1).bit_length()), dtype=torch.float32)
            angles_PZ = torch.outer(positions_P, self._frequencies_Z)
            self._table_PC = torch.cat([angles_PZ.cos(), angles_PZ.sin()], dim=-1).mul_(self._concentration)
        return self._table_PC[start:end]
