"""Opens the routing screen on a conversation of a session, and takes back what it returns; it knows no widgets."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, assert_never

from gptoss_chat import catalog
from gptoss_chat.chat.stored import Branching, branching_of, options_of
from gptoss_chat.errors import CheckpointError, ModelNotFoundError, UsageError
from gptoss_chat.harmony import load_encoding
from gptoss_chat.routing import KnownModel, Routes, conversation_routes, turn_routes
from gptoss_chat.settings import Settings
from gptoss_chat.tui.screens.routing import RoutingScreen
from gptoss_chat.tui.screens.routing_wishes import Branched, Steered, Wish

if TYPE_CHECKING:
    from gptoss_chat.chat.session import Session
    from gptoss_chat.chat.turn import Turn, TurnOptions


def routing_screen(session: Session, conversation_id: str, *, at_turn: str | None = None) -> RoutingScreen:
    """The screen on the branch of the conversation that is shown; `at_turn` is the reply to begin at."""

    def model_of(name: str) -> KnownModel:
        """The session's own model, or one of that name on this machine; tokens of any other are shown by their ids."""
        loaded = session.loaded
        if loaded is not None and loaded.name == name:
            return KnownModel(loaded.encoding, loaded.spec.experts if loaded.spec else None)
        try:
            entry = catalog.find(name, Settings())
            return KnownModel(load_encoding(entry.folder), entry.spec.experts)
        except (ModelNotFoundError, CheckpointError):
            return KnownModel()

    def load() -> Routes:
        return conversation_routes(session.store, conversation_id, model_of)

    def rival_of(reply_id: str) -> Routes | None:
        """The version before it, else the one after it, of those that can be compared."""
        node = session.store.node(reply_id)
        versions = [version for version in session.store.siblings(reply_id) if version.model == node.model]
        place = [version.id for version in versions].index(reply_id)
        for other in [*reversed(versions[:place]), *versions[place + 1 :]]:
            if session.store.routes(other.id) is not None:
                return turn_routes(session.store, other.id, model_of)
        return None

    return RoutingScreen(load, rival_of=rival_of, at_turn=at_turn)


def answer_again(session: Session, wish: Wish, options: TurnOptions) -> Turn:
    """Another version of an answer, with the seed of the old one: what differs comes of the rules, or of the new token."""
    node = session.store.node(wish.reply_id)
    match wish:
        case Steered(route=route):
            branching = branching_of(node)
            if branching is not None:  # it begins where the old one left a third
                return session.branch(branching, dataclasses.replace(options_of(node, options), route=route))
            seed = (node.usage or {}).get("seed", options.sampling.seed)
            sampling = dataclasses.replace(options.sampling, seed=seed)
            return session.regenerate(node.id, dataclasses.replace(options, sampling=sampling, route=route))
        case Branched(kept=kept, instead=instead):
            if session.loaded is None:
                raise UsageError("The model is not loaded yet.", "Try again in a moment.")
            ids = (instead,) if isinstance(instead, int) else tuple(session.loaded.encoding.encode_text(instead))
            return session.branch(Branching(node.id, kept, ids), options_of(node, options))
        case _:
            assert_never(wish)
