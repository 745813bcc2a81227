"""Routing as one HTML file with a token cursor, which needs nothing else; it knows nothing of files or browsers.

The data stands in a JSON script element in which no `<`, `>` or `&` is left, and the page's script puts it on the page as
text only: what a model wrote is never markup. The page allows itself no network.
"""

from __future__ import annotations

import base64
import json
import re
from html import escape
from importlib import resources

from gptoss_chat.model.route import NO_EXPERT
from gptoss_chat.routing.colours import cividis
from gptoss_chat.routing.record import Routes
from gptoss_chat.routing.summary import DESCRIPTIVE, as_json, summarise
from gptoss_chat.routing.tokens import CHANNELS
from gptoss_chat.text import printable

_UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


def page(routes: Routes) -> str:
    """The whole file. Experts, weights and entropies go in as base64 of their bytes (uint8; float16, little-endian)."""
    data = {
        "model": printable(routes.model),
        "layers": routes.layers,
        "experts": routes.experts,
        "chosen": routes.chosen,
        "channelNames": CHANNELS,
        "turns": routes.turns_T.tolist(),
        "positions": routes.positions_T.tolist(),
        "ids": routes.token_ids_T.tolist(),
        "channels": routes.channels_T.tolist(),
        "texts": [printable(text) for text in routes.texts],
        "expertBytes": base64.b64encode(routes.experts_TLK.tobytes()).decode("ascii"),
        "weightBytes": base64.b64encode(routes.weights_TLK.astype("<f2").tobytes()).decode("ascii"),
        "entropyBytes": base64.b64encode(routes.entropy_TL.astype("<f2").tobytes()).decode("ascii"),
        "noExpert": NO_EXPERT,
        "chances": [routes.probability(at) for at in range(routes.tokens)],
        "alternatives": [
            [(printable(other.text), round(other.probability, 6)) for other in routes.alternatives(at)]
            for at in range(routes.tokens)
        ],
        "colours": cividis(17),
        "summary": as_json(summarise(routes)),
    }
    parts = {
        "TITLE": escape(f"Routing · {printable(routes.model)}"),
        "NOTE": escape(DESCRIPTIVE),
        "DATA": json.dumps(data).translate(_UNSAFE),
    }
    template = resources.files("gptoss_chat.routing").joinpath("page.html").read_text(encoding="utf-8")
    return re.sub("__(TITLE|NOTE|DATA)__", lambda found: parts[found[1]], template)
