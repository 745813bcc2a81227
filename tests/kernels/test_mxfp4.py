"""MXFP4 against arithmetic written out by hand."""

from __future__ import annotations

import pytest
import torch

from gptoss_chat.kernels.mxfp4 import MAGNITUDES, dequantise, quantise


def test_every_nibble_and_scale_dequantises_exactly() -> None:
    """Low nibble first, sign bit 8, value times 2^(scale - 127), for all codes and all finite scales."""
    codes = torch.arange(32) % 16
    blocks = (codes[0::2] | (codes[1::2] << 4)).to(torch.uint8)
    scales = torch.arange(1, 250, dtype=torch.uint8)  # beyond that 6 * 2^e leaves float32
    values = dequantise(blocks.expand(len(scales), 1, 16), scales[:, None])
    for row, scale in zip(values, scales.tolist(), strict=True):
        expected = [(-1) ** (c >> 3) * MAGNITUDES[c & 7] * 2.0 ** (scale - 127) for c in codes.tolist()]
        assert row.tolist() == expected


def test_values_that_are_mxfp4_survive_a_round_trip() -> None:
    """quantise inverts dequantise wherever a block uses its whole range."""
    generator = torch.Generator().manual_seed(1)
    blocks = torch.randint(256, (5, 3, 2, 16), dtype=torch.uint8, generator=generator)
    blocks[..., 0] = 0x7F  # a 6 (and a -6) in every block fixes the scale
    scales = torch.randint(100, 140, (5, 3, 2), dtype=torch.uint8, generator=generator)
    values = dequantise(blocks, scales)
    again = dequantise(*quantise(values))
    assert torch.equal(again, values)
    assert torch.equal(quantise(values)[1], scales)


def test_quantise_picks_the_nearest_value() -> None:
    """No value of the block's scale is nearer than the chosen one; an all-zero block stays zero."""
    values = torch.randn(4, 64, generator=torch.Generator().manual_seed(2))
    values[1] = 0
    blocks, scales = quantise(values)
    rounded = dequantise(blocks, scales)
    units = torch.tensor([*MAGNITUDES, *(-m for m in MAGNITUDES)])
    grid = units * 2.0 ** (scales.repeat_interleave(32, -1)[..., None].float() - 127)
    best = (grid - values[..., None]).abs().amin(-1)
    torch.testing.assert_close((rounded - values).abs(), best)
    assert torch.equal(rounded[1], values[1])


def test_quantise_refuses_an_axis_that_is_no_multiple_of_32() -> None:
    """A partial block has no meaning."""
    with pytest.raises(ValueError, match="multiple of 32"):
        quantise(torch.zeros(3, 33))
