"""The analyses of one routing in one value, and as a table to read; it knows nothing of files or terminals.

Legend: T tokens, L layers, K chosen experts a token, E experts a layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gptoss_chat.routing import analysis
from gptoss_chat.routing.analysis import Counts, Floats, Locality
from gptoss_chat.routing.record import Routes
from gptoss_chat.routing.tokens import CHANNELS
from gptoss_chat.text import printable

DESCRIPTIVE = "This describes what the router did; it does not explain why."


@dataclass(frozen=True, slots=True)
class Summary:
    """What the routing of some tokens is like. Shares and rates are of tokens, entropies in bits."""

    tokens: int
    tokens_by_channel: dict[str, int]
    load_LE: Counts  # tokens that chose the expert
    load_entropy_L: Floats  # 0 .. log2 E
    gate_entropy_L: Floats  # of the chosen experts' weights, the mean over tokens, 0 .. log2 K
    router_entropy_L: (
        Floats  # of the softmax over all experts, the mean over tokens where it is known, else NaN; 0 .. log2 E
    )
    locality: Locality
    analysis_less_final_LE: Floats | None  # activation rates; None unless both channels are there
    analysis_final_divergence_L: Floats | None  # Jensen-Shannon


def summarise(routes: Routes) -> Summary:
    """Every analysis that has one value a layer or an expert."""
    load_LE = analysis.load_counts(routes.experts_TLK, routes.experts)
    thinking_T = routes.channels_T == CHANNELS.index("analysis")
    final_T = routes.channels_T == CHANNELS.index("final")
    difference_LE = divergence_L = None
    if thinking_T.any() and final_T.any():
        difference_LE = analysis.rate_difference(routes.experts_TLK, thinking_T, final_T, routes.experts)
        divergence_L = analysis.divergence_bits(
            analysis.shares(analysis.load_counts(routes.experts_TLK[thinking_T], routes.experts)),
            analysis.shares(analysis.load_counts(routes.experts_TLK[final_T], routes.experts)),
        )
    counts = np.bincount(routes.channels_T, minlength=len(CHANNELS)).tolist()
    return Summary(
        tokens=routes.tokens,
        tokens_by_channel={name: count for name, count in zip(CHANNELS, counts, strict=True) if count},
        load_LE=load_LE,
        load_entropy_L=analysis.entropy_bits(analysis.shares(load_LE)),
        gate_entropy_L=analysis.gate_entropy_bits(routes.weights_TLK).mean(axis=0),
        router_entropy_L=_known_mean(routes.entropy_TL),
        locality=analysis.locality(routes.experts_TLK, routes.turns_T, routes.experts),
        analysis_less_final_LE=difference_LE,
        analysis_final_divergence_L=divergence_L,
    )


def table(routes: Routes, summary: Summary, *, busiest: int = 4) -> str:
    """One line a layer, for people to read; the lines above and below say what it shows."""
    channels = ", ".join(f"{count:,} {name}" for name, count in summary.tokens_by_channel.items())
    turns = f"{len(routes.turn_ids)} turn" + ("s" if len(routes.turn_ids) != 1 else "")
    lines = [
        f"{printable(routes.model)} · {routes.layers} layers × {routes.experts} experts, {routes.chosen} a token · {turns}",
        f"{summary.tokens:,} tokens: {channels}",
        "",
        f"layer  load H   router H  gate H  shared (chance)  analysis|final  busiest {busiest} experts, share of tokens",
        f"       of {math.log2(routes.experts):.2f}  of {math.log2(routes.experts):.2f}   of {math.log2(routes.chosen):.2f}"
        "  with the token   divergence",
        "       bits     bits      bits    before           bits",
    ]
    rate_LE = summary.load_LE / max(1, summary.tokens)
    for layer in range(routes.layers):
        first = np.argsort(-rate_LE[layer], kind="stable")[:busiest].tolist()
        busy = "  ".join(f"e{expert:<3} {rate_LE[layer, expert]:4.0%}" for expert in first)
        divergence_L = summary.analysis_final_divergence_L
        divergence = "     -" if divergence_L is None else f"{divergence_L[layer]:6.3f}"
        lines.append(
            f"{layer:5}  {summary.load_entropy_L[layer]:6.2f}   {_or_dash(summary.router_entropy_L[layer]):>6}  "
            f"{summary.gate_entropy_L[layer]:6.2f}  "
            f"{summary.locality.shared_L[layer]:5.0%} ({summary.locality.shared_chance_L[layer]:4.0%})     "
            f"{divergence}          {busy}"
        )
    lines += [
        "",
        "load H: entropy of how often each expert is chosen; it can't exceed the log of choices made, so it is low for few",
        "tokens. router H: mean entropy of the router's softmax over all experts; gate H: of the chosen ones' weights.",
        "shared: experts that neighbouring tokens have in common, and how many two tokens drawn at random would.",
        DESCRIPTIVE,
    ]
    return "\n".join(lines) + "\n"


def as_json(summary: Summary) -> dict[str, object]:
    """The summary as plain lists, layers outermost; numbers rounded to 6 places."""
    local = summary.locality
    difference, divergence = summary.analysis_less_final_LE, summary.analysis_final_divergence_L
    return {
        "note": DESCRIPTIVE,
        "tokens": summary.tokens,
        "tokens_by_channel": summary.tokens_by_channel,
        "load": summary.load_LE.tolist(),
        "load_entropy_bits": _rounded(summary.load_entropy_L),
        "gate_entropy_bits": _rounded(summary.gate_entropy_L),
        "router_entropy_bits": [None if math.isnan(h) else round(h, 6) for h in summary.router_entropy_L.tolist()],
        "locality": {
            "pairs": local.pairs,
            "shared": _rounded(local.shared_L),
            "shared_chance": _rounded(local.shared_chance_L),
            "first": _rounded(local.first_L),
            "first_chance": _rounded(local.first_chance_L),
        },
        "analysis_less_final_rate": None if difference is None else _rounded(difference),
        "analysis_final_divergence_bits": None if divergence is None else _rounded(divergence),
    }


def _known_mean(values_TL: np.ndarray) -> Floats:
    """The mean over tokens of what is not NaN; NaN where all is."""
    known_TL = ~np.isnan(values_TL)
    sums_L = np.where(known_TL, values_TL, 0).sum(axis=0, dtype=np.float64)
    out: Floats = np.divide(sums_L, known_TL.sum(axis=0), out=np.full(len(sums_L), np.nan), where=known_TL.any(axis=0))
    return out


def _or_dash(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _rounded(values: Floats) -> object:
    return np.round(values, 6).tolist()
