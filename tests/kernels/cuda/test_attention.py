"""Attention over scattered pages, interpreted, against the reference; what was never written is NaN."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gptoss_chat.kernels import reference
from gptoss_chat.kernels.cuda.attention import attention

HEADS, KEY_HEADS, SIZE = 6, 2, 10


def paged(written: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Keys and values of `written` positions in pages out of order, and their page table, longer than it needs to be."""
    table = torch.tensor([6, 0, 3, 8, 1, 7, 2, 5], dtype=torch.int32)
    k, v = (torch.full((9, 32, KEY_HEADS, SIZE), torch.nan, dtype=dtype) for _ in range(2))
    for position in range(written):
        for pages in (k, v):
            pages[table[position // 32], position % 32] = torch.randn(KEY_HEADS, SIZE)
    return k, v, table


@pytest.mark.parametrize("window", [0, 1, 6, 40])
@pytest.mark.parametrize(("start", "tokens"), [(0, 1), (31, 1), (64, 1), (200, 1), (0, 2), (0, 37), (45, 20)])
def test_attention_equals_the_reference(window: int, start: int, tokens: int) -> None:
    """One token with parts that have nothing to do, many that end within a tile, windows within a page and over one."""
    k, v, table = paged(start + tokens, torch.float32)
    q, sinks = torch.randn(tokens, HEADS, SIZE), torch.randn(HEADS)
    expected = reference.attention(q, k, v, table, start, window, sinks)
    torch.testing.assert_close(attention(q, k, v, table, start, window, sinks), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("position", [0, 63, 150])
@pytest.mark.parametrize("window", [0, 40])
def test_attention_reads_the_position_from_a_tensor(position: int, window: int) -> None:
    """The same, bit for bit, as when the host knows it: a captured graph answers as eager steps do."""
    k, v, table = paged(position + 1, torch.bfloat16)
    q, sinks = torch.randn(1, HEADS, SIZE), torch.randn(HEADS)
    told = attention(q, k, v, table, position, window, sinks)
    assert torch.equal(attention(q, k, v, table, torch.tensor([position]), window, sinks), told)
    expected = reference.attention(q, k, v, table, position, window, sinks)
    torch.testing.assert_close(told, expected, atol=1e-5, rtol=1e-5)


def test_attention_without_a_sink_is_an_ordinary_softmax() -> None:
    """A sink of minus infinity takes nothing, where it would make a difference of infinities."""
    k, v, table = paged(70, torch.float32)
    sinks = torch.full((HEADS,), -torch.inf)
    for start, tokens in ((69, 1), (60, 10)):
        q = torch.randn(tokens, HEADS, SIZE)
        expected = reference.attention(q, k, v, table, start, 0, sinks)
        torch.testing.assert_close(attention(q, k, v, table, start, 0, sinks), expected, atol=1e-5, rtol=1e-5)
