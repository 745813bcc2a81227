"""Norm, rotation and choice of experts, interpreted, against the reference."""

from __future__ import annotations

import pytest
import torch

from gptoss_chat.kernels import reference
from gptoss_chat.kernels.cuda import steps


@pytest.mark.parametrize("adds", [False, True])
def test_rms_norm_equals_the_reference_with_and_without_a_residual(adds: bool) -> None:
    """The sum goes into x in place; a width that is no power of two."""
    x, scale = torch.randn(3, 37), torch.randn(37)
    delta = torch.randn(3, 37) if adds else None
    x_reference = x.clone()
    expected = reference.rms_norm(x_reference, delta, scale, 1e-5)
    torch.testing.assert_close(steps.rms_norm(x, delta, scale, 1e-5), expected, atol=1e-6, rtol=1e-6)
    assert torch.equal(x, x_reference)


@pytest.mark.parametrize(("start", "tokens", "read"), [(0, 1, False), (30, 5, False), (33, 1, True)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rope_store_writes_what_the_reference_writes(start: int, tokens: int, read: bool, dtype: torch.dtype) -> None:
    """Over a page's edge, and at a position that is read from a tensor; the rest of the pages stays as it was."""
    H, G, C = 6, 2, 10
    qkv, angles = torch.randn(tokens, (H + 2 * G) * C), torch.randn(tokens, C // 2)
    rope = torch.cat([angles.cos(), angles.sin()], dim=1)
    table = torch.tensor([2, 0], dtype=torch.int32)
    ours, theirs = (torch.zeros(2, 3, 32, G, C, dtype=dtype) for _ in range(2))
    position = torch.tensor([start], dtype=torch.int32) if read else start
    got = steps.rope_store(qkv, rope, table, position, ours[0], ours[1])
    expected = reference.rope_store(qkv, rope, table, start, theirs[0], theirs[1])
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-2 if dtype == torch.bfloat16 else 1e-6)


@pytest.mark.parametrize(("experts", "chosen"), [(5, 2), (32, 4), (7, 7)])
def test_route_equals_the_reference(experts: int, chosen: int) -> None:
    """Experts in order of their scores, one of them banned; as many as there are."""
    scores = torch.randn(4, experts)
    scores[1, 3] = -torch.inf
    for got, expected in zip(steps.route(scores, chosen), reference.route(scores, chosen), strict=True):
        torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-6)


def test_route_keeps_experts_apart_in_ties_and_tells_a_nan() -> None:
    """Equal scores give each expert once, the first of them first; a NaN shows in the weights, the ids are still experts."""
    scores = torch.tensor([[1.0, 1.0, 1.0], [0.0, torch.nan, 2.0], [-torch.inf, -torch.inf, 0.0]])
    ids, weights, entropy = steps.route(scores, 2)
    assert ids[0].tolist() == [0, 1]
    assert weights[0].tolist() == [0.5, 0.5]
    assert ids[1].tolist() == [1, 2]
    assert weights[1].isnan().all()
    assert entropy[1].isnan()
    assert ids[2].tolist() == [2, 0]
    assert weights[2].tolist() == [1, 0]
    assert entropy[2] == 0
