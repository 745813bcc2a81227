"""What the chat screen costs a person: opening, streaming, typing meanwhile, and memory, on a scripted model.

Run `python -m tests.perf.chat_screen open|stream|echo|memory`. It asserts nothing: figures depend on the machine and its load.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from gptoss_chat.chat.session import Session
from gptoss_chat.history import Store
from gptoss_chat.settings import Settings
from gptoss_chat.tui.app import ChatApp
from gptoss_chat.tui.screens.chat import ChatScreen
from tests.encodings import byte_encoding
from tests.scripted import Script, ScriptedEngine, scripted_loader

MESSAGES = 500
ANSWER_CHARACTERS = 32_000
STREAM_TOKENS_PER_S = 2_000.0
TYPED_TOKENS_PER_S = 100.0
KEYS = 200
TURNS = 1_000
PARAGRAPH = "The **period** grows with the *radius*; see `period()`.\n\n- one\n- two\n\n```python\nx = 1\n```\n\n"


class Pace:
    """In place of the engine's gate: a token leaves every 1 / `tokens_per_s` seconds."""

    def __init__(self, tokens_per_s: float) -> None:
        self._every_s = 1 / tokens_per_s
        self._next_s = 0.0

    def wait(self, _timeout_s: float | None = None) -> bool:
        """Until the next token may leave."""
        now_s = time.perf_counter()
        self._next_s = max(self._next_s + self._every_s, now_s - 0.05)
        if self._next_s > now_s:
            time.sleep(self._next_s - now_s)
        return True

    def set(self) -> None:
        """It is always open."""

    def clear(self) -> None:
        """It never shuts."""


def stored(store: Store, messages: int) -> str:
    """A conversation of that many messages; its id."""
    conversation = store.new_conversation("Long", date="2026-01-02")
    parent_id = None
    for n in range(messages // 2):
        user = store.add_user(conversation.id, parent_id, f"prompt {n}")
        reply = store.begin_reply(conversation.id, user.id, "scripted", "low", "{}")
        store.finish_reply(reply.id, status="complete", final=f"{n}. {PARAGRAPH}", reasoning="", raw_ids=[], usage={})
        parent_id = reply.id
    return conversation.id


def made(store: Store, script: Script, tokens_per_s: float, resume: str | None = None) -> tuple[ChatApp, Session]:
    """The chat on a model that answers by `script` at that pace."""
    engine = ScriptedEngine(byte_encoding(), script)
    engine.context_limit = 10**9
    engine.go = Pace(tokens_per_s)  # type: ignore[assignment]
    session = Session(store, scripted_loader(engine), model_name="scripted", date=lambda: "2026-01-02")
    return ChatApp(session, settings=Settings(), resume=resume), session


async def until(what: Callable[[], bool]) -> None:
    """Wait, as the screen's own timers would."""
    while not what():
        await asyncio.sleep(0.002)


def chat_of(app: ChatApp) -> ChatScreen:
    """The chat screen."""
    assert isinstance(app.screen, ChatScreen)
    return app.screen


async def measure_open(store: Store) -> None:
    """From the wish to open a conversation of 500 messages to the frame that shows its end."""
    conversation_id = stored(store, MESSAGES)
    app, session = made(store, lambda _: ("", ""), 100)
    times_s: list[float] = []
    async with app.run_test(size=(120, 40)) as pilot:
        screen = chat_of(app)
        await until(lambda: session.loaded is not None)
        for _ in range(10):
            await pilot.press("ctrl+n")
            await until(lambda: not screen.transcript.entries)
            await pilot.pause(0.2)
            start_s = time.perf_counter()
            screen.open_conversation(conversation_id)
            await until(lambda: len(screen.transcript.entries) == MESSAGES and screen.transcript.at_bottom)
            done = asyncio.Event()
            screen.call_after_refresh(done.set)
            await done.wait()
            times_s.append(time.perf_counter() - start_s)
    session.close()
    say(f"{MESSAGES} messages open in {statistics.median(times_s) * 1e3:.0f} ms (worst {max(times_s) * 1e3:.0f} ms)")


async def measure_stream(store: Store) -> None:
    """How late the screen's loop comes to a timer while a long answer streams."""
    text = PARAGRAPH * (ANSWER_CHARACTERS // len(PARAGRAPH) + 1)
    app, session = made(store, lambda _: ("", text[:ANSWER_CHARACTERS]), STREAM_TOKENS_PER_S)
    late_s: list[float] = []
    async with app.run_test(size=(120, 40)) as pilot:
        screen = chat_of(app)
        await until(lambda: session.loaded is not None)
        screen.prompt.text = "Go"
        await pilot.press("enter")
        await until(lambda: screen.writing)
        while screen.writing:
            due_s = time.perf_counter() + 0.005
            await asyncio.sleep(0.005)
            late_s.append(time.perf_counter() - due_s)
        await pilot.pause(0.5)
    session.close()
    late_s.sort()
    over = sum(late > 0.1 for late in late_s)
    say(f"{ANSWER_CHARACTERS:,} characters at {STREAM_TOKENS_PER_S:,.0f} a second: the loop is late by "
        f"p50 {late_s[len(late_s) // 2] * 1e3:.0f} ms, p99 {late_s[int(len(late_s) * 0.99)] * 1e3:.0f} ms, "
        f"worst {late_s[-1] * 1e3:.0f} ms; {over} times over 100 ms")  # fmt: skip


async def measure_memory(store: Store, turns: int) -> None:
    """Resident memory over a thousand turns of one conversation."""
    app, session = made(store, lambda _: ("Short.", PARAGRAPH), 100_000)
    process = psutil.Process()
    async with app.run_test(size=(120, 40)):
        screen = chat_of(app)
        await until(lambda: session.loaded is not None)
        for n in range(1, turns + 1):
            screen.ask_in([screen.pane], f"prompt {n}")
            await until(lambda n=n: len(screen.transcript.entries) == 2 * n and not screen.writing)  # type: ignore[misc]
            session.loaded.engine.cached.clear()  # type: ignore[union-attr]
            session.loaded.engine.requests.clear()  # type: ignore[union-attr]
            if n in (1, 10, 50) or n % 100 == 0:
                mounted = len(screen.query(".message"))
                say(f"turn {n:>5}: {process.memory_info().rss / 2**20:7.1f} MiB resident, {mounted} messages mounted")
    session.close()


def measure_echo(folder: Path) -> None:
    """From a key to its echo in a pseudo-terminal, while an answer streams into a conversation of 500 messages."""
    from tests.perf.first_paint import Screen

    screen = Screen(folder, f"from tests.perf.chat_screen import serve; serve({str(folder)!r})")
    screen.wait("sk something")
    time.sleep(3)
    screen.child.send("go\r")
    screen.wait("period grows", 2)
    echoes_s: list[float] = []
    for n in range(KEYS):
        sent_s = time.perf_counter()
        screen.child.send("§")
        echoes_s.append(screen.wait_raw("§" * (n % 40 + 1)) - sent_s)
        if n % 40 == 39:
            screen.child.send("\x7f" * 40)
            screen.wait_raw("sk something")
        screen.drain(0.03)
    screen.child.close(force=True)
    echoes_s.sort()
    say(f"key echo while {TYPED_TOKENS_PER_S:.0f} tokens/s stream into {MESSAGES} messages: "
        f"p50 {statistics.median(echoes_s) * 1e3:.0f} ms, p95 {echoes_s[int(KEYS * 0.95)] * 1e3:.0f} ms, "
        f"worst {echoes_s[-1] * 1e3:.0f} ms, {KEYS} keys")  # fmt: skip


def serve(folder: str) -> None:
    """The chat of `measure_echo`, in its own process."""
    store = Store.open(Path(folder) / "history.db")
    app, session = made(store, lambda _: ("", PARAGRAPH * 400), TYPED_TOKENS_PER_S, stored(store, MESSAGES))
    try:
        app.run()
    finally:
        session.close()


def say(text: str) -> None:
    """One figure."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(what: str, turns: int = TURNS) -> None:
    """Measure and say."""
    with tempfile.TemporaryDirectory() as folder:
        if what == "echo":
            measure_echo(Path(folder))
            return
        store = Store.open(Path(folder) / "history.db")
        match what:
            case "open":
                asyncio.run(measure_open(store))
            case "stream":
                asyncio.run(measure_stream(store))
            case "memory":
                asyncio.run(measure_memory(store, turns))
            case _:
                raise SystemExit(__doc__)
        store.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "", *map(int, sys.argv[2:]))
