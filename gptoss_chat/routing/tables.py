"""Routing as CSV, JSON and NPZ, for other programs to read; it knows nothing of pictures or terminals.

CSV has one row for every token, layer and chosen expert, and these columns:

    turn        the reply's id, or "text"
    position    of the token in that turn's prompt, from 0
    token_id    in the model's vocabulary
    text        of the token; a character of several tokens stands with the last of them
    channel     control, system, user, analysis, commentary, final, tool, other or text
    probability of the token under the model, before temperature and filters; empty for one that was given, as in a prompt
    alternatives  the likeliest tokens in its place, as id:probability with spaces between; only in a token's first row
    layer       from 0
    router_entropy  of the router's softmax over all experts, in bits; empty in turns of before it was recorded
    rank        of the expert among those chosen, from 0, the weightiest first
    expert      from 0
    weight      float16; a token's weights in a layer sum to 1

JSON holds the same, one object a token with lists [layer][rank], and the analyses. NPZ holds arrays: token_ids uint32 [T],
positions int32 [T], turns int32 [T] (index in turn_ids), channels uint8 [T] (index in channel_names), experts uint8 and
weights float16 [T, L, K] (255 and 0 where a layer chose fewer than K), router_entropy float16 [T, L], logprobs float32 [T]
(natural logarithms), alternative_ids uint32 and alternative_logprobs float32 [T, A], all NaN where not known, text_utf8 uint8
(the texts one after another) and text_ends int64 [T] (where each ends), model and expert_count. It loads with
allow_pickle=False.
"""

from __future__ import annotations

import csv
import json
import math
from typing import BinaryIO, Final, TextIO

import numpy as np

from gptoss_chat.model.route import NO_EXPERT
from gptoss_chat.routing.record import Routes
from gptoss_chat.routing.summary import as_json, summarise
from gptoss_chat.routing.tokens import CHANNELS

FORMAT: Final = "gptoss-chat routes 2"
COLUMNS: Final = (
    "turn", "position", "token_id", "text", "channel", "probability", "alternatives",
    "layer", "router_entropy", "rank", "expert", "weight",
)  # fmt: skip


def write_csv(routes: Routes, out: TextIO) -> None:
    """The rows, under their names."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    places = [(layer, rank) for layer in range(routes.layers) for rank in range(routes.chosen)]
    for at in range(routes.tokens):
        chance = routes.probability(at)
        head = (*_token(routes, at).values(), "" if chance is None else f"{chance:.6g}")
        others = " ".join(f"{other.token_id}:{other.probability:.6g}" for other in routes.alternatives(at))
        entropy = ["" if math.isnan(bits) else f"{bits:.5g}" for bits in routes.entropy_TL[at].tolist()]
        experts, weights = routes.experts_TLK[at].ravel().tolist(), routes.weights_TLK[at].ravel().tolist()
        writer.writerows(
            # Five digits tell every float16 from its neighbours.
            (*head, "" if layer or rank else others, layer, entropy[layer], rank, expert, f"{weight:.5g}")
            for (layer, rank), expert, weight in zip(places, experts, weights, strict=True)
            if expert != NO_EXPERT
        )


def write_json(routes: Routes, out: TextIO) -> None:
    """One object; ASCII only, a line a token."""
    head = {
        "format": FORMAT,
        "model": routes.model,
        "layers": routes.layers,
        "experts": routes.experts,
        "experts_per_token": routes.chosen,
        "turns": routes.turn_ids,
        "analyses": as_json(summarise(routes)),
    }
    out.write(json.dumps(head)[:-1] + ', "tokens": [')
    for at in range(routes.tokens):
        chance = routes.probability(at)
        experts = [[expert for expert in layer if expert != NO_EXPERT] for layer in routes.experts_TLK[at].tolist()]
        token = {
            **_token(routes, at),
            "probability": None if chance is None else float(f"{chance:.6g}"),
            "alternatives": [
                {"token_id": other.token_id, "text": other.text, "probability": float(f"{other.probability:.6g}")}
                for other in routes.alternatives(at)
            ],
            "experts": experts,
            "weights": [
                [float(f"{weight:.5g}") for weight in layer[: len(chosen)]]
                for layer, chosen in zip(routes.weights_TLK[at].tolist(), experts, strict=True)
            ],
            "router_entropy": [
                None if math.isnan(bits) else float(f"{bits:.5g}") for bits in routes.entropy_TL[at].tolist()
            ],
        }
        out.write(("," if at else "") + "\n" + json.dumps(token))
    out.write("\n]}\n")


def write_npz(routes: Routes, out: BinaryIO) -> None:
    """Compressed arrays."""
    texts = [text.encode("utf-8", errors="replace") for text in routes.texts]
    np.savez_compressed(
        out,
        model=np.array(routes.model),
        expert_count=np.array(routes.experts),
        turn_ids=np.array(routes.turn_ids),
        channel_names=np.array(CHANNELS),
        turns=routes.turns_T,
        positions=routes.positions_T,
        token_ids=routes.token_ids_T,
        channels=routes.channels_T,
        text_utf8=np.frombuffer(b"".join(texts), np.uint8),
        text_ends=np.cumsum([len(text) for text in texts], dtype=np.int64),
        experts=routes.experts_TLK,
        weights=routes.weights_TLK,
        router_entropy=routes.entropy_TL,
        logprobs=routes.logprobs_T,
        alternative_ids=routes.alternative_ids_TA,
        alternative_logprobs=routes.alternative_logprobs_TA,
    )


def _token(routes: Routes, at: int) -> dict[str, object]:
    return {
        "turn": routes.turn_ids[routes.turns_T[at]],
        "position": int(routes.positions_T[at]),
        "token_id": int(routes.token_ids_T[at]),
        "text": routes.texts[at],
        "channel": CHANNELS[routes.channels_T[at]],
    }
