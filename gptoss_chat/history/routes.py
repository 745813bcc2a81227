"""Routing records as bytes and back; it knows nothing of the database, nor torch.

Legend: T tokens, L layers, K experts chosen.

A record is a header (magic, start, T, L, K; little-endian), then zlib over token_ids uint32 [T], experts uint8 [T, L, K] and
weights float16 [T, L, K], one after the other. No pickle: a record from anywhere can only be numbers.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gptoss_chat.errors import HistoryError

_HEADER = struct.Struct("<4sIIHH")
_MAGIC = b"GCR1"


class RoutesLike(Protocol):
    """Anything with the fields of Routes, such as the engine's record."""

    @property
    def start(self) -> int:
        """Position of the first token."""

    @property
    def token_ids(self) -> NDArray[np.uint32]:
        """[T]"""

    @property
    def experts(self) -> NDArray[np.uint8]:
        """[T, L, K]"""

    @property
    def weights(self) -> NDArray[np.float16]:
        """[T, L, K]"""


@dataclass(frozen=True, slots=True)
class Routes:
    """The experts of a span of tokens: token_ids uint32 [T], experts uint8 [T, L, K], weights float16 [T, L, K]."""

    start: int
    token_ids: NDArray[np.uint32]
    experts: NDArray[np.uint8]
    weights: NDArray[np.float16]


def encode_routes(routes: RoutesLike) -> bytes:
    """The record as bytes."""
    tokens, layers, chosen = routes.experts.shape
    assert routes.weights.shape == routes.experts.shape
    assert routes.token_ids.shape == (tokens,)
    columns = (
        np.ascontiguousarray(routes.token_ids, dtype="<u4"),
        np.ascontiguousarray(routes.experts, dtype=np.uint8),
        np.ascontiguousarray(routes.weights, dtype="<f2"),
    )
    header = _HEADER.pack(_MAGIC, routes.start, tokens, layers, chosen)
    return header + zlib.compress(b"".join(column.tobytes() for column in columns), level=1)


def decode_routes(record: bytes) -> Routes:
    """The record of `encode_routes`. Raises HistoryError when it is damaged."""
    try:
        magic, start, tokens, layers, chosen = _HEADER.unpack_from(record)
        cells = tokens * layers * chosen
        size = 4 * tokens + 3 * cells
        unpacker = zlib.decompressobj()
        body = unpacker.decompress(record[_HEADER.size :], size + 1)  # never more than the header promises
    except (struct.error, zlib.error) as error:
        raise _damaged() from error
    if magic != _MAGIC or len(body) != size:
        raise _damaged()
    shape = (tokens, layers, chosen)
    return Routes(
        start=start,
        token_ids=np.frombuffer(body, "<u4", tokens, 0),
        experts=np.frombuffer(body, np.uint8, cells, 4 * tokens).reshape(shape),
        weights=np.frombuffer(body, "<f2", cells, 4 * tokens + cells).reshape(shape),
    )


def _damaged() -> HistoryError:
    return HistoryError("The routing record of this answer is damaged.", "The text is not affected; regenerate to record it anew.")
