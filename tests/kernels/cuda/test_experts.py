"""Mixtures of experts, interpreted, against the reference; nobody chooses the last expert, which holds NaN or infinities."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gptoss_chat.kernels import reference
from gptoss_chat.kernels.cuda.experts_vector import few_tokens

E, D, F, LIMIT = 5, 96, 64, 1.5


def routing(tokens: int, chosen: int) -> tuple[Tensor, Tensor]:
    """Random choices among all but the last expert."""
    return torch.rand(tokens, E - 1).topk(chosen).indices, torch.rand(tokens, chosen).softmax(-1)


def packed(rows: int, inputs: int, low: int = 118, high: int = 124) -> tuple[Tensor, Tensor]:
    """Random blocks and scales."""
    blocks = torch.randint(256, (E, rows, inputs // 32, 16), dtype=torch.uint8)
    scales = torch.randint(low, high, (E, rows, inputs // 32), dtype=torch.uint8)
    scales[-1] = 255
    return blocks, scales


@pytest.mark.parametrize("moe", [few_tokens])
@pytest.mark.parametrize("tokens", [1, 3])
@pytest.mark.parametrize("chosen", [1, 3, 4])
def test_moe_mxfp4_equals_the_reference(moe: Callable[..., Tensor], tokens: int, chosen: int) -> None:
    """One expert a token, as many as a block holds and fewer."""
    x = torch.randn(tokens, D)
    weights = (*packed(2 * F, D), torch.randn(E, 2 * F), *packed(D, F), torch.randn(E, D))
    routes = routing(tokens, chosen)
    expected = reference.moe_mxfp4(x, *routes, *weights, LIMIT)
    torch.testing.assert_close(moe(x, *routes, *weights, LIMIT), expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("scale", [48, 127, 158])
def test_moe_mxfp4_is_exact_for_small_and_large_scales(scale: int) -> None:
    """Every one of the sixteen numbers, alone in its row, at scales from 2^-79 to 2^31."""
    gate_up_blocks, gate_up_scales = packed(2 * F, D)
    down = torch.zeros(E, D, F // 32, 16, dtype=torch.uint8)
    down[:, :16, 0, 0] = torch.arange(16, dtype=torch.uint8)
    down_scales = torch.full((E, D, F // 32), scale, dtype=torch.uint8)
    weights = (gate_up_blocks, gate_up_scales, torch.randn(E, 2 * F), down, down_scales, torch.zeros(E, D))
    x, routes = torch.randn(1, D), routing(1, 1)
    expected = reference.moe_mxfp4(x, *routes, *weights, LIMIT) / 2.0 ** (scale - 127)
    got = few_tokens(x, *routes, *weights, LIMIT) / 2.0 ** (scale - 127)
    torch.testing.assert_close(got, expected, atol=0, rtol=1e-5)
