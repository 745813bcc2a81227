"""What a long history costs a person: `python -m tests.perf.conversation_list [FOLDER]`.

It makes a history of 5,000 conversations, in FOLDER where it is kept for the next time, opens its file, starts the chat on it,
searches as somebody types, and opens what was found. It asserts nothing: figures depend on the machine and its load.
"""

from __future__ import annotations

import asyncio
import dataclasses
import statistics
import sys
import tempfile
import time
from pathlib import Path

from textual.pilot import Pilot

from gptoss_chat.history import Store
from gptoss_chat.history.values import Conversation, Incoming, Node
from gptoss_chat.tui.app import ChatApp
from gptoss_chat.tui.screens.chat import ChatScreen
from tests.perf.chat_screen import chat_of, made, say, until

CONVERSATIONS, FEW = 5_000, 10
TURNS = 10
WORDS = ("period", "radius", "minute", "strawberry", "kettle", "river", "lantern", "compass", "orchard", "violin")
TYPED = "lantern river"
TIMES = 7


def fill(store: Store, count: int) -> None:
    """Conversations of ten turns, each with words of its own."""
    for n in range(count):
        words = [WORDS[n % 10], WORDS[n // 10 % 10], WORDS[n // 100 % 10]]
        talk = Conversation(f"{n:032}", f"About {words[0]} and {words[1]}, {n}", "scripted", "2026-01-02", n, n, None)
        nodes: list[Node] = []
        for turn in range(TURNS):
            asked = f"What of the {words[turn % 3]} in case {turn}?"
            answer = f"The {words[turn % 3]} is near the {words[(turn + 1) % 3]}. " * 4
            for role, text in (("user", asked), ("assistant", answer)):
                above = nodes[-1].id if nodes else None
                id_ = f"{n:016}{len(nodes):016}"
                nodes.append(Node(id_, talk.id, above, role, text, "", (), "complete", "scripted", "low", None, n))  # type: ignore[arg-type]
        leaf = dataclasses.replace(talk, leaf_id=nodes[-1].id)
        store.take_in(Incoming(leaf, tuple(nodes), {}))


async def painted(screen: ChatScreen) -> None:
    """Until what was changed is on the screen."""
    done = asyncio.Event()
    screen.call_after_refresh(done.set)
    await done.wait()


async def measure_start(file: Path, count: int) -> None:
    """From making the chat to the list on the screen."""
    times_s = []
    for _ in range(TIMES):
        start_s = time.perf_counter()
        store = Store(file)
        app, session = made(store, lambda _: ("", ""), 100)
        async with app.run_test(size=(120, 40)):
            screen = chat_of(app)
            await until(lambda: bool(screen.lists._titles))  # noqa: B023
            await painted(screen)
            times_s.append(time.perf_counter() - start_s)
        session.close()
        store.close()
    tell(f"start to the list of {count:,} on the screen, the first frame included", times_s)


async def measure_search(app: ChatApp, pilot: Pilot[None]) -> None:
    """Each key of a search, and opening what it found."""
    screen, keys_s, opened_s = chat_of(app), [], []
    await until(lambda: bool(screen.lists._titles))
    for _ in range(TIMES):
        await pilot.press("ctrl+b")
        for letter in TYPED:
            shown = screen.lists._shown
            screen.lists._search.insert_text_at_cursor(letter)
            start_s = time.perf_counter()
            while screen.lists._shown is shown and time.perf_counter() - start_s < 1:
                await asyncio.sleep(0.001)
            await painted(screen)
            if screen.lists._shown is not shown:
                keys_s.append(time.perf_counter() - start_s)
        start_s = time.perf_counter()
        await screen.lists._search.action_to_list("select")
        await until(lambda: len(screen.transcript.entries) == 2 * TURNS)
        await painted(screen)
        opened_s.append(time.perf_counter() - start_s)
        await pilot.press("ctrl+n")
        await until(lambda: not screen.transcript.entries)
    tell("a key of the search to its hits on the screen", keys_s)
    tell(f"Enter to the {2 * TURNS} messages of a hit on the screen", opened_s)


def tell(what: str, times_s: list[float]) -> None:
    """One line."""
    say(f"{what}: {statistics.median(times_s) * 1e3:.0f} ms (worst {max(times_s) * 1e3:.0f} of {len(times_s)})")


async def measure(file: Path) -> None:
    """All of it."""
    if not file.exists():
        store = Store.open(file)
        start_s = time.perf_counter()
        fill(store, CONVERSATIONS)
        store.close()
        say(f"written in {time.perf_counter() - start_s:.0f} s")
    say(
        f"{CONVERSATIONS:,} conversations, {CONVERSATIONS * TURNS * 2:,} messages, {file.stat().st_size / 2**20:.0f} MiB"
    )
    opens_s = []
    for _ in range(TIMES):
        start_s = time.perf_counter()
        store = Store.open(file)
        store.listed("", 200)
        opens_s.append(time.perf_counter() - start_s)
        store.close()
    tell("the file opened and its list read", opens_s)
    await measure_start(file, CONVERSATIONS)
    few = file.with_name("few.db")
    if not few.exists():
        store = Store.open(few)
        fill(store, FEW)
        store.close()
    await measure_start(few, FEW)
    store = Store.open(file)
    app, session = made(store, lambda _: ("", ""), 100)
    async with app.run_test(size=(120, 40)) as pilot:
        await measure_search(app, pilot)
    session.close()
    store.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(measure(Path(sys.argv[1] if len(sys.argv) > 1 else scratch) / "history.db"))
