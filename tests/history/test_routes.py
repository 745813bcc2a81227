"""Routing records survive the trip to bytes, and damaged ones are refused."""

from __future__ import annotations

import numpy as np
import pytest

from gptoss_chat.engine.types import RouteRecord
from gptoss_chat.errors import HistoryError
from gptoss_chat.history import decode_routes, encode_routes


def record(tokens: int) -> RouteRecord:
    """Every axis of another size."""
    rng = np.random.default_rng(3)
    return RouteRecord(
        start=7,
        token_ids=rng.integers(0, 201088, tokens).astype(np.uint32),
        experts=rng.integers(0, 128, (tokens, 6, 4)).astype(np.uint8),
        weights=rng.random((tokens, 6, 4)).astype(np.float16),
    )


@pytest.mark.parametrize("tokens", [0, 1, 33])
def test_record_comes_back_equal(tokens: int) -> None:
    """Values, shapes and types are the same."""
    before = record(tokens)
    after = decode_routes(encode_routes(before))
    assert after.start == 7
    for name in ("token_ids", "experts", "weights"):
        a, b = getattr(before, name), getattr(after, name)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("cut", [0, 3, 19, 20, 25, -1])
def test_truncated_record_is_refused(cut: int) -> None:
    """Missing bytes are a sentence."""
    with pytest.raises(HistoryError, match="damaged"):
        decode_routes(encode_routes(record(9))[:cut])


def test_foreign_bytes_are_refused() -> None:
    """Another magic, or a header that lies about its size, is a sentence and no allocation."""
    blob = encode_routes(record(9))
    with pytest.raises(HistoryError):
        decode_routes(b"NOPE" + blob[4:])
    with pytest.raises(HistoryError):
        decode_routes(blob[:8] + b"\xff\xff\xff\x7f" + blob[12:])
