"""The routing screen: the cursor, the views against the analyses, keys and mouse, and texts that stay text."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from gptoss_chat.errors import HistoryError
from gptoss_chat.model.route import route_text
from gptoss_chat.routing import CHANNELS, Routes, analysis
from gptoss_chat.routing.findings import Findings, Scope
from gptoss_chat.tui.screens.routing import RoutingScreen
from gptoss_chat.tui.screens.routing_asking import InsteadScreen
from gptoss_chat.tui.screens.routing_ground import DESCRIBES
from gptoss_chat.tui.screens.routing_wishes import Branched, Wish
from gptoss_chat.tui.widgets.routes_marks import COLOURINGS
from gptoss_chat.tui.widgets.routes_panel import Grid, RoutesPanel
from gptoss_chat.tui.widgets.routes_text import TokenText, wrap
from gptoss_chat.tui.widgets.routes_views import ABOUT, VIEWS, Look, content_of
from tests.routing.examples import CHOSEN, EXPERTS, LAYERS, example_routes

ROUTES = example_routes()


class ScreenApp(App[None]):
    """Opens the screen at once."""

    ESCAPE_TO_MINIMIZE = False

    def __init__(self, routes: Routes | Exception = ROUTES, at_turn: str | None = None) -> None:
        super().__init__()
        self._routes = routes
        self._at_turn = at_turn

    def on_mount(self) -> None:
        """The theme names that the program has."""
        self.push_screen(RoutingScreen(self._load, at_turn=self._at_turn))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """What the program's themes add."""
        return {"muted": "#888888"}

    def _load(self) -> Routes:
        if isinstance(self._routes, Exception):
            raise self._routes
        return self._routes

    @property
    def routing(self) -> RoutingScreen:
        """The screen."""
        assert isinstance(self.screen, RoutingScreen)
        return self.screen

    def line(self, name: str) -> str:
        """One of the screen's lines."""
        return str(self.routing.query_one(f"#routes-{name}", Static).content)

    @property
    def panel(self) -> RoutesPanel:
        """The view."""
        return self.routing.query_one(RoutesPanel)

    @property
    def text(self) -> TokenText:
        """The tokens."""
        return self.routing.query_one(TokenText)


async def settle(app: ScreenApp, pilot: Pilot[None]) -> None:
    """Wait until what is wanted is shown."""
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


async def test_cursor_shows_the_tokens_experts_and_weights() -> None:
    """The row of every layer has the token's experts, weights and their entropy; the lines above name the token."""
    app = ScreenApp()
    async with app.run_test(size=(80, 30)) as pilot:
        await settle(app, pilot)
        await pilot.press("right", "right", "right")
        token = 3
        assert app.routing.look.token == token
        assert app.line("token").startswith(f"4 of {ROUTES.tokens} · “{ROUTES.texts[token]}”")
        assert "control · position 10 · turn 1 of 2" in app.line("token")
        assert app.line("token").endswith(" · given")
        assert "No alternatives are known here (given)." in app.panel.text()
        rows = app.panel.text().splitlines()[2:]
        entropy = analysis.gate_entropy_bits(ROUTES.weights_TLK[token][None])[0]
        for layer in range(LAYERS):
            for rank in range(CHOSEN):
                expert, weight = ROUTES.experts_TLK[token, layer, rank], ROUTES.weights_TLK[token, layer, rank]
                assert f"e{expert:<3}{weight:5.2f}" in rows[layer]
            assert f"{entropy[layer]:.2f} of 1.58" in rows[layer]
            assert rows[layer].endswith(f"{ROUTES.entropy_TL[token, layer]:.2f} of 3.58")
        await pilot.press("end")
        assert app.routing.look.token == ROUTES.tokens - 1
        assert "turn 2 of 2" in app.line("token")
        await pilot.press("right", "home", "left")
        assert app.routing.look.token == 0


async def test_screen_opens_at_the_asked_turn() -> None:
    """The cursor stands on its first token."""
    app = ScreenApp(at_turn="two")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(app, pilot)
        assert app.routing.look.token == int(np.argmax(ROUTES.turns_T == 1))
        assert app.text.cursor == app.routing.look.token


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (140, 40)])
async def test_every_view_says_what_it_shows(size: tuple[int, int]) -> None:
    """Number keys and Tab open the views; each has its line, and says that it describes and does not explain."""
    app = ScreenApp()
    async with app.run_test(size=size) as pilot:
        await settle(app, pilot)
        for number, view in enumerate(VIEWS, 1):
            await pilot.press(str(number))
            await settle(app, pilot)
            assert app.routing.look.view == view
            assert app.line("about") == f"{ABOUT[view]} {DESCRIBES}"
            assert app.panel.text().strip()
            assert app.routing.query_one(f"#routes-tab-{view}").has_class("-on")
            assert app.panel.size.height >= 4
        await pilot.press("tab")
        assert app.routing.look.view == VIEWS[0]
        await pilot.press("shift+tab")
        assert app.routing.look.view == VIEWS[-1]


def test_grids_hold_what_the_analyses_say() -> None:
    """Load, channels, pairs and turns are the analyses' own numbers, for one turn or one channel too."""
    findings = Findings(ROUTES)
    final = CHANNELS.index("final")
    scope = Scope(turn=1, channel=final)
    mask = (ROUTES.turns_T == 1) & (ROUTES.channels_T == final)

    def grid(look: Look) -> Grid:
        content = content_of(findings, look)
        assert isinstance(content, Grid)
        return content

    load = grid(Look("load", scope=scope, layer=2, expert=7))
    assert np.array_equal(load.values_RC, analysis.activation_rate(ROUTES.experts_TLK[mask], EXPERTS))
    assert load.mark == (2, 7)
    entropy = analysis.entropy_bits(analysis.shares(analysis.load_counts(ROUTES.experts_TLK[mask], EXPERTS)))
    assert load.row_bars == pytest.approx(tuple(entropy / np.log2(EXPERTS)))
    pairs = analysis.co_activation_shares(analysis.co_activation(ROUTES.experts_TLK[mask], EXPERTS))
    assert np.array_equal(grid(Look("pairs", scope=scope, layer=3)).values_RC, pairs[3])
    thinking, talking = (ROUTES.channels_T == CHANNELS.index(name) for name in ("analysis", "final"))
    difference = analysis.rate_difference(ROUTES.experts_TLK, thinking, talking, EXPERTS)
    assert np.array_equal(grid(Look("channels")).values_RC, difference)
    first = ROUTES.turns_T == 0
    turns = grid(Look("turns", token=0))
    assert np.array_equal(turns.values_RC, analysis.rate_difference(ROUTES.experts_TLK, first, ~first, EXPERTS))
    rival = dataclasses.replace(ROUTES.only_turn(1), turn_ids=("rival",))
    versions = content_of(Findings(ROUTES, lambda reply_id: rival if reply_id == "one" else None), Look("versions"))
    assert isinstance(versions, Grid)
    assert np.array_equal(versions.values_RC, turns.values_RC)  # here the other turn is the other version
    assert versions.note.startswith("6 tokens are the same, then “W” against “A”")
    assert not isinstance(content_of(findings, Look("versions")), Grid)
    alone = Findings(ROUTES.only_turn(0))
    assert not isinstance(content_of(alone, Look("turns")), Grid)


async def test_words_are_those_of_the_chosen_expert() -> None:
    """The table has the counts of the analysis, first the first."""
    app = ScreenApp()
    async with app.run_test(size=(80, 40)) as pilot:
        await settle(app, pilot)
        await pilot.press("enter", "5")
        await settle(app, pilot)
        look = app.routing.look
        use = analysis.vocabulary(ROUTES.experts_TLK, ROUTES.token_ids_T, look.layer, look.expert)[0]
        row = app.panel.text().splitlines()[1].split()
        assert row[-3:] == [str(use.chosen), str(use.occurrences), f"{use.share:.0%}"]


async def test_keys_choose_layer_expert_scope_and_colours() -> None:
    """Each is told in the line below the tabs, and the marks of the text follow."""
    app = ScreenApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(app, pilot)
        await pilot.press("full_stop", "apostrophe")
        look = app.routing.look
        assert look.layer == LAYERS // 2 + 1
        assert look.expert == (ROUTES.experts_TLK[0, look.layer, 0] + 1) % EXPERTS
        assert app.line("scope").startswith(f"layer {look.layer} · expert {look.expert} · every channel · all turns")
        chose = (ROUTES.experts_TLK[:, look.layer] == look.expert).any(axis=1)
        assert np.array_equal(app.text._marks_T > 0, chose)
        await pilot.press("2", "c", "t")
        await settle(app, pilot)
        assert app.line("scope").startswith(f"layer {look.layer} · expert {look.expert} · control · turn 1")
        for _ in range(len(np.unique(ROUTES.channels_T))):
            await pilot.press("c")
        assert app.routing.look.scope == Scope(0, None)
        for colouring in (*COLOURINGS[1:], COLOURINGS[0]):
            await pilot.press("x")
            assert app.routing.colouring == colouring


async def test_mouse_moves_the_cursor_and_picks_experts() -> None:
    """A click on a token, on an expert of the table, on a cell of a map, and on a view's name."""
    app = ScreenApp()
    async with app.run_test(size=(100, 40)) as pilot:
        await settle(app, pilot)
        await pilot.click(TokenText, offset=(1 + len("<|start|>us"), 0))
        assert app.routing.look.token == 3
        await settle(app, pilot)
        table = app.panel.text().splitlines()
        column = table[2].index("e", 6) + 3
        await pilot.click(RoutesPanel, offset=(1 + column, 1 + 2))  # under the border, the alternatives and the heading
        await pilot.pause()
        assert (app.routing.look.layer, app.routing.look.expert) == (0, ROUTES.experts_TLK[3, 0, 0])
        await pilot.click("#routes-tab-load")
        await settle(app, pilot)
        assert app.routing.look.view == "load"
        await pilot.click(RoutesPanel, offset=(1 + 4 + 2 * 9, 1 + 2 + 4))  # two columns an expert, a row a layer
        await pilot.pause()
        assert (app.routing.look.layer, app.routing.look.expert) == (4, 9)


async def test_alternatives_are_shown_and_can_be_clicked() -> None:
    """The likeliest tokens with their probabilities, in the row above the layers; a click asks to go on with it."""
    app = ScreenApp(at_turn="two")
    async with app.run_test(size=(100, 40)) as pilot:
        await settle(app, pilot)
        await pilot.press("end", "left")
        token = app.routing.look.token
        others = ROUTES.alternatives(token)
        assert len(others) == 2
        row = app.panel.text().splitlines()[0]
        for other in others:
            assert f"“{other.text}”" in row
            assert f"{other.probability:4.0%}" in row
        assert app.line("token").endswith(f"drawn with {ROUTES.probability(token):.1%}")
        await pilot.click(RoutesPanel, offset=(1 + row.index(f"“{others[1].text}”"), 1))
        await pilot.pause()
        assert isinstance(app.screen, InsteadScreen)
        assert app.screen.query_one(OptionList).highlighted == 1
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, RoutingScreen)


@pytest.mark.parametrize("keys", [("enter",), ("down", "enter"), ("space", "x", "enter")])
async def test_token_is_replaced_by_an_alternative_or_a_text(keys: tuple[str, ...]) -> None:
    """A asks; Enter takes the option under the bar, or the text as typed; the place among the reply's tokens goes with it."""
    app = ScreenApp(at_turn="two")
    wishes: list[Wish | None] = []
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(app, pilot)
        app.pop_screen()
        screen = RoutingScreen(lambda: ROUTES, at_turn="two")
        app.push_screen(screen, wishes.append)
        await settle(app, pilot)
        await pilot.press("end", "a")
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
        first, second = (other.token_id for other in ROUTES.alternatives(ROUTES.tokens - 1))
        want = {1: first, 2: second, 3: " x"}[len(keys)]
        texts = ROUTES.only_turn(1).texts
        kept = len(texts) - 1 - texts.index("<|channel|>")  # the reply's first token
        assert wishes == [Branched("two", kept, want)]


async def test_prompt_tokens_are_not_replaced() -> None:
    """A sentence says so, and nothing is asked."""
    app = ScreenApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(app, pilot)
        await pilot.press("a")
        await pilot.pause()
        assert isinstance(app.screen, RoutingScreen)
        assert "own tokens" in app.line("about")


async def test_rules_are_written_counted_and_clicked() -> None:
    """R takes a line of rules, a bad one is a sentence; + and - change how many experts the layer gets; the keys are buttons."""
    app = ScreenApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(app, pilot)
        layer = app.routing.look.layer
        await pilot.press("minus", "minus", "minus", "minus")
        assert route_text(app.routing.route) == f"topk {layer}:1"
        await pilot.press("plus", "plus")
        assert app.routing.route == ()  # the usual number again
        await pilot.press("plus")
        assert app.line("scope").startswith(f"topk {layer}:4 · G answers again")
        await pilot.press("r")
        await pilot.pause()
        line = app.screen.query_one(Input)
        assert line.value == f"topk {layer}:4"
        line.value = "topk 2; boost *:1 -3"
        await pilot.press("enter")
        await pilot.pause()
        assert route_text(app.routing.route) == "topk *:2; boost *:1 -3"
        await pilot.press("r")
        await pilot.pause()
        app.screen.query_one(Input).value = "topk 0"
        await pilot.press("enter")
        await pilot.pause()
        assert "no expert" in app.line("about")
        assert route_text(app.routing.route) == "topk *:2; boost *:1 -3"
        await pilot.press("r")
        await pilot.pause()
        app.screen.query_one(Input).value = ""
        await pilot.press("enter")
        await pilot.pause()
        assert app.routing.route == ()
        keys = app.routing.query_one("#routes-keys", Static)
        plain = str(keys.render())
        await pilot.click("#routes-keys", offset=(1 + plain.index("x colours"), 0))
        assert app.routing.colouring == COLOURINGS[1]


async def test_full_size_gives_the_view_the_screen() -> None:
    """F hides the text, and shows it again."""
    app = ScreenApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(app, pilot)
        before = app.panel.size.height
        await pilot.press("f")
        await pilot.pause()
        assert app.panel.size.height > before
        assert not app.text.display
        await pilot.press("f", "right")
        await pilot.pause()
        assert app.text.display
        assert app.routing.look.token == 1


@pytest.mark.parametrize("no_color", [False, True])
@pytest.mark.parametrize(("layers", "experts"), [(24, 32), (36, 128)])
async def test_maps_of_real_models_fit_80x24(layers: int, experts: int, no_color: bool) -> None:
    """In full size no map of layers and experts has to be scrolled or shares cells; a click goes back to the text."""
    rng = np.random.default_rng(0)
    chosen = np.argsort(rng.random((ROUTES.tokens, layers, experts)), axis=-1)[..., :4]
    routes = dataclasses.replace(
        ROUTES,
        experts=experts,
        experts_TLK=chosen.astype(np.uint8),
        weights_TLK=np.full(chosen.shape, 0.25, np.float16),
        entropy_TL=np.full((ROUTES.tokens, layers), 3, np.float16),
    )
    app = ScreenApp(routes)
    async with app.run_test(size=(80, 24)) as pilot:
        app.no_color = no_color
        await settle(app, pilot)
        await pilot.press("f")
        for view in ("load", "channels", "turns"):
            await pilot.press(str(VIEWS.index(view) + 1))
            await settle(app, pilot)
            assert app.routing.look.view == view
            assert app.panel.virtual_size.height <= app.panel.size.height
            across, down = app.panel._density.size(layers, experts)
            assert across + 4 <= app.panel.size.width
            assert down + 2 <= app.panel.size.height
            assert "describes" in app.line("about")
        await pilot.click("#routes-full")
        await pilot.pause()
        assert app.text.display


async def test_texts_of_tokens_drive_nothing() -> None:
    """Markup, escapes and line ends in tokens and in the model's name are shown as they are."""
    nasty = "[red]\x1b[2J\u202e\n"
    app = ScreenApp(dataclasses.replace(ROUTES, model=nasty, texts=(nasty, *ROUTES.texts[1:])))
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(app, pilot)
        drawn = app.line("title") + app.line("token") + "".join(app.text.render_line(y).text for y in range(3))
        assert drawn.count("[red]␛[2J") == 3
        assert "\x1b" not in drawn
        assert "\u202e" not in drawn


async def test_missing_routing_is_a_sentence() -> None:
    """The screen says what is wrong, and its keys do nothing."""
    app = ScreenApp(HistoryError("No routing is stored here.", "Ask again."))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(app, pilot)
        assert app.line("about") == "No routing is stored here. Ask again."
        await pilot.press("right", "down", "2", "c", "t", "x", "enter", "comma", "f")
        await settle(app, pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, RoutingScreen)


async def test_marks_are_seen_without_colours() -> None:
    """Tokens of the chosen expert are underlined, the cursor is reversed, and maps are drawn in glyphs."""
    app = ScreenApp()
    async with app.run_test(size=(100, 40)) as pilot:
        app.no_color = True
        await settle(app, pilot)
        await pilot.press("enter", "2")
        await settle(app, pilot)
        first = next(iter(app.text.render_line(0)))
        assert first.style is not None
        assert first.style.reverse
        assert first.style.underline
        assert set("░▒▓█") & set(app.panel.text())


def test_text_wraps_at_its_width() -> None:
    """Every token stands somewhere, wide characters count as two, and a line feed ends its line."""
    texts = ("<|start|>", "日本語" * 4, "a\n", "", "b" * 25, "\n\n", "end")
    lines = wrap(texts, 10)
    assert all(sum(piece.width for piece in line) <= 10 for line in lines)
    assert {piece.token for line in lines for piece in line} == set(range(len(texts)))
    assert ["".join(piece.text for piece in line) for line in lines] == [
        "<|start|>", "日本語日本", "語日本語日", "本語a↵", "·", "bbbbbbbbbb", "bbbbbbbbbb", "bbbbb↵", "↵", "end",
    ]  # fmt: skip
