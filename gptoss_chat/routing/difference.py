"""What is different between the routing of two turns, such as two versions of an answer; it knows nothing of drawing.

Legend: T tokens, L layers, E experts a layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gptoss_chat.errors import UsageError
from gptoss_chat.model.route import NO_EXPERT
from gptoss_chat.routing import analysis
from gptoss_chat.routing.analysis import Floats
from gptoss_chat.routing.record import Routes
from gptoss_chat.routing.summary import DESCRIPTIVE
from gptoss_chat.routing.tokens import spelling_of_text


@dataclass(frozen=True, slots=True)
class Difference:
    """One routing against another.

    shared_tokens: how many tokens both begin with. agreement_L: of the first's experts for those, the share that the second
    chose too. rate_LE: activation rates of the first less those of the second, over all tokens. divergence_L: the
    Jensen-Shannon divergence of their loads in bits.
    """

    shared_tokens: int
    agreement_L: Floats
    rate_LE: Floats
    divergence_L: Floats


def difference(first: Routes, second: Routes) -> Difference:
    """Raises UsageError when the two are not of models of one shape."""
    if (first.layers, first.experts) != (second.layers, second.experts):
        raise UsageError("The two are of models of different shapes.", "Compare answers of one model.")
    both = min(first.tokens, second.tokens)
    same = first.token_ids_T[:both] == second.token_ids_T[:both]
    shared = both if same.all() else int(np.argmin(same))
    a_TLK, b_TLK = first.experts_TLK[:shared], second.experts_TLK[:shared]
    there_TLK = a_TLK != NO_EXPERT
    common_L = ((a_TLK[..., :, None] == b_TLK[..., None, :]).any(axis=-1) & there_TLK).sum(axis=(0, 2))
    rates = [analysis.activation_rate(routes.experts_TLK, routes.experts) for routes in (first, second)]
    return Difference(
        shared,
        common_L / np.maximum(1, there_TLK.sum(axis=(0, 2))),
        rates[0] - rates[1],
        analysis.divergence_bits(analysis.shares(rates[0]), analysis.shares(rates[1])),
    )


def fork(first: Routes, second: Routes, shared_tokens: int) -> str:
    """Where the texts part, in a sentence."""
    if shared_tokens == first.tokens == second.tokens:
        return f"The {shared_tokens:,} tokens are the same."
    ends = [
        spelling_of_text(routes.texts[shared_tokens]) if shared_tokens < routes.tokens else "(the end)"
        for routes in (first, second)
    ]
    return f"{shared_tokens:,} tokens are the same, then {ends[0]} against {ends[1]}."


def difference_table(first: Routes, second: Routes, found: Difference, *, most: int = 3) -> str:
    """One line a layer, for people to read."""
    lines = [
        f"{first.tokens:,} tokens against {second.tokens:,}. {fork(first, second, found.shared_tokens)}",
        "",
        f"layer  same experts    divergence  the {most} experts chosen oftener, and more rarely, than in the other",
        "       on same tokens  bits",
    ]
    for layer, rates in enumerate(found.rate_LE):
        order = np.argsort(-rates, kind="stable")
        ends = [*order[:most].tolist(), *order[-most:].tolist()]
        experts = "  ".join(f"e{expert:<3}{rates[expert]:+5.0%}" for expert in ends)
        lines.append(f"{layer:5}  {found.agreement_L[layer]:8.0%}        {found.divergence_L[layer]:8.3f}    {experts}")
    return "\n".join([*lines, "", DESCRIPTIVE]) + "\n"


def difference_json(first: Routes, second: Routes, found: Difference) -> dict[str, object]:
    """The same as plain lists, numbers rounded to 6 places."""
    return {
        "note": DESCRIPTIVE,
        "tokens": [first.tokens, second.tokens],
        "turns": [first.turn_ids, second.turn_ids],
        "shared_tokens": found.shared_tokens,
        "agreement": np.round(found.agreement_L, 6).tolist(),
        "rate_difference": np.round(found.rate_LE, 6).tolist(),
        "divergence_bits": np.round(found.divergence_L, 6).tolist(),
    }
