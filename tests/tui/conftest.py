"""An app on a scripted engine, a real session and a store in a scratch folder, with a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from gptoss_chat.chat.loading import LoadedModel
from gptoss_chat.chat.session import Session
from gptoss_chat.config.values import KeySetting
from gptoss_chat.history import Store
from gptoss_chat.settings import Settings
from gptoss_chat.tui.app import ChatApp
from gptoss_chat.tui.desk import Desk
from gptoss_chat.tui.screens.chat import ChatScreen
from gptoss_chat.tui.widgets.answer import Answer
from gptoss_chat.tui.widgets.prompt import Prompt
from gptoss_chat.tui.widgets.transcript import Transcript
from tests.encodings import byte_encoding
from tests.scripted import Script, ScriptedEngine, echo_script, scripted_loader


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty history."""
    store = Store.open(tmp_path / "history.db")
    yield store
    store.close()


@dataclass
class Bench:
    """The app under test and what it stands on."""

    app: ChatApp
    engine: ScriptedEngine
    session: Session
    store: Store

    @property
    def screen(self) -> ChatScreen:
        """The chat screen, also below another one."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, ChatScreen))

    @property
    def prompt(self) -> Prompt:
        """The prompt."""
        return self.screen.query_one(Prompt)

    @property
    def transcript(self) -> Transcript:
        """The transcript."""
        return self.screen.query_one(Transcript)

    @property
    def answers(self) -> list[str]:
        """The Markdown of the mounted answers."""
        return [answer.source for answer in self.screen.query(Answer)]

    def feet(self) -> list[str]:
        """The visible lines below the replies."""
        return [str(foot.content) for foot in self.screen.query(".foot").results(Static) if foot.display]

    def status(self) -> str:
        """The status line at a width where everything fits."""
        from gptoss_chat.tui.widgets.status import StatusLine

        return self.screen.query_one(StatusLine).line(300).plain

    async def send(self, pilot: Pilot[None], text: str) -> None:
        """Put `text` in the prompt, press Enter, and wait until it stands in the transcript."""
        before = len(self.transcript.entries)
        self.prompt.text = text
        await pilot.press("enter")
        await self.until(pilot, lambda: len(self.transcript.entries) > before)

    async def until(self, pilot: Pilot[None], what: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Wait until `what` holds."""
        for _ in range(int(timeout_s / 0.02)):
            if what():
                await pilot.pause()
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"never came; answers {self.answers}, feet {self.feet()}, status {self.status()}")

    async def settle(self, pilot: Pilot[None]) -> None:
        """Wait until every reply has been written."""
        await self.until(pilot, lambda: not self.screen.writing and not any(w.live for w in self.replies()))

    def replies(self) -> list[object]:
        """The mounted replies."""
        from gptoss_chat.tui.widgets.message import ReplyMessage

        return list(self.screen.query(ReplyMessage))


MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench(store: Store) -> Iterator[MakeBench]:
    """Make an app; its session is closed after the test."""
    made: list[Bench] = []

    def make(
        script: Script = echo_script,
        *,
        pause_at: int | None = None,
        load: Callable[[Callable[[float], None]], LoadedModel] | None = None,
        theme: str | None = None,
        resume: str | None = None,
        model_name: str = "scripted",
        keys: tuple[KeySetting, ...] = (),
        desk: Desk | None = None,
    ) -> Bench:
        engine = ScriptedEngine(byte_encoding(), script, pause_at=pause_at)
        session = Session(store, load or scripted_loader(engine), model_name=model_name, date=lambda: "2026-01-02")
        settings = Settings(theme=theme or "dark", keys=keys)
        app = ChatApp(session, settings=settings, resume=resume, clock=lambda: 100.0, desk=desk)
        made.append(Bench(app, engine, session, store))
        return made[-1]

    yield make
    for bench in made:
        bench.engine.release()
        bench.session.close()
