"""What each view of a routing shows, as grids and tables; it knows findings, nothing of screens or keys.

Legend: L layers, E experts a layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Final, Literal, assert_never

import numpy as np

from gptoss_chat.model.route import NO_EXPERT
from gptoss_chat.routing import CHANNELS, Routes
from gptoss_chat.routing.analysis import gate_entropy_bits
from gptoss_chat.routing.findings import Findings, Scope
from gptoss_chat.routing.tokens import spelling_of_text
from gptoss_chat.tui.widgets.routes_panel import Cell, Grid, Table, heading, padded, rows_of

View = Literal["token", "load", "channels", "pairs", "words", "near", "turns", "versions"]
VIEWS: Final[tuple[View, ...]] = ("token", "load", "channels", "pairs", "words", "near", "turns", "versions")
WORD_COLUMNS: Final = 22
ALTERNATIVE_COLUMNS: Final = 9
ALTERNATIVES: Final = -1
"""In the place of a row, says that what was picked is an alternative of the token, by its place among them."""

# One line each: what is drawn. The screen adds that it describes and does not explain.
ABOUT: Final[dict[View, str]] = {
    "token": "What else the model might have said here; the experts by layer, and the entropy (bits) of weights and router.",
    "load": "The share of tokens that chose each expert, and how evenly a layer uses its experts.",
    "channels": "How much oftener an expert is chosen in analysis (orange) than in final (purple).",
    "pairs": "Of the tokens that chose the expert of a row, the share that also chose the one of a column.",
    "words": "The tokens that went to this expert most beyond its usual rate, and how many of all did.",
    "near": "The share of experts that neighbouring tokens have in common, and what chance gives.",
    "turns": "How much oftener an expert is chosen in this turn (orange) than in the others (purple).",
    "versions": "How much oftener an expert is chosen in this answer (orange) than in its other version (purple).",
}


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at: a token, an expert of a layer, and the tokens that analyses are over."""

    view: View = "token"
    token: int = 0
    layer: int = 0
    expert: int = 0
    scope: Scope = field(default_factory=Scope)


def content_of(findings: Findings, look: Look) -> Grid | Table:
    """What the panel draws. May take a while: not for the screen's loop."""
    routes = findings.routes
    match look.view:
        case "token":
            return _token(routes, look)
        case "load":
            summary = findings.summary(look.scope)
            rate_LE = summary.load_LE / max(1, summary.tokens)
            evenness = summary.load_entropy_L / math.log2(max(2, routes.experts))
            return _grid(rate_LE, look, bars=evenness.tolist(), bars_are="load entropy")
        case "channels":
            difference = findings.summary(Scope(look.scope.turn)).analysis_less_final_LE
            if difference is None:
                return _sentence("These tokens are not of both channels.")
            return _grid(difference, look, signed=True)
        case "pairs":
            pairs_EE = findings.pairs(look.scope, look.layer)
            off_diagonal = pairs_EE[~np.eye(len(pairs_EE), dtype=bool)]
            most = float(off_diagonal.max(initial=0.0))
            return Grid(pairs_EE, most, f"layer {look.layer}: experts", "experts", mark=(look.expert, look.expert))
        case "words":
            return _words(findings, look)
        case "near":
            return _near(findings, look)
        case "turns":
            turn = int(routes.turns_T[look.token])
            found = findings.turn_difference(turn, look.scope.channel)
            if found is None:
                return _sentence("There is no other turn to compare this one with.")
            return _grid(found[0], look, signed=True, bars=found[1].tolist(), bars_are="divergence")
        case "versions":
            versions = findings.version_difference(int(routes.turns_T[look.token]))
            if versions is None:
                return _sentence("There is no other version of this answer with a stored routing.")
            between, fork = versions
            grid = _grid(between.rate_LE, look, signed=True, bars=between.divergence_L.tolist(), bars_are="divergence")
            return replace(grid, note=fork)
        case _:
            assert_never(look.view)


def picked(look: Look, place: tuple[int, int]) -> tuple[int, int]:
    """The (layer, expert) that a picked place of the view means."""
    return (look.layer, place[1]) if look.view == "pairs" else place


def token_line(routes: Routes, token: int) -> str:
    """The token under the cursor, in a line."""
    turn = f" · turn {routes.turns_T[token] + 1} of {len(routes.turn_ids)}" if len(routes.turn_ids) > 1 else ""
    return (
        f"{token + 1:,} of {routes.tokens:,} · {spelling_of_text(routes.texts[token])} · id {routes.token_ids_T[token]} · "
        f"{CHANNELS[routes.channels_T[token]]} · position {routes.positions_T[token]}{turn} · {_drawn(routes, token)}"
    )


def _drawn(routes: Routes, token: int) -> str:
    chance = routes.probability(token)
    if chance is not None:
        return f"drawn with {chance:.1%}"
    return "given" if routes.reply_T[token] < 0 else "drawn with an unknown probability"


def scope_line(routes: Routes, look: Look) -> str:
    """Over what the analyses are, and which expert is chosen."""
    of_one_channel = look.scope.channel is not None and look.view not in ("channels", "near", "versions")
    channel = CHANNELS[look.scope.channel or 0] if of_one_channel else "every channel"
    turns = "all turns" if look.scope.turn is None else f"turn {look.scope.turn + 1}"
    return (
        f"layer {look.layer} · expert {look.expert} · {channel} · {turns if len(routes.turn_ids) > 1 else 'one turn'}"
    )


def _grid(
    values_LE: np.ndarray, look: Look, *, signed: bool = False, bars: list[float] | None = None, bars_are: str = ""
) -> Grid:
    most = float(np.abs(values_LE).max(initial=0.0))
    mark = (look.layer, look.expert)
    return Grid(values_LE, most, "layers", "experts", signed, mark, tuple(bars or ()), bars_are)


def _token(routes: Routes, look: Look) -> Table:
    experts_LK, weights_LK = routes.experts_TLK[look.token], routes.weights_TLK[look.token]
    entropy_L = gate_entropy_bits(weights_LK[None])[0].tolist()
    router_L = routes.entropy_TL[look.token].tolist()
    others = [
        Cell(
            f" {padded(spelling_of_text(other.text), ALTERNATIVE_COLUMNS)}{other.probability:4.0%} ",
            other.probability,
            (ALTERNATIVES, at),
        )
        for at, other in enumerate(routes.alternatives(look.token))
    ]
    rows = [
        tuple(others) or heading(f"No alternatives are known here ({_drawn(routes, look.token)})."),
        heading("layer ", f"{'experts, by weight':<{11 * routes.chosen}}", "of weights    of router"),
    ]
    for layer, (ids, weights) in enumerate(zip(experts_LK.tolist(), weights_LK.tolist(), strict=True)):
        cells = [Cell(f"{layer:>5} ")]
        for expert, weight in zip(ids, weights, strict=True):
            if expert == NO_EXPERT:
                cells.append(Cell(" " * 11))
                continue
            star = "*" if (layer, expert) == (look.layer, look.expert) else " "
            cells.append(Cell(f"{star}e{expert:<3}{weight:5.2f} ", min(1.0, 2 * weight), (layer, expert)))
        router = "-" if math.isnan(router_L[layer]) else f"{router_L[layer]:.2f} of {math.log2(routes.experts):.3g}"
        rows.append((*cells, Cell(f" {entropy_L[layer]:5.2f} of {math.log2(routes.chosen):.2f} {router:>10}")))
    return rows_of(rows, look.layer + 2)


def _words(findings: Findings, look: Look) -> Table:
    routes = findings.routes
    first = {int(token_id): at for at, token_id in reversed(list(enumerate(routes.token_ids_T.tolist())))}
    uses = findings.words(look.scope, look.layer, look.expert)
    if not uses:
        return _sentence(f"No token went to expert {look.expert} in layer {look.layer}.")
    rows = [heading(f"{'token':<{WORD_COLUMNS}}", "chose it   of all")]
    for use in uses:
        text = padded(spelling_of_text(routes.texts[first[use.token_id]]), WORD_COLUMNS - 1)
        rows.append(
            (
                Cell(text + " "),
                Cell(f"{use.chosen:>8,} {use.occurrences:>8,}  "),
                Cell(f" {use.share:4.0%} ", use.share),
            )
        )
    return rows_of(rows)


def _near(findings: Findings, look: Look) -> Table:
    local = findings.summary(Scope(look.scope.turn)).locality
    rows = [heading("layer  in common  by chance   same first  by chance")]
    for layer in range(findings.routes.layers):
        shared, chance = float(local.shared_L[layer]), float(local.shared_chance_L[layer])
        first, first_chance = float(local.first_L[layer]), float(local.first_chance_L[layer])
        rows.append(
            (
                Cell(f"{layer:>5}    "),
                Cell(f" {shared:4.0%} ", shared),
                Cell(f"     {chance:4.0%}        "),
                Cell(f" {first:4.0%} ", first),
                Cell(f"     {first_chance:4.0%}"),
            )
        )
    return rows_of(rows, look.layer + 1)


def _sentence(text: str) -> Table:
    return rows_of([heading(text)])
