"""How fast the built-in model answers in the chat itself, the routing map shown: `python -m tests.perf.chat_speed [turns]`.

Prints tokens a second and the time from Enter to the first token, of each turn and at best. Every conversation is new; each prompt
is asked twice, so that every second one is in the cache. It asserts nothing: figures depend on the machine and its load.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from gptoss_chat.catalog.entry import BUILT_IN, built_in_folder
from gptoss_chat.chat.events import Routed, TurnEvent
from gptoss_chat.chat.loading import model_loader
from gptoss_chat.chat.session import Session
from gptoss_chat.chat.turn import Turn
from gptoss_chat.history import Store
from gptoss_chat.settings import Settings
from gptoss_chat.tui.app import ChatApp
from tests.perf.chat_screen import chat_of, say, until

PROMPTS = ("What is 348 + 256?", "How many minutes are in 7 hours?", "Spell strawberry", "What is 17 * 23?")


def prompt(number: int) -> str:
    """Of a turn: two after each other have the same."""
    number //= 2
    return PROMPTS[number] if number < len(PROMPTS) else f"What is {311 + 7 * number} + {95 + number}?"


class FirstToken:
    """Notes when each turn's first token is handed to the screen."""

    def __init__(self) -> None:
        self.at_s: dict[Turn, float] = {}
        emit = Turn.emit

        def noting(turn: Turn, *told: TurnEvent) -> None:
            if turn not in self.at_s and any(isinstance(event, Routed) for event in told):
                self.at_s[turn] = time.perf_counter()
            emit(turn, *told)

        Turn.emit = noting  # type: ignore[method-assign]


async def measure(store: Store, turns: int) -> None:
    """Ask, wait for the end, ask again, each time in a new conversation."""
    first = FirstToken()
    session = Session(
        store,
        model_loader(BUILT_IN, built_in_folder(), cache_bytes=2**28),
        model_name=BUILT_IN,
        date=lambda: "2026-01-02",
    )
    app = ChatApp(session, settings=Settings())
    rates: list[float] = []
    waits_ms: dict[bool, list[float]] = {True: [], False: []}  # by whether the prompt was in the cache
    async with app.run_test(size=(140, 40)) as pilot:
        screen = chat_of(app)
        await until(lambda: session.loaded is not None and screen.pane.map is not None)
        assert screen.pane.map is not None
        screen.pane.map.display = True
        for n in range(turns):
            await pilot.press("ctrl+n")
            await until(lambda: not screen.transcript.entries)
            screen.prompt.text = prompt(n)
            await pilot.pause(0.3)  # typed before, and drawn
            entered_s = time.perf_counter()
            pressed = asyncio.create_task(
                pilot.press("enter")
            )  # it waits for a quiet screen: the answer may be over by then
            await until(lambda: screen.writing)
            reply = screen.live.first
            assert reply is not None
            await until(lambda: not screen.writing)
            await pressed
            assert reply.finished is not None
            usage = reply.finished.usage
            assert usage is not None
            rates.append(usage.decode_tokens_per_s)
            wait_ms = (first.at_s[reply.turn] - entered_s) * 1e3
            waits_ms[usage.prefilled_tokens == 1].append(wait_ms)
            say(
                f"{usage.generated_tokens:4} tokens at {rates[-1]:5.0f}/s, the first after {wait_ms:4.0f} ms"
                f" ({usage.prefilled_tokens} of the prompt computed in {usage.prefill_s * 1e3:.0f} ms)"
            )
    session.close()
    say(f"best {max(rates):.0f} tokens/s, median {statistics.median(rates):.0f}")
    for cached, found_ms in waits_ms.items():
        if found_ms:
            which = "a prompt in the cache" if cached else "a new prompt"
            say(
                f"first token of {which} after {min(found_ms):.0f} ms at best, median {statistics.median(found_ms):.0f} ms"
            )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        opened = Store.open(Path(folder) / "history.db")
        asyncio.run(measure(opened, int(sys.argv[1]) if len(sys.argv) > 1 else 8))
        opened.close()
