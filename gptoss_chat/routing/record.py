"""Stored routing joined with what its tokens are; it knows the history and the prompt format, no analyses.

Legend: T tokens, L layers, K chosen experts a token, E experts a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gptoss_chat.errors import HistoryError
from gptoss_chat.harmony import HarmonyEncoding
from gptoss_chat.history import Node, Store, decode_routes
from gptoss_chat.history.routes import Routing
from gptoss_chat.routing.tokens import TEXT, channels_of, spelling, texts_of

_USUAL_COUNTS: Final = (8, 16, 32, 64, 128, 256)


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
    experts_TLK: NDArray[np.uint8]  # the weightiest first
    weights_TLK: NDArray[np.float16]  # sum to 1 over K

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

    def select(self, mask_T: NDArray[np.bool_]) -> Routes:
        """The tokens where the mask holds."""
        return replace(
            self,
            turns_T=self.turns_T[mask_T],
            positions_T=self.positions_T[mask_T],
            token_ids_T=self.token_ids_T[mask_T],
            channels_T=self.channels_T[mask_T],
            texts=tuple(self.texts[at] for at in np.flatnonzero(mask_T)),
            experts_TLK=self.experts_TLK[mask_T],
            weights_TLK=self.weights_TLK[mask_T],
        )

    def only_turn(self, turn: int) -> Routes:
        """The tokens of one turn, which is then the only one. Raises IndexError when there is no such turn."""
        part = self.select(self.turns_T == turn)
        return replace(part, turn_ids=(self.turn_ids[turn],), turns_T=np.zeros_like(part.turns_T))


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
    return replace(routes, channels_T=np.full(routes.tokens, TEXT, np.uint8))


def routes_of(
    turns: Sequence[tuple[str, Routing]], encoding: HarmonyEncoding | None, *, model: str, experts: int | None = None
) -> Routes:
    """Join the records of (reply id, routing), all of one shape.

    Without an encoding tokens read as `<id>` and stand in no channel. Without `experts` the count is guessed from the
    ids: the smallest usual one that holds them all.
    """
    records = [record for _, record in turns]
    highest = max((int(record.experts.max(initial=0)) for record in records), default=0)
    ids_T = np.concatenate([record.token_ids for record in records])
    if encoding is None:
        texts = tuple(spelling(None, token_id) for token_id in ids_T.tolist())
        channels_T = np.full(len(ids_T), TEXT, np.uint8)
    else:
        texts = sum((texts_of(encoding, record.token_ids.tolist()) for record in records), ())
        channels_T = np.concatenate([channels_of(encoding, record.token_ids) for record in records])
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
        experts_TLK=np.concatenate([record.experts for record in records]),
        weights_TLK=np.concatenate([record.weights for record in records]),
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
            if not turns or record.experts.shape[1:] == turns[0][1].experts.shape[1:]:
                model = node.model
                turns.insert(0, (node.id, record))
    if not turns:
        raise HistoryError("No routing is stored here.", "It is stored with every answer once the answer ends.")
    known = model_of(model or "")
    return routes_of(turns, known.encoding, model=model or "", experts=known.experts)


def _usual(experts: int) -> int:
    return next((usual for usual in _USUAL_COUNTS if usual >= experts), experts)
