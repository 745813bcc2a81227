"""Pictures of the chat, of the routing screen's views and of the map in full size: `python -m tests.perf.screenshots`.

The built-in model answers some prompts, one of them under a rule too. The chat is saved as chat.svg and each view as
routing-VIEW.svg, in `assets/` or in the folder named; with `chat` or `routing` behind it, only those. The seed is fixed, so that
pictures differ only where the program or the model does. They fetch nothing.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from textual.pilot import Pilot

from gptoss_chat.catalog.entry import BUILT_IN, built_in_folder
from gptoss_chat.chat.loading import model_loader
from gptoss_chat.chat.session import Session
from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.engine.types import SamplingParams
from gptoss_chat.history import Store
from gptoss_chat.settings import Settings
from gptoss_chat.tui.app import ChatApp
from gptoss_chat.tui.screens.routing import RoutingScreen
from gptoss_chat.tui.widgets.prompt import Prompt
from gptoss_chat.tui.widgets.routes_text import TokenText
from gptoss_chat.tui.widgets.routes_views import VIEWS
from gptoss_chat.tui.widgets.routing import RoutingMap

SIZE: Final = (120, 32)
CHAT_SIZE: Final = (120, 36)
EARLIER: Final = ("Spell strawberry", "Convert 5 km to miles.", "What is the capital of France?", "Sort 5, 3, 9, 1.")
TALK: Final = ("What is 48 + 25?", "And times 3?", "How many minutes are in 3 hours?")
MAP_SIZE: Final = (80, 24)
PROMPTS: Final = ("How many minutes are in 7 hours?", "What is 17 * 23?", "Spell strawberry")
RULES: Final = ("minus", "minus")  # two experts a token fewer in the middle layer
REMOTE_FONT = re.compile(r",\s*url\([^)]*\) format\([^)]*\)")
Held = Callable[[], bool]


async def until(pilot: Pilot[None], holds: Held, timeout_s: float = 600.0) -> None:
    """Wait until something holds."""
    for _ in range(int(timeout_s / 0.05)):
        if holds():
            await pilot.pause()
            return
        await asyncio.sleep(0.05)
    raise TimeoutError


def save(app: ChatApp, name: str, folder: Path) -> None:
    """The screen as it is."""
    svg = app.export_screenshot(title="gptoss-chat" if name == "chat" else f"gptoss-chat · {name}")
    file = folder / (f"{name}.svg" if name == "chat" else f"routing-{name}.svg")
    file.write_text(REMOTE_FONT.sub("", svg), encoding="utf-8")
    sys.stdout.write(f"{file}: {file.stat().st_size / 1000:.0f} kB\n")


def uncertain(screen: RoutingScreen) -> int:
    """The token at which the model hesitated most: the likeliest other one is likeliest there."""
    assert screen._findings is not None
    routes = screen._findings.routes
    second_T = np.nan_to_num(routes.alternative_logprobs_TA[:, 1], nan=-np.inf)
    second_T[routes.turns_T != len(routes.turn_ids) - 1] = -np.inf
    return int(second_T.argmax())


async def answered(app: ChatApp, pilot: Pilot[None], store: Store, count: int) -> None:
    """Wait until `count` answers are complete and shown."""

    def done() -> bool:
        talks = store.conversations(limit=1)
        nodes = store.nodes(talks[0].id) if talks else []
        return sum(node.status == "complete" for node in nodes if node.role == "assistant") >= count

    await until(pilot, done)
    await pilot.pause(0.5)


async def opened(app: ChatApp, pilot: Pilot[None]) -> RoutingScreen:
    """The routing of what is shown."""
    await pilot.press("f2")
    await until(pilot, lambda: isinstance(app.screen, RoutingScreen))
    screen = app.screen
    assert isinstance(screen, RoutingScreen)
    await until(pilot, lambda: screen._findings is not None)
    return screen


@contextmanager
def chat() -> Iterator[tuple[ChatApp, Store]]:
    """The chat on the built-in model, with a history of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        store = Store.open(Path(scratch) / "history.db")
        load = model_loader(BUILT_IN, built_in_folder(), cache_bytes=2**28)
        session = Session(store, load, model_name=BUILT_IN, date=lambda: "2026-01-02")
        options = TurnOptions(effort="high", sampling=SamplingParams(seed=7))
        yield ChatApp(session, settings=Settings(theme="dark"), options=options), store
        session.close()
        store.close()


async def ask(app: ChatApp, pilot: Pilot[None], store: Store, text: str, number: int) -> None:
    """Send a prompt, and wait for the answer, the conversation's `number`th."""
    await until(pilot, lambda: bool(app.screen.query(Prompt)))
    app.screen.query_one(Prompt).text = text
    await pilot.press("enter")
    await answered(app, pilot, store, number)


async def take_chat(folder: Path) -> None:
    """A conversation of a few turns, one of them answered twice, below others in the list."""
    with chat() as (app, store):
        async with app.run_test(size=CHAT_SIZE) as pilot:
            for text in EARLIER:
                await ask(app, pilot, store, text, 1)
                await pilot.press("ctrl+n")
                await until(pilot, lambda: not app.screen.query(".message"))
            for number, text in enumerate(TALK, 1):
                await ask(app, pilot, store, text, number)
            await pilot.press("ctrl+g")
            await answered(app, pilot, store, len(TALK) + 1)
            app.screen.query_one(Prompt).cursor_blink = False
            await pilot.pause(0.5)
            save(app, "chat", folder)


async def take_routing(folder: Path) -> None:
    """All views, and the map."""
    with chat() as (app, store):
        async with app.run_test(size=SIZE) as pilot:
            for number, text in enumerate(PROMPTS, 1):
                await ask(app, pilot, store, text, number)
            screen = await opened(app, pilot)
            await pilot.press(*RULES, "g")
            await answered(app, pilot, store, len(PROMPTS) + 1)
            screen = await opened(app, pilot)
            screen.query_one(TokenText).move(uncertain(screen))
            await pilot.pause()
            await pilot.press("enter")
            for number, view in enumerate(VIEWS, 1):
                await pilot.press(str(number))
                await until(pilot, lambda: screen._shown is screen._wanted)
                await pilot.pause(0.2)
                save(app, view, folder)
            await pilot.press("escape")
            await pilot.resize_terminal(*MAP_SIZE)
            await pilot.pause(0.5)
            await pilot.press("f3")
            await until(pilot, lambda: isinstance(app.screen.maximized, RoutingMap))
            await pilot.pause(0.5)
            save(app, "map", folder)


if __name__ == "__main__":
    to = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "assets"
    which = sys.argv[2] if len(sys.argv) > 2 else ""
    for kind, take in (("chat", take_chat), ("routing", take_routing)):
        if which in ("", kind):
            asyncio.run(take(to))
