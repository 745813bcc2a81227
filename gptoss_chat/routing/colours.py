"""The colour scales of routing pictures, as #rrggbb; it knows nothing of what is drawn with them."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Final

Rgb = tuple[int, int, int]

# Cividis (Nunez, Anderton, Renslow 2018), equally readable with every kind of colour vision.
_CIVIDIS: Final[tuple[Rgb, ...]] = (
    (0, 32, 77), (0, 50, 112), (58, 73, 108), (87, 93, 109), (112, 113, 115),
    (138, 134, 120), (165, 156, 116), (195, 179, 105), (225, 204, 85), (254, 232, 56),
)  # fmt: skip
# ColorBrewer's PuOr (Brewer 2003) from purple (-1) over near-white (0) to orange (1): safe for colour-blind readers.
_PUOR: Final[tuple[Rgb, ...]] = (
    (84, 39, 136), (128, 115, 172), (178, 171, 210), (216, 218, 235), (247, 247, 247),
    (254, 224, 182), (253, 184, 99), (224, 130, 20), (179, 88, 6),
)  # fmt: skip


def cividis(steps: int) -> list[str]:
    """`steps` colours from the lowest to the highest."""
    return _scale(_CIVIDIS, steps)


def purple_orange(steps: int) -> list[str]:
    """`steps` colours from the most negative over nothing (in the middle of an odd number) to the most positive."""
    return _scale(_PUOR, steps)


def categories(count: int) -> list[str]:
    """`count` colours of like lightness whose neighbours differ: hues a golden angle apart (137.5 degrees)."""
    colours = []
    for at in range(count):
        rgb = colorsys.hls_to_rgb(at * 0.381966 % 1.0, 0.66, 0.52)
        colours.append("#" + "".join(f"{round(channel * 255):02x}" for channel in rgb))
    return colours


def is_dark(colour: str) -> bool:
    """Whether text on `colour` should be light (relative luminance, ITU-R BT.709)."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128


def _scale(points: Sequence[Rgb], steps: int) -> list[str]:
    colours = []
    for step in range(steps):
        place = step / max(1, steps - 1) * (len(points) - 1)
        low = min(int(place), len(points) - 2)
        share = place - low
        mixed = (round(a + (b - a) * share) for a, b in zip(points[low], points[low + 1], strict=True))
        colours.append("#{:02x}{:02x}{:02x}".format(*mixed))
    return colours
