"""What watching and reading the routing costs: `python -m tests.perf.routing`.

Prints the cost of the live map (a token, a frame, and decoding beside it shown and hidden) and of the routing screen on a
conversation of 20,000 tokens of the 120b's shape. Run it on a quiet machine.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gptoss_chat.catalog.entry import BUILT_IN, built_in_folder
from gptoss_chat.chat.events import Routed
from gptoss_chat.chat.loading import model_loader
from gptoss_chat.chat.session import Session
from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.engine.rows import ALTERNATIVES
from gptoss_chat.engine.types import RouteRecord, SamplingParams
from gptoss_chat.harmony import load_encoding
from gptoss_chat.history import Store
from gptoss_chat.routing import KnownModel, conversation_routes
from gptoss_chat.tui.screens.routing import RoutingScreen
from gptoss_chat.tui.screens.talk import POLL_S
from gptoss_chat.tui.widgets.routes_views import VIEWS
from tests.routing.examples import stored_turn, turn_tokens
from tests.tui.test_routing_map import MapApp, token

TOKENS, LAYERS, EXPERTS, CHOSEN = 20_000, 36, 128, 4
PROMPTS = ("What is 348 + 256?", "How many minutes are in 7 hours?", "Spell strawberry", "What is 17 * 23?")


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def milliseconds(what: Callable[[], object], times: int = 20) -> float:
    """The median of some runs."""
    taken_s = []
    for _ in range(times):
        began_s = time.perf_counter()
        what()
        taken_s.append(time.perf_counter() - began_s)
    return statistics.median(taken_s) * 1000


async def measure_map() -> None:
    """A token and a frame of the map that fills 80 x 24."""
    for layers, experts in ((6, 16), (24, 32), (36, 128)):
        app = MapApp(layers, experts)
        async with app.run_test(size=(80, 24)) as pilot:
            app.map.action_full_size()
            await pilot.pause()
            tokens = [token(layers, experts, seed) for seed in range(8)]

            def add(app: MapApp = app, tokens: list[tuple[np.ndarray, np.ndarray]] = tokens) -> None:
                for experts_LK, weights_LK in tokens:
                    app.map.add(experts_LK, weights_LK)

            def frame(app: MapApp = app) -> None:
                add(app)
                app.map._fold()
                for y in range(24):
                    app.map.render_line(y)

            say(f"map {layers} x {experts}: frame with 8 new tokens {milliseconds(frame):.2f} ms")


async def measure_decoding(pairs: int = 3) -> None:
    """Decoding the same answers beside the map and without it, in turns; the map polls as the chat does."""
    us_a_token: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "history.db")
        load = model_loader(BUILT_IN, built_in_folder(), cache_bytes=2**28)
        session = Session(store, load, model_name=BUILT_IN, date=lambda: "2026-01-02")
        session.start()
        app = MapApp(6, 16)
        async with app.run_test(size=(120, 40)):
            for n in range(2 * pairs):
                app.map.display = shown = n % 2 == 0
                tokens, decode_s = 0, 0.0
                for prompt in PROMPTS:
                    options = TurnOptions(effort="high", sampling=SamplingParams(seed=1))
                    turn = session.ask(None, prompt, options)
                    while turn.result is None:
                        await asyncio.sleep(POLL_S)
                        for event in turn.poll():
                            if isinstance(event, Routed):
                                app.map.add(event.experts, event.weights)
                    assert turn.result.usage is not None
                    tokens += turn.result.usage.generated_tokens
                    decode_s += turn.result.usage.decode_s
                us_a_token[shown].append(decode_s / tokens * 1e6)
        session.close()
        store.close()
    on, off = (statistics.median(us_a_token[shown]) for shown in (True, False))
    say(f"decode, built-in model, map shown {on:.0f} us a token, hidden {off:.0f}: {100 * (on / off - 1):+.1f} %")
    say(f"  shown {[round(v) for v in us_a_token[True]]}, hidden {[round(v) for v in us_a_token[False]]}")


async def measure_screen() -> None:
    """Opening, walking and analysing a long conversation."""
    encoding = load_encoding(built_in_folder())
    words = encoding.encode_text("The expert of a token is not the expert of its meaning.\n")
    text = encoding.decode_bytes(words).decode() * (TOKENS // 4 // len(words))
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "history.db")
        talk, parent_id = store.new_conversation("long", date="2026-01-02"), None
        for _ in range(2):
            ids = turn_tokens(encoding, "Why?", text, text)
            experts = np.argsort(rng.random((len(ids), LAYERS, EXPERTS), np.float32), axis=-1)[..., :CHOSEN]
            weights = rng.dirichlet(np.ones(CHOSEN), (len(ids), LAYERS)).astype(np.float16)
            record = RouteRecord(
                0,
                np.array(ids, np.uint32),
                experts.astype(np.uint8),
                weights,
                entropy=np.full((len(ids), LAYERS), 4.0, np.float16),
                logprobs=np.full(len(ids), -0.5, np.float32),
                alternative_ids=rng.choice(ids, (len(ids), ALTERNATIVES)).astype(np.uint32),
                alternative_logprobs=np.full((len(ids), ALTERNATIVES), -2.0, np.float32),
            )
            parent_id = stored_turn(store, talk.id, parent_id, record, model=BUILT_IN)
        known = KnownModel(encoding, EXPERTS)
        began_s = time.perf_counter()
        routes = conversation_routes(store, talk.id, lambda _: known)
        say(f"screen: {routes.tokens:,} tokens x {LAYERS} x {CHOSEN} read in {time.perf_counter() - began_s:.3f} s")
        app = MapApp()
        async with app.run_test(size=(120, 40)) as pilot:
            screen = RoutingScreen(lambda: conversation_routes(store, talk.id, lambda _: known))
            began_s = time.perf_counter()
            await app.push_screen(screen)
            while screen._findings is None:
                await asyncio.sleep(0.002)
            await pilot.pause()
            say(f"  opened in {time.perf_counter() - began_s:.3f} s")
            for keys in (("right",) * 20, ("down",) * 20, ("pagedown",) * 20):
                began_s = time.perf_counter()
                await pilot.press(*keys)
                say(f"  {keys[0]}: {(time.perf_counter() - began_s) / len(keys) * 1000:.0f} ms a key, screen and all")
            for number, view in enumerate(VIEWS, 1):
                began_s = time.perf_counter()
                await pilot.press(str(number))
                while screen._shown is not screen._wanted:
                    await asyncio.sleep(0.002)
                say(f"  view {view}: {time.perf_counter() - began_s:.3f} s")
        store.close()


if __name__ == "__main__":
    asyncio.run(measure_map())
    asyncio.run(measure_screen())
    asyncio.run(measure_decoding())
