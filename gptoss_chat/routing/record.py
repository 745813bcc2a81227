"""Stored routing joined with what its tokens are; it knows the history and the prompt format, no analyses.

Legend: T tokens, L layers, K places for the experts of a token, E experts a layer, A alternatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gptoss_chat.errors import HistoryError
from gptoss_chat.harmony import HarmonyEncoding
from gptoss_chat.history import Node, Store
from gptoss_chat.history.routes import Routing, decode_routes
from gptoss_chat.model.route import NO_EXPERT
from gptoss_chat.routing.tokens import TEXT, channels_of, reply_places, spelling, texts_of

_USUAL_COUNTS: Final = (8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that might have been drawn, and the model's probability for it."""

    token_id: int
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Routes:
    """The tokens of one or more turns with the experts that each was sent to.

    A turn is its prompt and its reply, as the model read them; the token sampled last was never run and has no row. The
    routing of a row is that of the row's own token: of the pass that read it and predicted the next.
    """

    model: str
    experts: int  # E
    turn_ids: tuple[str, ...]  # the replies, in order
    turns_T: NDArray[np.int32]  # index in turn_ids
    positions_T: NDArray[np.int32]  # in that turn's prompt
    token_ids_T: NDArray[np.uint32]
    channels_T: NDArray[np.uint8]  # codes of CHANNELS
    texts: tuple[str, ...]
    experts_TLK: NDArray[np.uint8]  # the weightiest first; NO_EXPERT where a layer chose fewer
    weights_TLK: NDArray[np.float16]  # sum to 1 over K
    entropy_TL: NDArray[np.float16]  # of the router's softmax over E, bits; NaN where it was not recorded
    reply_T: NDArray[np.int32]  # place among the reply's tokens, -1 in the prompt
    logprobs_T: NDArray[np.float32]  # under the model; NaN for a token that was given
    alternative_ids_TA: NDArray[np.uint32]  # the likeliest first
    alternative_logprobs_TA: NDArray[np.float32]
    spellings: Mapping[int, str]  # of every alternative

    @property
    def tokens(self) -> int:
        """T."""
        return int(self.experts_TLK.shape[0])

    @property
    def layers(self) -> int:
        """L."""
        return int(self.experts_TLK.shape[1])

    @property
    def chosen(self) -> int:
        """K."""
        return int(self.experts_TLK.shape[2])

    def probability(self, at: int) -> float | None:
        """The model's probability for a token that was drawn."""
        logprob = float(self.logprobs_T[at])
        return None if math.isnan(logprob) else math.exp(logprob)

    def alternatives(self, at: int) -> list[Alternative]:
        """The likeliest tokens where this one was drawn, itself mostly among them; none where it was given."""
        chances = zip(self.alternative_ids_TA[at].tolist(), self.alternative_logprobs_TA[at].tolist(), strict=True)
        return [
            Alternative(token_id, self.spellings[token_id], math.exp(logprob))
            for token_id, logprob in chances
            if not math.isnan(logprob)
        ]

    def select(self, mask_T: NDArray[np.bool_]) -> Routes:
        """The tokens where the mask holds."""
        columns: dict[str, Any] = {name: getattr(self, name)[mask_T] for name in _COLUMNS}
        return replace(self, texts=tuple(self.texts[at] for at in np.flatnonzero(mask_T)), **columns)

    def only_turn(self, turn: int) -> Routes:
        """The tokens of one turn, which is then the only one. Raises IndexError when there is no such turn."""
        part = self.select(self.turns_T == turn)
        return replace(part, turn_ids=(self.turn_ids[turn],), turns_T=np.zeros_like(part.turns_T))


_COLUMNS: Final = tuple(
    name for name in Routes.__slots__ if name.rpartition("_")[2] in ("T", "TL", "TLK", "TA")
)  # arrays with a row a token


@dataclass(frozen=True, slots=True)
class KnownModel:
    """What reading a model's routes takes; both are None for a model that is not on this machine."""

    encoding: HarmonyEncoding | None = None
    experts: int | None = None


ModelOf = Callable[[str], KnownModel]  # by the name that the history has


def turn_routes(store: Store, reply_id: str, model_of: ModelOf) -> Routes:
    """The routing stored with one reply. Raises HistoryError when there is none, or it is damaged."""
    return _joined(store, [store.node(reply_id)], model_of)


def path_routes(store: Store, node_id: str, model_of: ModelOf) -> Routes:
    """The routing of every turn from the root to `node_id`; turns of another model than the last one are left out.

    Raises HistoryError when none is stored, or one is damaged.
    """
    return _joined(store, store.path_to(node_id), model_of)


def conversation_routes(store: Store, conversation_id: str, model_of: ModelOf) -> Routes:
    """As `path_routes`, for the branch of a conversation that was shown last."""
    leaf_id = store.conversation(conversation_id).leaf_id
    return _joined(store, store.path_to(leaf_id) if leaf_id else [], model_of)


def text_routes(record: Routing, encoding: HarmonyEncoding, *, model: str, experts: int) -> Routes:
    """The routing of a text that no conversation holds, without harmony around it."""
    routes = routes_of([("text", record)], encoding, model=model, experts=experts)
    return replace(
        routes,
        channels_T=np.full(routes.tokens, TEXT, np.uint8),
        reply_T=np.full(routes.tokens, -1, np.int32),
    )


def routes_of(
    turns: Sequence[tuple[str, Routing]], encoding: HarmonyEncoding | None, *, model: str, experts: int | None = None
) -> Routes:
    """Join the records of (reply id, routing), all of as many layers.

    Without an encoding tokens read as `<id>` and stand in no channel. Without `experts` the count is guessed from the
    ids: the smallest usual one that holds them all.
    """
    records = [record for _, record in turns]
    experts_TLK = _joined_columns([record.experts for record in records], NO_EXPERT)
    highest = int(experts_TLK.max(initial=0, where=experts_TLK != NO_EXPERT))
    ids_T = np.concatenate([record.token_ids for record in records])
    if encoding is None:
        texts = tuple(spelling(None, token_id) for token_id in ids_T.tolist())
        channels_T = np.full(len(ids_T), TEXT, np.uint8)
        reply_T = np.full(len(ids_T), -1, np.int32)
    else:
        texts = sum((texts_of(encoding, record.token_ids.tolist()) for record in records), ())
        channels_T = np.concatenate([channels_of(encoding, record.token_ids) for record in records])
        reply_T = np.concatenate([reply_places(encoding, record.token_ids) for record in records])
    alternative_ids_TA = _joined_columns([record.alternative_ids for record in records], 0)
    return Routes(
        model=model,
        experts=max(experts or 0, highest + 1) if experts else _usual(highest + 1),
        turn_ids=tuple(turn_id for turn_id, _ in turns),
        turns_T=np.repeat(np.arange(len(records), dtype=np.int32), [len(record.token_ids) for record in records]),
        positions_T=np.concatenate(
            [np.arange(len(record.token_ids), dtype=np.int32) + np.int32(record.start) for record in records]
        ),
        token_ids_T=ids_T,
        channels_T=channels_T,
        texts=texts,
        experts_TLK=experts_TLK,
        weights_TLK=_joined_columns([record.weights for record in records], 0),
        entropy_TL=np.concatenate([record.entropy for record in records]),
        reply_T=reply_T,
        logprobs_T=np.concatenate([record.logprobs for record in records]),
        alternative_ids_TA=alternative_ids_TA,
        alternative_logprobs_TA=_joined_columns([record.alternative_logprobs for record in records], np.nan),
        spellings={token_id: spelling(encoding, token_id) for token_id in np.unique(alternative_ids_TA).tolist()},
    )


def _joined(store: Store, nodes: Sequence[Node], model_of: ModelOf) -> Routes:
    turns: list[tuple[str, Routing]] = []
    model: str | None = None
    for node in reversed(nodes):
        if model not in (None, node.model):
            continue
        blob = store.routes(node.id) if node.role == "assistant" else None
        if blob is not None:
            record = decode_routes(blob)
            # A folder's name says little: another checkpoint under the same one has another shape.
            if not turns or record.experts.shape[1] == turns[0][1].experts.shape[1]:
                model = node.model
                turns.insert(0, (node.id, record))
    if not turns:
        raise HistoryError("No routing is stored here.", "It is stored with every answer once the answer ends.")
    known = model_of(model or "")
    return routes_of(turns, known.encoding, model=model or "", experts=known.experts)


def _joined_columns(arrays: Sequence[NDArray[Any]], fill: float) -> NDArray[Any]:
    """One after the other, the last axis of each filled up to the longest."""
    width = max(array.shape[-1] for array in arrays)
    return np.concatenate(
        [
            np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, width - array.shape[-1])], constant_values=fill)
            for array in arrays
        ]
    )


def _usual(experts: int) -> int:
    return next((usual for usual in _USUAL_COUNTS if usual >= experts), experts)
