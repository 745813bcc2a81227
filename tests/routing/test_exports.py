"""Every export loads back equal with the plain tools of its format, and nothing in it acts."""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
import math
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from gptoss_chat.model.route import NO_EXPERT
from gptoss_chat.routing import CHANNELS, Routes
from gptoss_chat.routing.page import page
from gptoss_chat.routing.summary import summarise, table
from gptoss_chat.routing.svg import figure
from gptoss_chat.routing.tables import COLUMNS, write_csv, write_json, write_npz
from tests.routing.examples import CHOSEN, EXPERTS, LAYERS, example_routes

ROUTES = example_routes()
NASTY = "</script><img src=x onerror=alert(1)>\x1b[2J\u202e,\"'\n"


def nasty() -> Routes:
    """The example with a token and a model name that try to be something else."""
    return dataclasses.replace(ROUTES, model=NASTY, texts=(NASTY, *ROUTES.texts[1:]))


def test_csv_loads_back_equal() -> None:
    """Every cell of every array, from the documented columns; commas, quotes and line ends in the text included."""
    out = io.StringIO(newline="")
    write_csv(nasty(), out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == ROUTES.tokens * LAYERS * CHOSEN
    assert rows[0]["text"] == NASTY
    shape = ROUTES.experts_TLK.shape
    assert np.array_equal(np.array([int(row["expert"]) for row in rows]).reshape(shape), ROUTES.experts_TLK)
    assert np.array_equal(np.array([row["weight"] for row in rows], np.float16).reshape(shape), ROUTES.weights_TLK)
    places = [(int(row["layer"]), int(row["rank"])) for row in rows[: LAYERS * CHOSEN]]
    assert places == [(layer, rank) for layer in range(LAYERS) for rank in range(CHOSEN)]
    firsts = rows[:: LAYERS * CHOSEN]
    assert [int(row["token_id"]) for row in firsts] == ROUTES.token_ids_T.tolist()
    assert [int(row["position"]) for row in firsts] == ROUTES.positions_T.tolist()
    assert [ROUTES.turn_ids.index(row["turn"]) for row in firsts] == ROUTES.turns_T.tolist()
    assert [CHANNELS.index(row["channel"]) for row in firsts] == ROUTES.channels_T.tolist()
    entropy = np.array([row["router_entropy"] for row in rows], np.float16).reshape(shape)
    assert np.array_equal(entropy, np.repeat(ROUTES.entropy_TL[..., None], CHOSEN, axis=-1))
    for at, row in enumerate(firsts):
        assert (row["probability"] == "") == bool(np.isnan(ROUTES.logprobs_T[at]))
        if row["probability"]:
            assert math.log(float(row["probability"])) == pytest.approx(ROUTES.logprobs_T[at], abs=1e-4)
        pairs = [pair.split(":") for pair in row["alternatives"].split()]
        want = ROUTES.alternatives(at)
        assert [int(token_id) for token_id, _ in pairs] == [other.token_id for other in want]
        assert [float(p) for _, p in pairs] == pytest.approx([other.probability for other in want], rel=1e-4)
    assert not any(row["alternatives"] for at, row in enumerate(rows) if at % (LAYERS * CHOSEN))


def test_places_without_an_expert_are_left_out() -> None:
    """CSV has no row for them and JSON's lists are shorter; NPZ keeps them as documented."""
    experts, weights = ROUTES.experts_TLK.copy(), ROUTES.weights_TLK.copy()
    experts[:, 2, 1:], weights[:, 2, 1:] = NO_EXPERT, 0
    fewer = dataclasses.replace(ROUTES, experts_TLK=experts, weights_TLK=weights)
    out, text = io.StringIO(newline=""), io.StringIO()
    write_csv(fewer, out)
    write_json(fewer, text)
    rows = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert len(rows) == ROUTES.tokens * (LAYERS * CHOSEN - 2)
    assert str(NO_EXPERT) not in {row["expert"] for row in rows}
    for at, token in enumerate(json.loads(text.getvalue())["tokens"]):
        assert [len(layer) for layer in token["experts"]] == [3, 3, 1, 3, 3] == [len(w) for w in token["weights"]]
        assert token["experts"][2] == [ROUTES.experts_TLK[at, 2, 0]]


def test_json_loads_back_equal() -> None:
    """Tokens and analyses in one object of plain ASCII."""
    out = io.StringIO()
    write_json(nasty(), out)
    assert out.getvalue().isascii()
    found = json.loads(out.getvalue())
    assert (found["model"], found["layers"], found["experts"], found["experts_per_token"]) == (NASTY, 5, 12, 3)
    tokens = found["tokens"]
    assert np.array_equal(np.array([token["experts"] for token in tokens]), ROUTES.experts_TLK)
    assert np.array_equal(np.array([token["weights"] for token in tokens], np.float16), ROUTES.weights_TLK)
    assert [token["text"] for token in tokens] == [NASTY, *ROUTES.texts[1:]]
    assert np.array_equal(np.array([token["router_entropy"] for token in tokens], np.float16), ROUTES.entropy_TL)
    assert [token["probability"] is None for token in tokens] == np.isnan(ROUTES.logprobs_T).tolist()
    for at, token in enumerate(tokens):
        assert [(o["token_id"], o["text"]) for o in token["alternatives"]] == [
            (other.token_id, other.text) for other in ROUTES.alternatives(at)
        ]
    assert found["analyses"]["load"] == summarise(ROUTES).load_LE.tolist()


def test_npz_loads_back_equal_without_pickle() -> None:
    """Arrays of the documented types; the texts come apart where `text_ends` says."""
    out = io.BytesIO()
    write_npz(nasty(), out)
    found = np.load(io.BytesIO(out.getvalue()), allow_pickle=False)
    for name in ("turns", "positions", "token_ids", "channels"):
        kept = getattr(ROUTES, f"{name}_T")
        assert found[name].dtype == kept.dtype
        assert np.array_equal(found[name], kept)
    assert found["experts"].dtype == np.uint8
    assert found["weights"].dtype == np.float16
    assert np.array_equal(found["experts"], ROUTES.experts_TLK)
    assert np.array_equal(found["weights"], ROUTES.weights_TLK)
    assert np.array_equal(found["router_entropy"], ROUTES.entropy_TL)
    assert np.array_equal(found["logprobs"], ROUTES.logprobs_T, equal_nan=True)
    assert np.array_equal(found["alternative_ids"], ROUTES.alternative_ids_TA)
    assert np.array_equal(found["alternative_logprobs"], ROUTES.alternative_logprobs_TA, equal_nan=True)
    text, ends = found["text_utf8"].tobytes(), found["text_ends"].tolist()
    texts = [text[begin:end].decode() for begin, end in zip([0, *ends], ends, strict=False)]
    assert texts == [NASTY, *ROUTES.texts[1:]]
    assert found["turn_ids"].tolist() == ["one", "two"]
    assert (str(found["model"]), int(found["expert_count"])) == (NASTY, EXPERTS)


def test_svg_shows_every_cell() -> None:
    """Well-formed, with a cell for every expert and layer of both maps, and a model name that stays text."""
    root = ET.fromstring(figure(nasty(), summarise(ROUTES)))
    groups = [group for group in root.iter("{http://www.w3.org/2000/svg}g")]
    assert [len(group) for group in groups[::2]] == [LAYERS * EXPERTS] * 2  # load; analysis less final
    words = "".join(root.itertext())
    assert "<img" in words
    assert "\x1b" not in words
    assert "describes" in words
    final = ROUTES.select(ROUTES.channels_T == CHANNELS.index("final"))
    assert len(list(ET.fromstring(figure(final, summarise(final))).iter("{http://www.w3.org/2000/svg}g"))) == 2


def embedded(html: str) -> dict[str, object]:
    """The data of a page."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    assert not set("<>&") & set(found[1])
    data: dict[str, object] = json.loads(found[1])
    return data


def test_html_holds_everything_as_data() -> None:
    """No text of a model becomes markup, nothing is fetched, and the arrays come back equal."""
    html = page(nasty())
    data = embedded(html)
    assert "onerror" in html
    assert "<img" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert re.findall(r"https?://", html) == []
    assert data["texts"][1:] == list(ROUTES.texts[1:])  # type: ignore[index]
    experts = np.frombuffer(base64.b64decode(str(data["expertBytes"])), np.uint8).reshape(ROUTES.experts_TLK.shape)
    weights = np.frombuffer(base64.b64decode(str(data["weightBytes"])), "<f2").reshape(ROUTES.weights_TLK.shape)
    assert np.array_equal(experts, ROUTES.experts_TLK)
    assert np.array_equal(weights, ROUTES.weights_TLK)


# The little of a browser that the page's script touches.
DOM = """
const nodes = {}, listeners = {};
class Node_ {
  constructor() { this.style = {}; this.dataset = {}; this.children = []; this.names = new Set(); this.textContent = ""; }
  get classList() {
    const add = n => this.names.add(n), remove = n => this.names.delete(n);
    return {add, remove, toggle: (n, on) => on ? add(n) : remove(n)};
  }
  append(...more) { this.children.push(...more); }
  replaceChildren(...more) { this.children = more; }
  insertCell() { const cell = new Node_(); this.children.push(cell); return cell; }
  scrollIntoView() {}
  addEventListener(name, run) { this["on_" + name] = run; }
}
globalThis.document = {getElementById: id => nodes[id] ??= new Node_(), createElement: () => new Node_()};
globalThis.addEventListener = (name, run) => listeners[name] = run;
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs a JavaScript engine")
def test_html_cursor_shows_the_token_it_is_on(tmp_path: Path) -> None:
    """The page's own script, in a stand-in for a browser: an arrow moves, the table has the token's experts and weights."""
    html = page(nasty())
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    after = """
    listeners.keydown({key: "ArrowRight", target: {tagName: "MAIN"}, preventDefault() {}});
    const given = nodes.draw.textContent;
    const entropies = nodes.rows.children.map(row => row.children[2].textContent);
    const cells = nodes.rows.children.map(row => row.children[1].children.filter(b => b.textContent).map(b => b.textContent));
    const token = nodes.token.textContent;
    listeners.keydown({key: "End", target: {tagName: "MAIN"}, preventDefault() {}});
    const drawn = nodes.draw.textContent;
    console.log(JSON.stringify({token, cells, given, drawn, entropies, spans: nodes.text.children.length}));
    """
    file = tmp_path / "page.js"
    data = json.dumps(json.dumps(embedded(html)))
    file.write_text(f"{DOM}\nnodes.data = new Node_(); nodes.data.textContent = {data};{scripts[0]}{after}")
    done = subprocess.run(["node", file], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["spans"] == ROUTES.tokens
    assert found["token"].startswith(f'Token 2 of {ROUTES.tokens} · position 8 · "u"')
    assert found["given"] == "Given, not drawn."
    last = ROUTES.tokens - 1
    assert found["drawn"].startswith(f"Drawn with probability {ROUTES.probability(last):.3g}"[:30])
    assert all(json.dumps(other.text) in found["drawn"] for other in ROUTES.alternatives(last))
    assert found["entropies"] == [f"{bits:.2f}" for bits in ROUTES.entropy_TL[1].tolist()]
    for layer, cells in enumerate(found["cells"]):
        for rank, cell in enumerate(cells):
            expert, weight = cell.split()
            assert int(expert) == ROUTES.experts_TLK[1, layer, rank]
            assert float(weight) == pytest.approx(float(ROUTES.weights_TLK[1, layer, rank]), abs=0.006)


def test_table_has_a_line_a_layer() -> None:
    """Read by people: the load entropy, locality and the busiest experts; no control character comes through."""
    text = table(nasty(), summarise(ROUTES))
    assert "\x1b" not in text
    lines = [line for line in text.splitlines() if re.match(r" +\d+ ", line)]
    assert len(lines) == LAYERS
    busiest = int(summarise(ROUTES).load_LE[0].argmax())
    assert f"e{busiest}" in lines[0].split("%")[2]
    assert max(map(len, text.splitlines())) <= 130
