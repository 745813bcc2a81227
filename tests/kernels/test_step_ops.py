"""The small operators of a step against a few lines of float64 arithmetic, on every implementation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gptoss_chat.kernels import ops


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(5)


@pytest.mark.parametrize("shape", [(1, 128), (3, 50), (7, 5), (2, 2880)])
def test_rms_norm_equals_its_definition(shape: tuple[int, int], any_backend: str) -> None:
    """Without a delta x stays as it is; with one, x is the sum afterwards and the norm is of the sum."""
    x, delta, scale = torch.randn(shape), torch.randn(shape), torch.randn(shape[1])

    def plain(x: Tensor) -> Tensor:
        exact = x.double()
        return (exact / (exact.square().mean(-1, keepdim=True) + 1e-5).sqrt() * scale.double()).float()

    before = x.clone()
    torch.testing.assert_close(ops.rms_norm(x, scale, 1e-5), plain(x), atol=1e-5, rtol=1e-5)
    assert torch.equal(x, before)
    torch.testing.assert_close(ops.rms_norm(x, scale, 1e-5, delta), plain(before + delta), atol=1e-5, rtol=1e-5)
    assert torch.equal(x, before + delta)


def test_rms_norm_keeps_not_a_number_in_its_token(any_backend: str) -> None:
    """One value that is no number makes its own token so, and no other."""
    x = torch.randn(3, 40)
    x[1, 17] = torch.nan
    y = ops.rms_norm(x, torch.ones(40), 1e-5)
    assert y[1].isnan().all()
    assert y[[0, 2]].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("heads", "size"), [((4, 2), 32), ((9, 3), 14), ((5, 1), 20), ((64, 8), 64)])
@pytest.mark.parametrize(("start", "tokens"), [(0, 1), (30, 5), (64, 1)])
def test_rope_store_rotates_and_writes_only_its_own_slots(
    start: int, tokens: int, heads: tuple[int, int], size: int, dtype: torch.dtype, any_backend: str
) -> None:
    """Queries come back rotated, keys and values are in scattered pages, and every other slot is as it was."""
    H, G = heads
    qkv, angles = torch.randn(tokens, (H + 2 * G) * size), torch.rand(tokens, size // 2) * 9
    rope = torch.cat([angles.cos(), angles.sin()], dim=-1) * 1.3
    table = torch.tensor([4, 0, 3], dtype=torch.int32)
    pools = torch.full((2, 5, 32, G, size), torch.nan, dtype=dtype)
    q = ops.rope_store(qkv, rope, table, start, pools[0], pools[1])

    parts = qkv.view(tokens, H + 2 * G, size)
    turned = torch.view_as_complex(torch.stack(parts.double().chunk(2, -1), -1)) * torch.polar(
        torch.full_like(angles, 1.3).double(), angles.double()
    ).unsqueeze(1)
    expected = torch.cat([turned.real, turned.imag], -1).float()
    torch.testing.assert_close(q, expected[:, :H], atol=1e-5, rtol=1e-5)
    for t in range(tokens):
        page, slot = int(table[(start + t) // 32]), (start + t) % 32
        rounding = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 1e-5, "rtol": 2**-8}
        torch.testing.assert_close(pools[0, page, slot].float(), expected[t, H : H + G], **rounding)
        assert torch.equal(pools[1, page, slot], parts[t, H + G :].to(dtype))
    assert int(pools.isfinite().sum()) == 2 * tokens * G * size


@pytest.mark.parametrize("experts", [5, 16, 32, 128])
@pytest.mark.parametrize("chosen", [1, 4, 5])
@pytest.mark.parametrize("tokens", [1, 6])
def test_route_equals_its_definition(experts: int, chosen: int, tokens: int, any_backend: str) -> None:
    """The highest scores in order, their softmax, and the entropy over all, with experts that are banned."""
    scores = 3 * torch.randn(tokens, experts)
    if experts > 5:
        scores[:, [1, experts - 1]] = -torch.inf
    ids, weights, entropy = ops.route(scores, chosen)
    order = scores.argsort(dim=-1, descending=True)[:, :chosen]
    assert torch.equal(ids, order)
    torch.testing.assert_close(weights, scores.gather(1, order).double().softmax(-1).float(), atol=1e-6, rtol=1e-5)
    p = scores.double().softmax(-1)
    torch.testing.assert_close(
        entropy, torch.special.entr(p).sum(-1).float() / torch.tensor(2.0).log(), atol=1e-5, rtol=0
    )


def test_route_of_scores_that_are_no_numbers_names_experts(any_backend: str) -> None:
    """Weights or entropy tell of it, ids stay in range and differ, and other tokens know nothing of it."""
    scores = torch.randn(3, 16)
    scores[1, 4] = torch.nan
    scores[2] = torch.nan
    ids, weights, entropy = ops.route(scores, 4)
    assert all(len(set(row)) == 4 and min(row) >= 0 and max(row) < 16 for row in ids.tolist())
    assert weights[1:].isnan().any(dim=1).all()
    assert entropy.isnan().tolist() == [False, True, True]
    assert weights[0].isfinite().all()


@pytest.mark.parametrize("name", ["rms_norm", "rope_store", "route"])
def test_schema_and_fake_hold(name: str, any_backend: str) -> None:
    """torch's own check: what is written is what the schema says, and fakes have the true shapes."""
    pools = torch.zeros(2, 3, 32, 2, 8)
    arguments: dict[str, tuple[object, ...]] = {
        "rms_norm": (torch.randn(3, 8), torch.randn(3, 8), torch.randn(8), 1e-5),
        "rope_store": (
            torch.randn(3, 64), torch.randn(3, 8), torch.tensor([2, 0], dtype=torch.int32), 30, pools[0], pools[1]
        ),
        "route": (torch.randn(3, 8), 4),
    }  # fmt: skip
    operator = getattr(torch.ops.gptoss, name).default
    torch.library.opcheck(operator, arguments[name], test_utils=("test_schema", "test_faketensor"))
