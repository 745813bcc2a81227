"""A turn's routing as bytes for the database; it knows nothing of SQL, nor of what is drawn from it.

Layout, little-endian: magic "GR2\0", uint32 start, tokens, layers, chosen, alternatives, then zlib of the columns in the order
of `_columns`. "GR1\0" is the older form, which has neither `alternatives` nor the columns after the weights. No pickle: a record
from anywhere can only be numbers.

Legend: T tokens, L layers, K places for chosen experts, A alternatives.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from gptoss_chat.errors import HistoryError

if TYPE_CHECKING:  # opening the history does not wait for NumPy
    import numpy as np
    from numpy.typing import NDArray

_MAGIC, _OLD_MAGIC = b"GR2\0", b"GR1\0"
_HEADER, _OLD_HEADER = struct.Struct("<4s5I"), struct.Struct("<4s4I")


class Routing(Protocol):
    """What is recorded of T tokens, the first at position `start`.

    token_ids uint32 [T]; experts uint8 and weights float16 [T, L, K], NO_EXPERT and 0 where a layer chose fewer than K;
    entropy float16 [T, L], bits, of the router's softmax over all experts; logprobs float32 [T], of the tokens that were
    drawn; alternative_ids uint32 and alternative_logprobs float32 [T, A]. What is not known is NaN.
    """

    @property
    def start(self) -> int: ...
    @property
    def token_ids(self) -> NDArray[np.uint32]: ...
    @property
    def experts(self) -> NDArray[np.uint8]: ...
    @property
    def weights(self) -> NDArray[np.float16]: ...
    @property
    def entropy(self) -> NDArray[np.float16]: ...
    @property
    def logprobs(self) -> NDArray[np.float32]: ...
    @property
    def alternative_ids(self) -> NDArray[np.uint32]: ...
    @property
    def alternative_logprobs(self) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class StoredRouting:
    """A Routing read back."""

    start: int
    token_ids: NDArray[np.uint32]
    experts: NDArray[np.uint8]
    weights: NDArray[np.float16]
    entropy: NDArray[np.float16]
    logprobs: NDArray[np.float32]
    alternative_ids: NDArray[np.uint32]
    alternative_logprobs: NDArray[np.float32]


def encode_routes(routes: Routing) -> bytes:
    """The bytes of a routing record."""
    import numpy as np

    tokens, layers, chosen = routes.experts.shape
    alternatives = routes.alternative_ids.shape[1]
    body = b"".join(
        np.ascontiguousarray(getattr(routes, name), kind).tobytes()
        for name, kind, _ in _columns(tokens, layers, chosen, alternatives)
    )
    # Level 1: the weights hardly compress, and the end of the turn should not linger.
    return _HEADER.pack(_MAGIC, routes.start, tokens, layers, chosen, alternatives) + zlib.compress(body, 1)


def decode_routes(blob: bytes) -> StoredRouting:
    """Read a record back. Raises HistoryError for bytes that are none."""
    import numpy as np

    try:
        header = _OLD_HEADER if blob[:4] == _OLD_MAGIC else _HEADER
        magic, start, tokens, layers, chosen, *more = header.unpack_from(blob)
        columns = _columns(tokens, layers, chosen, *more)
        size = sum(np.dtype(kind).itemsize * math.prod(shape) for _, kind, shape in columns)
        unpacker = zlib.decompressobj()
        body = unpacker.decompress(blob[header.size :], size + 1)  # no more than the header promises
    except (struct.error, zlib.error, OverflowError) as error:
        raise _damaged() from error
    if magic not in (_MAGIC, _OLD_MAGIC) or len(body) != size or not unpacker.eof:
        raise _damaged()
    arrays: dict[str, Any] = {
        "entropy": np.full((tokens, layers), np.nan, np.float16),
        "logprobs": np.full(tokens, np.nan, np.float32),
        "alternative_ids": np.zeros((tokens, 0), np.uint32),
        "alternative_logprobs": np.zeros((tokens, 0), np.float32),
    }
    at = 0
    for name, kind, shape in columns:
        column = np.frombuffer(body, kind, math.prod(shape), at)
        at += column.nbytes
        arrays[name] = column.astype(column.dtype.newbyteorder("=")).reshape(shape)
    return StoredRouting(start, **arrays)


def with_draws_of(routes: Routing, earlier: Routing) -> StoredRouting:
    """`routes`, with what `earlier` knows of how tokens were drawn where both hold the same and `routes` does not know.

    A reply that goes on from another was given its beginning, and the cache may have forgotten that it was drawn once. The
    alternatives hold for the first token that differs too: only what stands before it made them.
    """
    import numpy as np

    kept = {name: getattr(routes, name) for name in StoredRouting.__slots__}
    both = min(len(routes.token_ids), len(earlier.token_ids))
    same = routes.token_ids[:both] == earlier.token_ids[:both]
    shared = both if same.all() else int(np.argmin(same))
    if routes.start != earlier.start or earlier.alternative_ids.shape[1] != routes.alternative_ids.shape[1]:
        return StoredRouting(**kept)
    end = min(shared + 1, both)
    unknown_T = np.isnan(routes.logprobs[:end]) & np.isnan(routes.alternative_logprobs[:end]).all(axis=1)
    for name in ("alternative_ids", "alternative_logprobs", "logprobs"):
        kept[name] = getattr(routes, name).copy()
        kept[name][:end][unknown_T] = getattr(earlier, name)[:end][unknown_T]
    if shared < end and unknown_T[shared]:
        is_it = (earlier.alternative_ids[shared] == routes.token_ids[shared]) & ~np.isnan(
            earlier.alternative_logprobs[shared]
        )
        kept["logprobs"][shared] = earlier.alternative_logprobs[shared][is_it][0] if is_it.any() else np.nan
    return StoredRouting(**kept)


def _columns(
    tokens: int, layers: int, chosen: int, alternatives: int | None = None
) -> list[tuple[str, str, tuple[int, ...]]]:
    """Name, type and shape of each column; without `alternatives`, those of the older form."""
    cells = (tokens, layers, chosen)
    columns: list[tuple[str, str, tuple[int, ...]]] = [
        ("token_ids", "<u4", (tokens,)),
        ("experts", "u1", cells),
        ("weights", "<f2", cells),
    ]
    if alternatives is None:
        return columns
    return [
        *columns,
        ("entropy", "<f2", (tokens, layers)),
        ("logprobs", "<f4", (tokens,)),
        ("alternative_ids", "<u4", (tokens, alternatives)),
        ("alternative_logprobs", "<f4", (tokens, alternatives)),
    ]


def _damaged() -> HistoryError:
    return HistoryError("A stored routing record is damaged.", "Regenerate the answer to record it anew.")
