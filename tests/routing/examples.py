"""Small routings whose every axis has another size, and stored conversations; knows nothing of what is asserted."""

from __future__ import annotations

import numpy as np

from gptoss_chat.engine.types import RouteRecord
from gptoss_chat.harmony import HarmonyEncoding
from gptoss_chat.history import Store
from gptoss_chat.history.routes import encode_routes
from gptoss_chat.routing import Routes, routes_of
from tests.encodings import byte_encoding

LAYERS, EXPERTS, CHOSEN, ALTERNATIVES = 5, 12, 3, 2


def tokens_of(encoding: HarmonyEncoding, *parts: str) -> list[int]:
    """Parts that are control tokens become those; the others are text."""
    ids: list[int] = []
    for part in parts:
        ids += [encoding.special(part)] if part.startswith("<|") else encoding.encode_text(part)
    return ids


def turn_tokens(encoding: HarmonyEncoding, prompt: str, thought: str, answer: str) -> list[int]:
    """A turn as its record holds it: from the prompt to the reply, whose end token was never run."""
    return tokens_of(
        encoding,
        *("<|start|>", "user", "<|message|>", prompt, "<|end|>", "<|start|>", "assistant", "<|channel|>", "analysis"),
        *("<|message|>", thought, "<|end|>", "<|start|>", "assistant", "<|channel|>", "final", "<|message|>", answer),
    )


def random_record(ids: list[int], *, seed: int = 1, start: int = 7, layers: int = LAYERS) -> RouteRecord:
    """Experts drawn unevenly, and differently in each layer; weights that sum to 1."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(len(ids), layers, EXPERTS)) + rng.normal(size=(layers, EXPERTS))
    experts = np.argsort(-scores, axis=-1)[..., :CHOSEN]
    weights = np.exp(np.take_along_axis(scores, experts, -1))
    weights /= weights.sum(-1, keepdims=True)
    drawn = (np.arange(len(ids)) >= len(ids) // 2)[:, None]  # the first half was given
    chances = np.where(drawn, -np.sort(rng.exponential(size=(len(ids), ALTERNATIVES)), axis=-1), np.nan)
    return RouteRecord(
        start,
        np.array(ids, np.uint32),
        experts.astype(np.uint8),
        weights.astype(np.float16),
        entropy=rng.uniform(0, np.log2(EXPERTS), (len(ids), layers)).astype(np.float16),
        logprobs=np.where(drawn[:, 0], -rng.exponential(size=len(ids)), np.nan).astype(np.float32),
        alternative_ids=np.where(drawn, rng.integers(ord("a"), ord("z"), (len(ids), ALTERNATIVES)), 0).astype(
            np.uint32
        ),
        alternative_logprobs=chances.astype(np.float32),
    )


def example_routes() -> Routes:
    """Two turns joined."""
    encoding = byte_encoding()
    first = random_record(turn_tokens(encoding, "What is π?", "A number.", "About 3.14."))
    second = random_record(turn_tokens(encoding, "And e?", "Another.", "<b>2.72</b>, “e”"), seed=2, start=30)
    return routes_of([("one", first), ("two", second)], encoding, model="tiny", experts=EXPERTS)


def stored_turn(
    store: Store, conversation_id: str, parent_id: str | None, record: RouteRecord | None, **reply: str
) -> str:
    """A prompt and its reply with that routing; the reply's id."""
    user = store.add_user(conversation_id, parent_id, "prompt")
    node = store.begin_reply(conversation_id, user.id, reply.get("model", "tiny"), "low", "{}")
    blob = encode_routes(record) if record is not None else None
    store.finish_reply(node.id, status="complete", final="answer", routes=blob)
    return node.id
