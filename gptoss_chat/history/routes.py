"""A turn's routing as bytes for the database; it knows nothing of SQL, nor of what is drawn from it.

Layout: magic "GR1\0", uint32 start, tokens, layers, chosen (little-endian), then zlib of token ids (uint32), experts
(uint8) and weights (float16). No pickle: a record from anywhere can only be numbers.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gptoss_chat.errors import HistoryError

if TYPE_CHECKING:  # opening the history does not wait for NumPy
    import numpy as np
    from numpy.typing import NDArray

_MAGIC = b"GR1\0"
_HEADER = struct.Struct("<4s4I")


class Routing(Protocol):
    """token_ids uint32 [T], experts uint8 [T, L, K], weights float16 [T, L, K]; `start` is the first position."""

    @property
    def start(self) -> int: ...
    @property
    def token_ids(self) -> NDArray[np.uint32]: ...
    @property
    def experts(self) -> NDArray[np.uint8]: ...
    @property
    def weights(self) -> NDArray[np.float16]: ...


@dataclass(frozen=True, slots=True)
class StoredRouting:
    """A Routing read back."""

    start: int
    token_ids: NDArray[np.uint32]
    experts: NDArray[np.uint8]
    weights: NDArray[np.float16]


def encode_routes(routes: Routing) -> bytes:
    """The bytes of a routing record."""
    import numpy as np

    tokens, layers, chosen = routes.experts.shape
    body = (
        np.ascontiguousarray(routes.token_ids, "<u4").tobytes()
        + np.ascontiguousarray(routes.experts, np.uint8).tobytes()
        + np.ascontiguousarray(routes.weights, "<f2").tobytes()
    )
    # Level 1: the weights hardly compress, and the pump thread should not linger.
    return _HEADER.pack(_MAGIC, routes.start, tokens, layers, chosen) + zlib.compress(body, 1)


def decode_routes(blob: bytes) -> StoredRouting:
    """Read a record back. Raises HistoryError for bytes that are none."""
    import numpy as np

    try:
        magic, start, tokens, layers, chosen = _HEADER.unpack_from(blob)
        cells = tokens * layers * chosen
        size = 4 * tokens + 3 * cells
        unpacker = zlib.decompressobj()
        body = unpacker.decompress(blob[_HEADER.size :], size + 1)  # no more than the header promises
    except (struct.error, zlib.error, OverflowError) as error:
        raise HistoryError("A stored routing record is damaged.", "Regenerate the answer to record it anew.") from error
    if magic != _MAGIC or len(body) != size or not unpacker.eof:
        raise HistoryError("A stored routing record is damaged.", "Regenerate the answer to record it anew.")
    shape = (tokens, layers, chosen)
    return StoredRouting(
        start,
        np.frombuffer(body, "<u4", tokens).astype(np.uint32),
        np.frombuffer(body, np.uint8, cells, 4 * tokens).reshape(shape),
        np.frombuffer(body, "<f2", cells, 4 * tokens + cells).astype(np.float16).reshape(shape),
    )
