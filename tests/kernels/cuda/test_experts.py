"""Mixtures of experts, interpreted, against the reference; nobody chooses the last expert, which holds NaN or infinities."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gptoss_chat.kernels import reference
from gptoss_chat.kernels.cuda.experts import moe_dense, moe_mxfp4
from gptoss_chat.kernels.cuda.experts_grouped import many_tokens
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


def grouped(x: Tensor, ids: Tensor, weights: Tensor, *rest: Tensor | float) -> Tensor:
    """The form for many tokens, at any number of them."""
    return many_tokens(x, ids, weights, rest[:3], rest[3:6], rest[6])


@pytest.mark.parametrize(
    ("moe", "tokens"), [(few_tokens, 1), (few_tokens, 3), (grouped, 1), (grouped, 3), (moe_mxfp4, 29)]
)
@pytest.mark.parametrize("chosen", [1, 3, 4])
def test_moe_mxfp4_equals_the_reference(moe: Callable[..., Tensor], tokens: int, chosen: int) -> None:
    """One expert a token, as many as a block holds and fewer; tiles with one row, full ones and experts with none."""
    x = torch.randn(tokens, D)
    weights = (*packed(2 * F, D), torch.randn(E, 2 * F), *packed(D, F), torch.randn(E, D))
    routes = routing(tokens, chosen)
    expected = reference.moe_mxfp4(x, *routes, *weights, LIMIT)
    torch.testing.assert_close(moe(x, *routes, *weights, LIMIT), expected, atol=2e-5, rtol=1e-5)


def test_moe_mxfp4_equals_the_reference_with_many_tokens_an_expert() -> None:
    """The largest tile, and none of its experts' tiles full."""
    x, routes = torch.randn(41, D), routing(41, 4)
    weights = (*packed(2 * F, D), torch.randn(E, 2 * F), *packed(D, F), torch.randn(E, D))
    expected = reference.moe_mxfp4(x, *routes, *weights, LIMIT)
    torch.testing.assert_close(moe_mxfp4(x, *routes, *weights, LIMIT), expected, atol=2e-5, rtol=1e-5)


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
    for moe in few_tokens, grouped:
        got = moe(x, *routes, *weights, LIMIT) / 2.0 ** (scale - 127)
        torch.testing.assert_close(got, expected, atol=0, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tokens", [1, 23])
@pytest.mark.parametrize("transposed", [False, True])
def test_moe_dense_equals_the_reference(dtype: torch.dtype, tokens: int, transposed: bool) -> None:
    """Odd sizes, either memory order."""
    D, F = 21, 13
    gate_up, down = torch.randn(E, 2 * F, D).to(dtype), torch.randn(E, D, F).to(dtype)
    gate_up[-1] = down[-1] = torch.nan
    if transposed:
        gate_up, down = (w.transpose(1, 2).contiguous().transpose(1, 2) for w in (gate_up, down))
    args = (torch.randn(tokens, D), *routing(tokens, 2), gate_up, torch.randn(E, 2 * F), down, torch.randn(E, D), LIMIT)
    torch.testing.assert_close(moe_dense(*args), reference.moe_dense(*args), atol=2e-5, rtol=1e-5)
