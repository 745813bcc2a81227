"""What colours the text of tokens: an expert's weight, a layer's first experts, or the channel; it knows no widgets.

Legend: T tokens, K chosen experts a token.
"""

from __future__ import annotations

from typing import Final, Literal, assert_never

import numpy as np
from rich.style import Style

from gptoss_chat.routing import CHANNELS, Routes
from gptoss_chat.routing.colours import categories, cividis, is_dark
from gptoss_chat.tui.widgets.routes_views import Look

Colouring = Literal["expert", "layer", "channel", "none"]
COLOURINGS: Final[tuple[Colouring, ...]] = ("expert", "layer", "channel", "none")
COLOURED_BY: Final[dict[Colouring, str]] = {
    "expert": "by the chosen expert's weight",
    "layer": "by each token's first expert in the layer",
    "channel": "by channel",
    "none": "plain",
}
WEIGHT_STEPS: Final = 17


def marks_of(routes: Routes, look: Look, colouring: Colouring) -> tuple[np.ndarray, list[Style]]:
    """A mark for every token, and the styles of the marks; underlines say without colours what they can."""
    chosen_TK = routes.experts_TLK[:, look.layer] == look.expert
    match colouring:
        case "expert":
            weight_T = (routes.weights_TLK[:, look.layer].astype(np.float32) * chosen_TK).sum(axis=1)
            levels_T = np.clip(np.ceil(2 * weight_T * (WEIGHT_STEPS - 1)), 0, WEIGHT_STEPS - 1).astype(np.int64)
            return levels_T, [Style(), *(_ink(colour) + Style(underline=True) for colour in cividis(WEIGHT_STEPS)[1:])]
        case "layer":
            return routes.experts_TLK[:, look.layer, 0].astype(np.int64), [_ink(c) for c in categories(routes.experts)]
        case "channel":
            styles = [_ink(colour) for colour in categories(len(CHANNELS))]
            styles[CHANNELS.index("control")] = Style(dim=True)
            return routes.channels_T.astype(np.int64), styles
        case "none":
            return np.zeros(routes.tokens, np.int64), [Style()]
        case _:
            assert_never(colouring)


def _ink(background: str) -> Style:
    return Style(color="#ffffff" if is_dark(background) else "#000000", bgcolor=background)
