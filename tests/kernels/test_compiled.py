"""The compiled kernels: against the reference on the same rounded activations (tight) and on the true ones (loose)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gptoss_chat.kernels import backend, int8, ops, reference

BLOCK = 32


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(3)


def rounded(x: Tensor) -> Tensor:
    """Activations as the kernels see them: int8 in blocks of 32, the largest magnitude is 127."""
    blocks = x.unflatten(-1, (-1, BLOCK))
    peak = blocks.abs().amax(-1, keepdim=True)
    return (torch.where(peak > 0, (blocks * (127 / peak)).round(), 0) * (peak / 127)).flatten(-2)


def experts(E: int, D: int, F: int) -> tuple[Tensor, ...]:
    """Random MXFP4 experts; the last one, which `routing` leaves out, would give infinities."""

    def packed(rows: int, columns: int) -> tuple[Tensor, Tensor]:
        scales = torch.randint(118, 126, (E, rows, columns // BLOCK), dtype=torch.uint8)
        scales[-1] = 255
        return torch.randint(256, (E, rows, columns // BLOCK, 16), dtype=torch.uint8), scales

    return *packed(2 * F, D), torch.randn(E, 2 * F), *packed(D, F), torch.randn(E, D)


def routing(tokens: int, E: int, K: int) -> tuple[Tensor, Tensor]:
    return torch.rand(tokens, E - 1).topk(K).indices, torch.rand(tokens, K).softmax(-1)


def on_rounded(monkeypatch: pytest.MonkeyPatch, x: Tensor, *rest: Tensor | float) -> Tensor:
    """The reference with x and the hidden values rounded."""
    swiglu = reference._swiglu
    with monkeypatch.context() as patch:
        patch.setattr(reference, "_swiglu", lambda gate_up, limit: rounded(swiglu(gate_up, limit)))
        return reference.moe_mxfp4(rounded(x), *rest)  # type: ignore[arg-type]


def relative(got: Tensor, expected: Tensor) -> float:
    return float((got.double() - expected.double()).norm() / expected.double().norm())


SHAPES = [(32, 32), (96, 64), (64, 96), (288, 320), (608, 32)]


@pytest.mark.parametrize(("D", "F"), SHAPES)
@pytest.mark.parametrize("tokens", [1, 2, 3, 4, 5, 7, 24])
def test_moe_equals_the_reference_on_rounded_activations(
    D: int, F: int, tokens: int, compiled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Odd block counts, one to many tokens an expert, an expert left out.

    A hidden value that lies within float error of a half rounds either way: one token in six may differ by that step.
    """
    weights, (ids, shares) = experts(6, D, F), routing(tokens, 6, 3)
    x = torch.randn(tokens, D)
    got = ops.moe_mxfp4(x, ids, shares, *weights, 1.5)
    expected = on_rounded(monkeypatch, x, ids, shares, *weights, 1.5)
    error_T = (got - expected).abs().amax(-1)
    assert (error_T > 2e-5).sum() <= tokens // 6
    assert error_T.max() < 0.05
    assert relative(got, reference.moe_mxfp4(x, ids, shares, *weights, 1.5)) < 0.025


@pytest.mark.parametrize("K", [1, 7])
def test_moe_takes_one_expert_and_all_experts(K: int, compiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extremes of routing: every token on one same expert, every token on every expert."""
    weights = tuple(tensor[:-1] for tensor in experts(8, 96, 64))
    x, ids = torch.randn(5, 96), torch.arange(7).expand(5, 7)[:, 7 - K :]
    shares = torch.rand(5, K).softmax(-1)
    got = ops.moe_mxfp4(x, ids, shares, *weights, 7.0)
    torch.testing.assert_close(got, on_rounded(monkeypatch, x, ids, shares, *weights, 7.0), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize(("D", "F"), [(128, 96), (21, 32), (50, 64)])
@pytest.mark.parametrize("tokens", [1, 3, 11, 400])
def test_float_experts_equal_the_reference(D: int, F: int, tokens: int, compiled: str) -> None:
    """Hundreds of tokens take the plain loop and more the reference; both are float32, and nobody's expert is never read."""
    ids, shares = routing(tokens, 6, 3)
    gate_up, down = torch.randn(6, 2 * F, D), torch.randn(6, F, D)
    gate_up[-1] = down[-1] = torch.nan
    arguments = (ids, shares, gate_up, torch.randn(6, 2 * F), down.transpose(1, 2), torch.randn(6, D), 1.5)
    x = torch.randn(tokens, D)
    got = ops.moe_dense(x, *arguments)
    torch.testing.assert_close(got, reference.moe_dense(x, *arguments), atol=2e-4, rtol=1e-5)
    x[-1, 5] = torch.nan
    dirty = ops.moe_dense(x, *arguments)
    assert dirty[-1].isnan().all()
    assert torch.equal(dirty[:-1], got[:-1])
    with pytest.raises(IndexError):
        ops.moe_dense(x[:1], torch.tensor([[6]]), shares[:1, :1], *arguments[2:])


@pytest.mark.parametrize("tokens", [1, 2, 9])
def test_not_a_number_stays_in_its_token(tokens: int, compiled: str) -> None:
    """NaN or infinity in one token makes that token NaN, and changes no bit of the others."""
    weights, (ids, shares) = experts(6, 96, 64), routing(tokens, 6, 3)
    x, matrix = torch.randn(tokens, 96), backend.quantise(torch.randn(11, 96).bfloat16())
    for poison in (torch.nan, torch.inf, -torch.inf):
        bad = x.clone()
        bad[-1, 70] = poison
        for clean, dirty in (
            (ops.moe_mxfp4(x, ids, shares, *weights, 7.0), ops.moe_mxfp4(bad, ids, shares, *weights, 7.0)),
            (ops.linear(x, matrix), ops.linear(bad, matrix)),
        ):
            assert dirty[-1].isnan().all()
            assert torch.equal(dirty[:-1], clean[:-1])


@pytest.mark.parametrize("scale", [0.0, 1e-42, 1e-37, 1e-30, 1e15, 1e30])
def test_extreme_activations_keep_their_precision(scale: float, compiled: str) -> None:
    """From zero to near the end of float32, without NaN; what is near the smallest normal float counts as zero."""
    x, w = torch.randn(3, 64) * scale, torch.randn(9, 64).bfloat16()
    got = ops.linear(x, backend.quantise(w))
    if scale < 1e-35:
        assert got.abs().max() < 1e-33
    else:
        assert relative(got, x @ w.float().T) < 0.02


def test_extreme_weight_scales_are_exact(compiled: str) -> None:
    """MXFP4 scale bytes from the smallest, 2^-127, to 2^63."""
    for byte in (0, 1, 60, 190):
        ids, shares = routing(4, 3, 1)
        blocks = torch.full((3, 64, 1, 16), 0x22, dtype=torch.uint8)  # every value 1
        scales = torch.full((3, 64, 1), byte, dtype=torch.uint8)
        down = torch.full((3, 32, 1, 16), 0x22, dtype=torch.uint8), torch.full((3, 32, 1), 127, dtype=torch.uint8)
        arguments = (blocks, scales, torch.zeros(3, 64), *down, torch.zeros(3, 32), 7.0)
        got = ops.moe_mxfp4(torch.ones(4, 32), ids, shares, *arguments)
        expected = reference.moe_mxfp4(torch.ones(4, 32), ids, shares, *arguments)
        torch.testing.assert_close(got, expected, atol=1e-30, rtol=1e-5)


@pytest.mark.parametrize("tokens", [1, 2, 3, 9])
def test_the_largest_products_do_not_overflow(tokens: int, compiled: str) -> None:
    """Every weight 6 or every weight -6, every activation the largest of its block, the signs alike, opposed or mixed."""
    ids, shares = routing(tokens, 2, 1)
    down = torch.full((2, 320, 1, 16), 0x22, dtype=torch.uint8), torch.full((2, 320, 1), 127, dtype=torch.uint8)
    scales, bias = torch.full((2, 64, 10), 110, dtype=torch.uint8), torch.zeros(2, 64)
    for byte in (0x77, 0xFF, 0x7F):
        blocks = torch.full((2, 64, 10, 16), byte, dtype=torch.uint8)
        for x in (torch.ones(tokens, 320), -torch.ones(tokens, 320), torch.tensor([1.0, -1.0]).repeat(tokens, 160)):
            arguments = (x, ids, shares, blocks, scales, bias, *down, torch.zeros(2, 320), 7.0)
            torch.testing.assert_close(ops.moe_mxfp4(*arguments), reference.moe_mxfp4(*arguments), atol=1e-4, rtol=1e-2)


@pytest.mark.parametrize(("rows", "inputs"), [(8, 32), (19, 96), (40, 320), (1, 64)])
@pytest.mark.parametrize("tokens", [1, 2, 3, 4, 9])
def test_int8_linear_equals_the_reference_on_rounded_activations(
    rows: int, inputs: int, tokens: int, compiled: str
) -> None:
    """Rows that are no multiple of eight, with and without a bias; and close to the unrounded product."""
    x, w, bias = torch.randn(tokens, inputs), torch.randn(rows, inputs).bfloat16(), torch.randn(rows)
    matrix = backend.quantise(w)
    expected = rounded(x) @ matrix.dequantise().T
    torch.testing.assert_close(ops.linear(x, matrix), expected, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(ops.linear(x, matrix, bias), expected + bias, atol=1e-4, rtol=1e-5)
    error_TO = ops.linear(x, matrix) - x @ w.float().T
    assert (error_TO.abs() < 0.01 * torch.outer(x.norm(dim=1), w.float().norm(dim=1))).all()


def test_reference_multiplies_int8_without_rounding(reference_only: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In panels, any of which may be the last short one."""
    matrix = int8.quantise(torch.randn(43, 64))
    x, bias = torch.randn(5, 64), torch.randn(43)
    for panel in (1, 2 * 4 * 8 * 64, 1 << 20):
        monkeypatch.setattr(reference, "_PANEL_BYTES", panel)
        torch.testing.assert_close(ops.linear(x, matrix, bias), x @ matrix.dequantise().T + bias, atol=1e-5, rtol=0)


def test_compiled_quantisation_equals_the_plain_one(compiled: str) -> None:
    """Scales bit for bit, values up to a tie; NaN and infinity spoil their own block only."""
    w = torch.randn(21, 128).bfloat16() * torch.logspace(-30, 3, 21)[:, None].bfloat16()
    w[3, 40], w[5, 0], w[7] = torch.nan, torch.inf, 0
    got, expected = backend.quantise(w), int8.quantise(w)
    assert torch.equal(got.scales.isnan(), expected.scales.isnan() | expected.scales.isinf())
    sound = ~got.scales.isnan()
    assert torch.equal(got.scales[sound], expected.scales[sound])
    assert int((~sound).sum()) == 2
    values = (got.values.int() - expected.values.int()).abs().permute(0, 1, 3, 2, 4)[sound]
    assert values.max() <= 1
    assert (values > 0).float().mean() < 0.02
    assert not got.dequantise()[7].any()


def test_quantised_weights_are_within_half_a_step() -> None:
    """The scale is the largest magnitude / 127, at most one part in 128 more."""
    w = torch.randn(16, 96)
    matrix = int8.quantise(w)
    peak = w.view(16, 3, BLOCK).abs().amax(-1)
    assert ((matrix.dequantise() - w).view(16, 3, BLOCK).abs().amax(-1) <= 0.51 * peak / 127 * (1 + 1 / 64)).all()
    assert matrix.shape == (16, 96)
    with pytest.raises(ValueError, match="multiple of 32"):
        int8.quantise(torch.zeros(2, 33))


def attend(tokens: int, start: int, window: int, dtype: torch.dtype, heads: tuple[int, int, int]) -> tuple[Tensor, ...]:
    """Queries and scattered pages that hold NaN wherever nothing was written."""
    H, G, C = heads
    pages = -(-(start + tokens) // 32)
    pools = torch.full((2, pages + 2, 32, G, C), torch.nan)
    table = torch.randperm(pages + 2)[:pages].int()
    for position in range(start + tokens):
        pools[:, table[position // 32], position % 32] = torch.randn(2, G, C)
    keys, values = pools.to(dtype)
    return torch.randn(tokens, H + 3, C)[:, :H], keys, values, table, torch.randn(H)


@pytest.mark.parametrize("heads", [(8, 1, 64), (6, 3, 20), (3, 3, 8), (20, 1, 14), (64, 8, 16)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("start", "tokens"), [(0, 1), (0, 40), (300, 1), (95, 33)])
@pytest.mark.parametrize("window", [0, 50])
def test_attention_equals_the_reference(
    window: int, start: int, tokens: int, dtype: torch.dtype, heads: tuple[int, int, int], compiled: str
) -> None:
    """Groupings from one to twenty queries a key, both cache types, decoding and prefill, rows with a stride."""
    q, keys, values, table, sinks = attend(tokens, start, window, dtype, heads)
    got = ops.attention(q, keys, values, table, start, window, sinks)
    expected = reference.attention(q, keys, values, table, start, window, sinks)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


def test_attention_over_a_long_context_is_cut_among_threads(compiled: str) -> None:
    """More threads than key-value heads: parts of the keys are merged, with and without a window, and no sink counts twice."""
    q, keys, values, table, sinks = attend(1, 1500, 0, torch.float32, (2, 1, 12))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(5)
        for window in (0, 700):
            got = ops.attention(q, keys, values, table, 1500, window, sinks + 5)
            expected = reference.attention(q, keys, values, table, 1500, window, sinks + 5)
            torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("tokens", [2, 9, 30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_of_several_tokens_far_in_is_cut_among_threads(
    tokens: int, dtype: torch.dtype, compiled: str
) -> None:
    """Parts of keys, each with several tiles of queries of which the last is not full; some tiles see nothing of a part."""
    q, keys, values, table, sinks = attend(tokens, 1300, 0, dtype, (6, 1, 20))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        for window in (0, 40, 600):
            got = ops.attention(q, keys, values, table, 1300, window, sinks)
            expected = reference.attention(q, keys, values, table, 1300, window, sinks)
            torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    finally:
        torch.set_num_threads(before)


def test_attention_of_earlier_tokens_never_meets_a_later_nan(compiled: str) -> None:
    """A token whose key and value are NaN leaves the tokens before it, in the same call, as they were."""
    q, keys, values, table, sinks = attend(20, 5, 0, torch.float32, (4, 2, 8))
    clean = ops.attention(q, keys, values, table, 5, 0, sinks)
    for pool in (keys, values):
        pool[table[0], 17] = torch.nan
    dirty = ops.attention(q, keys, values, table, 5, 0, sinks)
    assert torch.equal(dirty[:12], clean[:12])
    assert dirty[12:].isnan().all()


def test_an_expert_or_page_that_does_not_exist_is_an_error(compiled: str) -> None:
    """Numbers out of range are refused before memory is read through them."""
    weights = experts(3, 32, 32)
    with pytest.raises(IndexError):
        ops.moe_mxfp4(torch.ones(1, 32), torch.tensor([[3]]), torch.ones(1, 1), *weights, 7.0)
    q, keys, values, table, sinks = attend(1, 3, 0, torch.float32, (2, 1, 8))
    with pytest.raises(IndexError):
        ops.attention(q, keys, values, table + 50, 3, 0, sinks)
    with pytest.raises(IndexError):
        ops.attention(q, keys, values, table, 90, 0, sinks)


def test_tensors_in_another_order_go_to_the_reference(compiled: str) -> None:
    """Strided weights and half-precision pages, which the compiled kernels don't take, still give the right result."""
    x, w = torch.randn(2, 64), torch.randn(64, 9).bfloat16().T
    torch.testing.assert_close(ops.linear(x, w), x @ w.float().T, atol=1e-4, rtol=0)
    q, keys, values, table, sinks = attend(3, 3, 0, torch.float16, (2, 1, 8))
    expected = reference.attention(q, keys, values, table, 3, 0, sinks)
    torch.testing.assert_close(ops.attention(q, keys, values, table, 3, 0, sinks), expected)
    weights = list(experts(3, 32, 32))
    weights[0] = weights[0].transpose(0, 1).contiguous().transpose(0, 1)
    ids, shares = routing(2, 3, 1)
    got = ops.moe_mxfp4(torch.ones(2, 32), ids, shares, *weights, 7.0)
    torch.testing.assert_close(got, reference.moe_mxfp4(torch.ones(2, 32), ids, shares, *weights, 7.0))
