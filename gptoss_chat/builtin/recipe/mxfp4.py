"""Rounds expert weights to MXFP4, for training and for the exported file alike.

The same function serves quantisation-aware training and the export, so that what ships is what was trained. Knows nothing of
models or files.

Shapes: weights [..., K] with K a multiple of 32; blocks uint8 [..., K/32, 16]; scales uint8 [..., K/32].
"""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 32
"""Weights that share one scale, along the input dimension."""

LEVELS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""The magnitudes of E2M1, by code."""

_SCALE_BIAS = 127
_MIN_EXPONENT = -100


def _blocks(weights: Tensor) -> Tensor:
    return weights.reshape(*weights.shape[:-1], -1, BLOCK)


def _exponents(weights: Tensor) -> Tensor:
    """Int exponent a block, the smallest with which no magnitude exceeds 6: float [..., K] -> int32 [..., K/32]."""
    amax = _blocks(weights).abs().amax(-1)
    mantissa, exponent = torch.frexp(amax / LEVELS[-1])
    exponent = torch.where(mantissa == 0.5, exponent - 1, exponent)
    return torch.where(amax == 0, torch.zeros_like(exponent), exponent).clamp(min=_MIN_EXPONENT)


def _rounded(scaled: Tensor) -> Tensor:
    """Nearest E2M1 value of numbers in [-6, 6], same shape."""
    magnitude = scaled.abs()
    step = torch.full_like(scaled, 0.5).add_(magnitude >= 2, alpha=0.5).add_(magnitude >= 4, alpha=1.0)
    return torch.round(scaled / step).mul_(step)


@torch.no_grad()
def quantised(weights: Tensor) -> Tensor:
    """Weights after a round trip through MXFP4: float32 [..., K] -> float32 [..., K]."""
    scale = torch.exp2(_exponents(weights).to(weights.dtype)).unsqueeze(-1)
    return _rounded(_blocks(weights) / scale).mul_(scale).flatten(-2)


@torch.no_grad()
def pack(weights: Tensor) -> tuple[Tensor, Tensor]:
    """MXFP4 of weights as the checkpoint stores it, low nibble first.

    float32 [..., K] -> blocks uint8 [..., K/32, 16], scales uint8 [..., K/32].
    """
    exponents = _exponents(weights)
    scaled = _blocks(weights) / torch.exp2(exponents.to(weights.dtype)).unsqueeze(-1)
    values = _rounded(scaled)
    levels = torch.tensor(LEVELS, dtype=values.dtype)
    codes = torch.searchsorted(levels, values.abs().contiguous()).to(torch.uint8)
    codes = codes | (torch.signbit(values) & (values != 0)).to(torch.uint8) << 3
    blocks = codes[..., 0::2] | codes[..., 1::2] << 4
    return blocks, (exponents + _SCALE_BIAS).to(torch.uint8)


@torch.no_grad()
def unpack(blocks: Tensor, scales: Tensor) -> Tensor:
    """Inverse of `pack`: -> float32 [..., K]."""
    levels = torch.tensor(LEVELS + tuple(-level for level in LEVELS))
    codes = torch.stack((blocks & 15, blocks >> 4), dim=-1).flatten(-2).long()
    scale = torch.exp2(scales.to(torch.float32) - _SCALE_BIAS).unsqueeze(-1)
    return (levels[codes] * scale).flatten(-2)
