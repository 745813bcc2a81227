"""Each operator against a few lines of float64 arithmetic, over odd shapes, late starts and experts nobody chose."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gptoss_chat.kernels import ops, reference
from gptoss_chat.kernels.mxfp4 import dequantise


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("tokens", [1, 5])
def test_linear_equals_exact_arithmetic(
    dtype: torch.dtype, tokens: int, monkeypatch: pytest.MonkeyPatch, any_backend: str
) -> None:
    """Any weight type, one token or several, several panels and a last short one."""
    monkeypatch.setattr(reference, "_PANEL_BYTES", 4 * 33 * 4)
    x, w, bias = torch.randn(tokens, 33), torch.randn(19, 33).to(dtype), torch.randn(19)
    expected = x.double() @ w.double().T + bias.double()
    torch.testing.assert_close(ops.linear(x, w, bias).double(), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(ops.linear(x, w).double(), expected - bias.double(), atol=1e-5, rtol=0)


def plain_attention(q: Tensor, k: Tensor, v: Tensor, start: int, window: int, sinks: Tensor) -> Tensor:
    """[T, H * C], one query and one head at a time, straight from the definition."""
    T, H, C = q.shape
    group = H // k.shape[1]
    out = torch.zeros(T, H, C, dtype=torch.float64)
    for t in range(T):
        i = start + t
        first = max(0, i - window + 1) if window else 0
        for h in range(H):
            keys, values = k[first : i + 1, h // group].double(), v[first : i + 1, h // group].double()
            logits = torch.cat([keys @ q[t, h].double() / C**0.5, sinks[h : h + 1].double()])
            out[t, h] = logits.softmax(0)[:-1] @ values
    return out.flatten(1)


@pytest.mark.parametrize("window", [0, 1, 6, 40])
@pytest.mark.parametrize(("start", "tokens"), [(0, 1), (0, 37), (31, 1), (32, 1), (45, 20), (70, 1)])
@pytest.mark.parametrize("score_bytes", [1, 64 << 20], ids=["query-by-query", "at-once"])
def test_attention_equals_its_definition(
    window: int, start: int, tokens: int, score_bytes: int, monkeypatch: pytest.MonkeyPatch, any_backend: str
) -> None:
    """Scattered pages with NaN wherever nothing was written."""
    monkeypatch.setattr(reference, "_SCORE_BYTES", score_bytes)
    end = start + tokens
    q, k, v = torch.randn(tokens, 6, 10), torch.randn(end, 2, 10), torch.randn(end, 2, 10)
    sinks = torch.randn(6)
    page_table = torch.tensor([4, 0, 3], dtype=torch.int32)
    pools = torch.full((2, 5, 32, 2, 10), torch.nan)
    for pool, rows in zip(pools, (k, v), strict=True):
        for position in range(end):
            pool[page_table[position // 32], position % 32] = rows[position]
    got = ops.attention(q, pools[0], pools[1], page_table, start, window, sinks)
    expected = plain_attention(q, k, v, start, window, sinks)
    torch.testing.assert_close(got.double(), expected, atol=1e-5, rtol=0)


def plain_moe(
    x: Tensor,
    ids: Tensor,
    weights: Tensor,
    gate_up: Tensor,
    gate_up_b: Tensor,
    down: Tensor,
    down_b: Tensor,
    limit: float,
) -> Tensor:
    """[T, D], one token and one expert at a time."""
    out = torch.zeros_like(x, dtype=torch.float64)
    for t, k in torch.cartesian_prod(torch.arange(ids.shape[0]), torch.arange(ids.shape[1])).tolist():
        e = int(ids[t, k])
        both = gate_up[e].double() @ x[t].double() + gate_up_b[e].double()
        gate, up = both[0::2].clamp(max=limit), both[1::2].clamp(-limit, limit)
        hidden = gate * torch.sigmoid(1.702 * gate) * (up + 1)
        out[t] += weights[t, k].double() * (down[e].double() @ hidden + down_b[e].double())
    return out


def routing(tokens: int, experts: int, chosen: int) -> tuple[Tensor, Tensor]:
    """Random choices that leave out at least the last expert."""
    return torch.rand(tokens, experts - 1).topk(chosen).indices, torch.rand(tokens, chosen).softmax(-1)


@pytest.mark.parametrize("tokens", [1, 9])
@pytest.mark.parametrize("panel_bytes", [1, 2 << 20])
def test_moe_mxfp4_equals_its_definition(
    tokens: int, panel_bytes: int, monkeypatch: pytest.MonkeyPatch, reference_only: str
) -> None:
    """The experts nobody chose hold scales that would give infinities."""
    monkeypatch.setattr(reference, "_PANEL_BYTES", panel_bytes)
    E, D, F, limit = 6, 96, 64, 1.5
    x = torch.randn(tokens, D)
    ids, weights = routing(tokens, E, 3)

    def packed(rows: int, columns: int) -> tuple[Tensor, Tensor]:
        blocks = torch.randint(256, (E, rows, columns // 32, 16), dtype=torch.uint8)
        scales = torch.randint(121, 126, (E, rows, columns // 32), dtype=torch.uint8)
        scales[-1] = 255
        return blocks, scales

    gate_up, down = packed(2 * F, D), packed(D, F)
    gate_up_b, down_b = torch.randn(E, 2 * F), torch.randn(E, D)
    got = ops.moe_mxfp4(x, ids, weights, *gate_up, gate_up_b, *down, down_b, limit)
    expected = plain_moe(x, ids, weights, dequantise(*gate_up), gate_up_b, dequantise(*down), down_b, limit)
    torch.testing.assert_close(got.double(), expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tokens", [1, 9])
@pytest.mark.parametrize("gather_bytes", [0, 16 << 20], ids=["one-by-one", "gathered"])
@pytest.mark.parametrize("transposed", [False, True])
def test_moe_dense_equals_its_definition(
    dtype: torch.dtype, tokens: int, gather_bytes: int, transposed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Odd sizes, either memory order, NaN in an expert that nobody chose."""
    monkeypatch.setattr(reference, "_GATHER_BYTES", gather_bytes)
    E, D, F, limit = 5, 21, 13, 1.5
    x = torch.randn(tokens, D)
    ids, weights = routing(tokens, E, 2)
    gate_up, down = torch.randn(E, 2 * F, D).to(dtype), torch.randn(E, D, F).to(dtype)
    gate_up[-1] = down[-1] = torch.nan
    if transposed:
        gate_up, down = (w.transpose(1, 2).contiguous().transpose(1, 2) for w in (gate_up, down))
    gate_up_b, down_b = torch.randn(E, 2 * F), torch.randn(E, D)
    got = ops.moe_dense(x, ids, weights, gate_up, gate_up_b, down, down_b, limit)
    expected = plain_moe(x, ids, weights, gate_up, gate_up_b, down, down_b, limit)
    torch.testing.assert_close(got.double(), expected, atol=1e-4, rtol=1e-5)


def test_fakes_have_the_shapes_of_the_real_results() -> None:
    """What a tracer is told is what comes back."""
    x, w = torch.randn(3, 8), torch.randn(5, 8)
    ids, weights = routing(3, 4, 2)
    args = (x, ids, weights, torch.randn(4, 12, 8), torch.randn(4, 12), torch.randn(4, 8, 6), torch.randn(4, 8), 7.0)
    torch.library.opcheck(torch.ops.gptoss.linear.default, (x, w, None), test_utils=("test_schema", "test_faketensor"))
    torch.library.opcheck(torch.ops.gptoss.moe_dense.default, args, test_utils=("test_schema", "test_faketensor"))
