"""A figure of expert load for a paper, as SVG; it knows nothing of files.

Legend: L layers, E experts a layer.
"""

from __future__ import annotations

import math
from html import escape

import numpy as np

from gptoss_chat.routing.analysis import Floats
from gptoss_chat.routing.colours import cividis, purple_orange
from gptoss_chat.routing.record import Routes
from gptoss_chat.routing.summary import DESCRIPTIVE, Summary
from gptoss_chat.text import printable

STEPS = 65  # odd: a difference of nothing has its own colour
MAP_WIDTH = 480.0
ROW_HEIGHT = 11.0
LEFT, TOP, GAP, BAR_WIDTH = 44.0, 34.0, 62.0, 90.0
SCALE_WIDTH, SCALE_HEIGHT = 160.0, 8.0


def figure(routes: Routes, summary: Summary) -> str:
    """Expert load and its entropy a layer; below, analysis less final where both channels are there."""
    rate_LE = summary.load_LE / max(1, summary.tokens)
    parts = _heat_map(
        rate_LE,
        TOP,
        cividis(STEPS),
        (0.0, float(rate_LE.max(initial=0.0))),
        "share of tokens that chose the expert",
        "(a)",
    )
    parts += _entropy_bars(summary.load_entropy_L, math.log2(routes.experts), TOP)
    panel_height = routes.layers * ROW_HEIGHT + 78
    height = TOP + panel_height
    if summary.analysis_less_final_LE is not None:
        most = float(np.abs(summary.analysis_less_final_LE).max(initial=0.0)) or 1.0
        what = "activation rate in analysis less that in final"
        parts += _heat_map(summary.analysis_less_final_LE, height, purple_orange(STEPS), (-most, most), what, "(b)")
        height += panel_height
    width = LEFT + MAP_WIDTH + GAP + BAR_WIDTH + 24
    title = (
        f"Expert load · {printable(routes.model)} · {routes.layers} layers × {routes.experts} experts, "
        f"{routes.chosen} a token · {summary.tokens:,} tokens"
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="9" fill="#222">'
        f"<title>{escape(title)}</title><desc>{escape(DESCRIPTIVE)}</desc>"
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>'
        f'<text x="{LEFT:g}" y="14" font-size="11">{escape(title)}</text>'
    )
    return head + "".join(parts) + "</svg>\n"


def _heat_map(
    values_LE: Floats, top: float, colours: list[str], span: tuple[float, float], what: str, label: str
) -> list[str]:
    layers, experts = values_LE.shape
    cell, (low, high) = MAP_WIDTH / experts, span
    steps = np.rint((values_LE - low) / ((high - low) or 1.0) * (STEPS - 1)).astype(int)
    bottom = top + layers * ROW_HEIGHT
    parts = [f'<text x="8" y="{top - 4:g}" font-weight="bold">{label}</text><g shape-rendering="crispEdges">']
    for layer in range(layers):
        y = top + layer * ROW_HEIGHT
        for expert in range(experts):
            parts.append(
                f'<rect x="{LEFT + expert * cell:.4g}" y="{y:g}" width="{cell:.4g}" height="{ROW_HEIGHT:g}" '
                f'fill="{colours[steps[layer, expert]]}"/>'
            )
    parts.append("</g>")
    every = 1 if layers <= 16 else 4
    for layer in range(0, layers, every):
        y = top + (layer + 0.5) * ROW_HEIGHT + 3
        parts.append(f'<text x="{LEFT - 5:g}" y="{y:g}" text-anchor="end">{layer}</text>')
    for expert in range(0, experts, max(1, experts // 8)):
        x = LEFT + (expert + 0.5) * cell
        parts.append(f'<text x="{x:.4g}" y="{bottom + 11:g}" text-anchor="middle">{expert}</text>')
    middle = top + layers * ROW_HEIGHT / 2
    parts.append(f'<text transform="translate(14 {middle:g}) rotate(-90)" text-anchor="middle">layer</text>')
    parts.append(f'<text x="{LEFT + MAP_WIDTH / 2:g}" y="{bottom + 22:g}" text-anchor="middle">expert</text>')
    return parts + _scale(bottom + 32, colours, span, what)


def _scale(y: float, colours: list[str], span: tuple[float, float], what: str) -> list[str]:
    step = SCALE_WIDTH / len(colours)
    x = LEFT + 36
    parts = ['<g shape-rendering="crispEdges">']
    parts += [
        f'<rect x="{x + at * step:.5g}" y="{y:g}" width="{step:.4g}" height="{SCALE_HEIGHT:g}" fill="{colour}"/>'
        for at, colour in enumerate(colours)
    ]
    low, high = span
    text = y + SCALE_HEIGHT - 1
    return [
        *parts,
        f'</g><text x="{x - 4:g}" y="{text:g}" text-anchor="end">{low:.2g}</text>',
        f'<text x="{x + SCALE_WIDTH + 4:g}" y="{text:g}">{high:.2g}</text>',
        f'<text x="{x + SCALE_WIDTH + 40:g}" y="{text:g}">{escape(what)}</text>',
    ]


def _entropy_bars(entropy_L: Floats, most: float, top: float) -> list[str]:
    """Bars of load entropy beside the map, on a scale from 0 to log2 E."""
    x, bottom = LEFT + MAP_WIDTH + GAP, top + len(entropy_L) * ROW_HEIGHT
    parts = [f'<text x="{x:g}" y="{top - 4:g}">load entropy</text>']
    for layer, value in enumerate(entropy_L.tolist()):
        y, width = top + layer * ROW_HEIGHT, BAR_WIDTH * value / most if most else 0.0
        parts.append(f'<rect x="{x:g}" y="{y + 1:g}" width="{width:.4g}" height="{ROW_HEIGHT - 2:g}" fill="#7c7b78"/>')
    return [
        *parts,
        f'<line x1="{x:g}" y1="{top:g}" x2="{x:g}" y2="{bottom:g}" stroke="#222"/>',
        f'<line x1="{x + BAR_WIDTH:g}" y1="{top:g}" x2="{x + BAR_WIDTH:g}" y2="{bottom:g}" stroke="#bbb"/>',
        f'<text x="{x:g}" y="{bottom + 11:g}" text-anchor="middle">0</text>',
        f'<text x="{x + BAR_WIDTH:g}" y="{bottom + 11:g}" text-anchor="middle">{most:.3g} bits</text>',
    ]
