"""Dense matrices as int8 with a scale for every 32 inputs; knows nothing of models or of who multiplies them.

O outputs, I inputs, G row groups (O / 8, rounded up), B = I / 32 blocks. Values lie as the native kernels read them:
[G, B, 8 quads, 8 rows, 4 inputs], so that one 32-byte load holds four inputs of eight rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 32
GROUP = 8


@dataclass(frozen=True, slots=True)
class Int8Matrix:
    """Weights [rows, inputs]: values int8 [G, B, 8, 8, 4], scales bfloat16 [G, B, 8]; a weight is value * scale."""

    values: Tensor
    scales: Tensor
    rows: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, inputs), as a Tensor's would be."""
        return self.rows, self.values.shape[1] * BLOCK

    @property
    def nbytes(self) -> int:
        """Bytes of values and scales."""
        return self.values.nbytes + self.scales.nbytes

    def dequantise(self) -> Tensor:
        """float32 [rows, inputs]."""
        return unpack(self.values, self.scales)[: self.rows]


def empty(rows: int, inputs: int) -> Int8Matrix:
    """An uninitialised matrix. ValueError where inputs is not a multiple of 32."""
    if inputs % BLOCK:
        raise ValueError(f"int8 needs a multiple of {BLOCK} inputs, got {inputs}")
    groups, blocks = -(-rows // GROUP), inputs // BLOCK
    return Int8Matrix(
        torch.empty(groups, blocks, BLOCK // 4, GROUP, 4, dtype=torch.int8),
        torch.empty(groups, blocks, GROUP, dtype=torch.bfloat16),
        rows,
    )


def quantise(w_OI: Tensor) -> Int8Matrix:
    """Round float weights [O, I] to the nearest value.

    A scale is the block's largest magnitude / 127, rounded up to bfloat16. ValueError as `empty`.
    """
    matrix = empty(*w_OI.shape)
    rows, inputs = w_OI.shape
    padded_OI = torch.nn.functional.pad(w_OI.float(), (0, 0, 0, -rows % GROUP))
    blocks = padded_OI.view(-1, GROUP, inputs // BLOCK, BLOCK)  # [G, 8, B, 32]
    peak = blocks.abs().amax(-1)
    scales = (peak / 127).to(torch.bfloat16)
    scales = torch.where(scales.float() * 127 < peak, (scales.view(torch.int16) + 1).view(torch.bfloat16), scales)
    inverse = torch.where(scales.float() > 1e-36, 1 / scales.float(), 0)
    values = (blocks * inverse[..., None]).round_().clamp_(-127, 127).to(torch.int8)
    matrix.values.copy_(values.view(-1, GROUP, inputs // BLOCK, BLOCK // 4, 4).permute(0, 2, 3, 1, 4))
    matrix.scales.copy_(scales.transpose(1, 2))
    return matrix


def unpack(values: Tensor, scales: Tensor) -> Tensor:
    """float32 [G * 8, I] of the two tensors of an Int8Matrix."""
    groups, blocks = scales.shape[:2]
    weights = values.permute(0, 3, 1, 2, 4).reshape(groups * GROUP, blocks, BLOCK).float()
    return (weights * scales.float().transpose(1, 2).reshape(groups * GROUP, blocks, 1)).flatten(1)
