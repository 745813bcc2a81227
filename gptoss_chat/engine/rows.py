"""What is recorded beside a token's keys and values, as one row of an array; it knows nothing of pages or trees.

Legend: T tokens, L layers, K places for chosen experts, A alternatives.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gptoss_chat.engine.types import RouteRecord
from gptoss_chat.model.route import NO_EXPERT

ALTERNATIVES: Final = 5
Rows = NDArray[np.void]


def row_type(layers: int, chosen: int) -> np.dtype[np.void]:
    """The columns of a row; its arrays are views of them.

    logprob is that of the token itself where it was drawn, and the alternatives are the likeliest tokens there; NaN where
    the token was given, as in a prompt. entropy is in bits, of the router's softmax over all experts.
    """
    return np.dtype(
        [
            ("experts", np.uint8, (layers, chosen)),
            ("weights", np.float16, (layers, chosen)),
            ("entropy", np.float16, (layers,)),
            ("logprob", np.float32),
            ("alternative_ids", np.uint32, (ALTERNATIVES,)),
            ("alternative_logprobs", np.float32, (ALTERNATIVES,)),
        ]
    )


def put(rows: Rows, experts_TLK: NDArray[Any], weights_TLK: NDArray[Any], entropy_TL: NDArray[Any]) -> None:
    """Fill rows of tokens that were given; places for experts beyond K are left empty."""
    chosen = experts_TLK.shape[2]
    rows["experts"][..., chosen:], rows["weights"][..., chosen:] = NO_EXPERT, 0
    rows["experts"][..., :chosen], rows["weights"][..., :chosen] = experts_TLK, weights_TLK
    rows["entropy"] = entropy_TL
    rows["logprob"], rows["alternative_ids"], rows["alternative_logprobs"] = np.nan, 0, np.nan


def put_draw(rows: Rows, at: int, logprob: float, alternatives: Sequence[tuple[int, float]]) -> None:
    """Note in one row how its token was drawn; the likeliest alternatives first."""
    rows["logprob"][at] = logprob
    for place, (token_id, other) in enumerate(alternatives[:ALTERNATIVES]):
        rows["alternative_ids"][at, place], rows["alternative_logprobs"][at, place] = token_id, other


def cut_to(rows: Rows, kind: np.dtype[np.void]) -> Rows:
    """A copy whose rows have fewer places for experts, the first of those they have."""
    cut = np.empty(len(rows), kind)
    for name in kind.names or ():
        cut[name] = rows[name][..., : kind[name].shape[1]] if name in ("experts", "weights") else rows[name]
    return cut


def record_of(start: int, token_ids_T: NDArray[np.uint32], rows: Rows) -> RouteRecord:
    """The columns as arrays of their own."""
    return RouteRecord(
        start,
        token_ids_T,
        experts=np.ascontiguousarray(rows["experts"]),
        weights=np.ascontiguousarray(rows["weights"]),
        entropy=np.ascontiguousarray(rows["entropy"]),
        logprobs=np.ascontiguousarray(rows["logprob"]),
        alternative_ids=np.ascontiguousarray(rows["alternative_ids"]),
        alternative_logprobs=np.ascontiguousarray(rows["alternative_logprobs"]),
    )


def joined(first: RouteRecord | None, second: RouteRecord | None) -> RouteRecord | None:
    """One record of two spans, of which the second begins where the first ends."""
    if first is None or second is None:
        return first or second
    assert second.start == first.start + len(first.token_ids)
    columns = (field.name for field in dataclasses.fields(RouteRecord) if field.name != "start")
    arrays = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in columns}
    return RouteRecord(first.start, **arrays)
