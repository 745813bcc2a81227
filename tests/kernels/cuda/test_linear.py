"""Dense products, interpreted, against the reference."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gptoss_chat.kernels import reference
from gptoss_chat.kernels.cuda import linear as kernels
from gptoss_chat.kernels.cuda.tuning import tuning


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("tokens", [1, 3, 7, 21, 40])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_equals_the_reference(dtype: torch.dtype, tokens: int, bias: bool) -> None:
    """One token, a few, a small, a middle and a large tile that don't end on its edge, in every weight type."""
    x, w = torch.randn(tokens, 75), torch.randn(37, 75).to(dtype)
    b = torch.randn(37) if bias else None
    torch.testing.assert_close(kernels.linear(x, w, b), reference.linear(x, w, b), atol=2e-5, rtol=1e-5)


def test_linear_rounds_to_the_tensor_cores_type_only_beyond_a_few_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """float16 operands, as on capability 7.5: close to the exact product, and one token is still multiplied exactly."""
    tuned = replace(tuning(torch.device("cpu")), operand=torch.float16)
    monkeypatch.setattr(kernels, "tuning", lambda _device: tuned)
    x, w = torch.randn(9, 75), torch.randn(37, 75).to(torch.bfloat16)
    exact = x @ w.float().T
    rounded = kernels.linear(x, w, None)
    torch.testing.assert_close(rounded, exact, atol=2e-2, rtol=0)
    assert (rounded - exact).abs().max() > 1e-4
    torch.testing.assert_close(kernels.linear(x[:1], w, None), exact[:1], atol=2e-5, rtol=1e-5)


def test_linear_takes_rows_that_are_not_contiguous() -> None:
    """A slice of wider activations and a transposed matrix."""
    x, w = torch.randn(5, 40)[:, :32], torch.randn(32, 10).T
    torch.testing.assert_close(kernels.linear(x, w.bfloat16(), None), x @ w.bfloat16().float().T, atol=2e-5, rtol=1e-5)


def test_linear_of_few_rows_equals_the_reference() -> None:
    """A router's matrix: a program has one row."""
    x, w, b = torch.randn(2, 75), torch.randn(4, 75).bfloat16(), torch.randn(4)
    torch.testing.assert_close(kernels.linear(x, w, b), reference.linear(x, w, b), atol=2e-5, rtol=1e-5)
