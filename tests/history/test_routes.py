"""Routing records survive the trip to bytes, and damaged ones are refused."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from gptoss_chat.engine.types import RouteRecord
from gptoss_chat.errors import HistoryError
from gptoss_chat.history.routes import decode_routes, encode_routes


def record(tokens: int) -> RouteRecord:
    """Every axis of another size."""
    rng = np.random.default_rng(3)
    return RouteRecord(
        start=7,
        token_ids=rng.integers(0, 201088, tokens).astype(np.uint32),
        experts=rng.integers(0, 128, (tokens, 6, 4)).astype(np.uint8),
        weights=rng.random((tokens, 6, 4)).astype(np.float16),
        entropy=rng.random((tokens, 6)).astype(np.float16),
        logprobs=np.where(np.arange(tokens) < tokens // 2, np.nan, -rng.random(tokens)).astype(np.float32),
        alternative_ids=rng.integers(0, 201088, (tokens, 5)).astype(np.uint32),
        alternative_logprobs=-rng.random((tokens, 5)).astype(np.float32),
    )


@pytest.mark.parametrize("tokens", [0, 1, 33])
def test_record_comes_back_equal(tokens: int) -> None:
    """Values, shapes and types are the same."""
    before = record(tokens)
    after = decode_routes(encode_routes(before))
    assert after.start == 7
    for name in before.__slots__[1:]:
        a, b = getattr(before, name), getattr(after, name)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


def test_older_record_still_opens() -> None:
    """One of the first form, made by hand: what it does not hold is not known, and it has no alternatives."""
    want = record(9)
    body = want.token_ids.tobytes() + want.experts.tobytes() + want.weights.tobytes()
    old = decode_routes(struct.pack("<4s4I", b"GR1\0", 7, 9, 6, 4) + zlib.compress(body))
    for name in ("start", "token_ids", "experts", "weights"):
        np.testing.assert_array_equal(getattr(old, name), getattr(want, name))
    assert old.entropy.shape == (9, 6)
    assert np.isnan(old.entropy).all()
    assert np.isnan(old.logprobs).all()
    assert old.alternative_ids.shape == old.alternative_logprobs.shape == (9, 0)


@pytest.mark.parametrize("cut", [0, 3, 23, 24, 30, -1])
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
