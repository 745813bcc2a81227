"""MXFP4 numbers to and from float32; knows nothing of experts or checkpoints.

A block is 32 values along the last axis: 16 bytes (low nibble first; sign bit 8, magnitude index 0-7) and one E8M0
scale byte, value `magnitude * 2^(scale - 127)` (OCP Microscaling Formats v1.0).
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import torch
from torch import Tensor

BLOCK = 32
MAGNITUDES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
_SCALE_BIAS = 127


@cache
def _pair_table(device: torch.device) -> Tensor:
    """int64 [256]: for each byte its two float32 values, low nibble first, packed so that one gather fetches both."""
    with torch.inference_mode(mode=False):
        values_16 = torch.tensor(MAGNITUDES + tuple(-m for m in MAGNITUDES), dtype=torch.float32)
        pairs = torch.stack([values_16.repeat(16), values_16.repeat_interleave(16)], dim=1).contiguous()
        return pairs.view(torch.int64).flatten().to(device)


@cache
def _scale_table(device: torch.device) -> Tensor:
    """float32 [256]: 2^(byte - 127); byte 255 (NaN in E8M0) is infinite."""
    with torch.inference_mode(mode=False):
        return torch.ldexp(torch.ones(256), torch.arange(256) - _SCALE_BIAS).to(device)


def dequantise(blocks: Tensor, scales: Tensor, out: Tensor | None = None) -> Tensor:
    """Exact float32 [..., G * 32] of uint8 blocks [..., G, 16], scales [..., G]; into `out` (contiguous) if given."""
    shape = (*scales.shape, BLOCK)
    codes = blocks.reshape(-1).int()
    values = _pair_table(blocks.device).index_select(0, codes).view(torch.float32).view(shape)
    factors = _scale_table(blocks.device).index_select(0, scales.reshape(-1).int()).view(*scales.shape, 1)
    if out is None:
        return values.mul_(factors).flatten(-2)
    torch.mul(values, factors, out=out.view(shape))
    return out


def quantise(values: Tensor) -> tuple[Tensor, Tensor]:
    """Round float values [..., G * 32] to the nearest MXFP4: blocks uint8 [..., G, 16], scales uint8 [..., G].

    The shared exponent is floor(log2(max)) - 2 (OCP section 6.3), so values beyond 6 units saturate at 6. Ties go to
    the smaller magnitude. ValueError where the last axis is not a multiple of 32.
    """
    if values.shape[-1] % BLOCK:
        raise ValueError(f"MXFP4 needs a last axis that is a multiple of {BLOCK}, got {values.shape[-1]}")
    groups = values.float().view(*values.shape[:-1], -1, BLOCK)
    peak = groups.abs().amax(-1, keepdim=True)
    exponent = torch.where(peak > 0, torch.frexp(peak).exponent - 3, 0).clamp(-_SCALE_BIAS, 127)
    units = torch.ldexp(groups, -exponent)
    bounds = torch.tensor([(a + b) / 2 for a, b in pairwise(MAGNITUDES)], device=units.device)
    codes = torch.bucketize(units.abs().contiguous(), bounds).to(torch.uint8)
    codes |= (units < 0).to(torch.uint8) << 3
    blocks = codes[..., 0::2] | (codes[..., 1::2] << 4)
    return blocks, (exponent.squeeze(-1) + _SCALE_BIAS).to(torch.uint8)
