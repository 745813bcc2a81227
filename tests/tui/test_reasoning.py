"""Reasoning that comes, and ends, before its widget is composed."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static

from gptoss_chat.tui.widgets.reasoning import Reasoning


class OneReasoning(App[None]):
    """An app with a reasoning that has got its text before it is on the screen."""

    def compose(self) -> ComposeResult:
        """As a reply that is short does it."""
        reasoning = Reasoning("", None, unfolded=True)
        reasoning.feed("Half a ")
        reasoning.elapsed(1.0)
        reasoning.set_text("The whole thought.", 2.0)
        yield reasoning


async def test_text_before_the_first_frame_is_shown_whole() -> None:
    """Nothing is looked up that is not there yet."""
    app = OneReasoning()
    async with app.run_test() as pilot:
        await pilot.pause()
        shown = [str(static.content) for static in app.query(Static)]
        assert shown == ["▾ Reasoning · 18 characters · 2.0 s", "The whole thought."]
