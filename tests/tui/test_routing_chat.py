"""The way from the chat to the routing of its answers, and to the map's full size."""

from __future__ import annotations

import json

import numpy as np
from textual.widgets import Static

from gptoss_chat.history import Store
from gptoss_chat.model.route import route_text
from gptoss_chat.tui.screens.routing import RoutingScreen
from gptoss_chat.tui.widgets.routes_panel import RoutesPanel
from gptoss_chat.tui.widgets.routes_text import TokenText
from gptoss_chat.tui.widgets.routing import RoutingMap
from tests.scripted import EXPERTS, LAYERS, routing_of
from tests.tui.conftest import MakeBench


async def test_routing_of_the_conversation_opens_at_its_last_answer(make_bench: MakeBench, store: Store) -> None:
    """F2 shows the stored tokens with the experts that the engine reported; Esc goes back to the prompt."""
    bench = make_bench()
    async with bench.app.run_test(size=(100, 40)) as pilot:
        for text in ("First", "Second"):
            await bench.send(pilot, text)
            await bench.settle(pilot)
        await pilot.press("f2")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, RoutingScreen))
        screen = bench.app.screen
        assert isinstance(screen, RoutingScreen)
        await bench.until(pilot, lambda: screen._findings is not None)
        assert screen._findings is not None
        routes = screen._findings.routes
        assert len(routes.turn_ids) == 2
        text = "".join(routes.texts)
        assert "<|start|>user<|message|>First<|end|>" in text
        assert text.endswith("You said: Second")
        assert screen.look.token == int(np.argmax(routes.turns_T == 1))
        experts, weights = routing_of(int(routes.token_ids_T[5]))
        assert np.array_equal(routes.experts_TLK[5], experts)
        assert np.array_equal(routes.weights_TLK[5], weights)
        assert (routes.layers, routes.experts) == (LAYERS, EXPERTS)
        assert screen.query_one(TokenText).has_focus
        await pilot.press("escape")
        await bench.until(pilot, lambda: bench.app.screen is bench.screen)
        await pilot.press("x")
        assert bench.prompt.text == "x"


async def test_routing_of_nothing_is_a_sentence(make_bench: MakeBench) -> None:
    """An empty chat stays where it is."""
    bench = make_bench()
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f2")
        await pilot.pause()
        assert bench.app.screen is bench.screen
        assert "no answer yet" in str(bench.screen.notice.content)


async def test_map_fills_the_screen_and_goes_back(make_bench: MakeBench) -> None:
    """F3 from a narrow chat, which has no room for the map, and F3 again."""
    bench = make_bench()
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await bench.send(pilot, "First")
        await bench.settle(pilot)
        await bench.until(pilot, lambda: bool(bench.screen.query(RoutingMap)))
        await pilot.press("f3")
        await pilot.pause()
        routing = bench.screen.query_one(RoutingMap)
        assert bench.screen.maximized is routing
        assert routing.size.width == 78
        assert routing.shape == (LAYERS, EXPERTS)
        assert "Load entropy" in routing.render_line(1).text
        await pilot.press("f3")
        await pilot.pause()
        assert bench.screen.maximized is None
        assert bench.app.focused is bench.prompt


async def test_answer_is_made_again_under_rules(make_bench: MakeBench, store: Store) -> None:
    """B bans the chosen expert, P pins another; G goes back and asks for a sibling with the rules and the same seed."""
    bench = make_bench()
    async with bench.app.run_test(size=(120, 40)) as pilot:
        await bench.send(pilot, "First")
        await bench.settle(pilot)
        first_id = bench.transcript.last_reply.entry.node_id  # type: ignore[union-attr]
        await pilot.press("f2")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, RoutingScreen))
        screen = bench.app.screen
        assert isinstance(screen, RoutingScreen)
        await bench.until(pilot, lambda: screen._findings is not None)
        await pilot.press("g")  # without a rule, there is nothing to do
        layer, expert = screen.look.layer, screen.look.expert
        await pilot.press("b", "apostrophe", "p", "apostrophe", "b", "b")
        want = f"ban {layer}:{expert}; pin {layer}:{(expert + 1) % EXPERTS}"
        assert str(screen.query_one("#routes-scope", Static).content).startswith(want)
        await pilot.press("g")
        await bench.until(pilot, lambda: len(bench.engine.requests) == 2)
        await bench.settle(pilot)
        assert route_text(bench.engine.requests[1].route) == want
        await pilot.press("f2")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, RoutingScreen))
        again = bench.app.screen
        assert isinstance(again, RoutingScreen)
        await bench.until(pilot, lambda: again._findings is not None)
        await pilot.press("8")
        await bench.until(pilot, lambda: "tokens are the same" in again.query_one(RoutesPanel).text())
        versions = store.siblings(first_id)
        assert len(versions) == 2
        assert versions[0].usage is not None
        assert bench.engine.requests[1].sampling.seed == versions[0].usage["seed"]
        assert json.loads(versions[1].sampling)["route"] == want


async def test_answer_goes_on_from_another_token(make_bench: MakeBench, store: Store) -> None:
    """A in the routing of an answer, a text, Enter: a sibling stands in the chat that begins as the old one did."""
    bench = make_bench()
    async with bench.app.run_test(size=(120, 40)) as pilot:
        await bench.send(pilot, "First")
        await bench.settle(pilot)
        first_id = bench.transcript.last_reply.entry.node_id  # type: ignore[union-attr]
        await pilot.press("f2")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, RoutingScreen))
        screen = bench.app.screen
        assert isinstance(screen, RoutingScreen)
        await bench.until(pilot, lambda: screen._findings is not None)
        assert screen._findings is not None
        routes = screen._findings.routes
        place = "".join(routes.texts).index("said: First")
        token = next(t for t in range(routes.tokens) if "".join(routes.texts[:t]) == "".join(routes.texts)[:place])
        screen.query_one(TokenText).move(token)
        await pilot.pause()
        await pilot.press("a", *"heard ", "enter")
        await bench.until(pilot, lambda: len(bench.engine.requests) == 2)
        await bench.settle(pilot)
        versions = store.siblings(first_id)
        assert len(versions) == 2
        assert versions[1].text.startswith("You heard ")
        assert versions[1].reasoning.startswith(versions[0].reasoning)  # the script then says all of it again
        assert bench.answers[-1].startswith("You heard ")
        kept = json.loads(versions[1].sampling)["branch"]["kept"]
        assert versions[1].raw_ids[:kept] == versions[0].raw_ids[:kept]
