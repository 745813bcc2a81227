"""Reading: find, copy, the marker for what is new below, what the session has to tell."""

from __future__ import annotations

import pytest

from gptoss_chat.history import Store
from gptoss_chat.tui.colours import DARK, LIGHT
from gptoss_chat.tui.fences import code_blocks
from tests.tui.conftest import MakeBench
from tests.tui.test_layout import long_conversation

SIZE = (100, 30)


def test_code_blocks_are_found_in_order() -> None:
    """Of both kinds, with shorter fences inside, and one that is still being written."""
    text = "a\n```python\nx = 1\n```\nb\n~~~\ny\n~~~\n````md\n```\nz\n```\n````\n```\nopen"
    assert code_blocks(text) == ["x = 1\n", "y\n", "```\nz\n```\n", "open"]


@pytest.mark.parametrize(("name", "theme"), [("dark", DARK), ("light", LIGHT)])
async def test_first_frame_has_the_colours_of_its_theme(make_bench: MakeBench, name: str, theme: object) -> None:
    """The style sheet is read once, with the theme that was set."""
    bench = make_bench(theme=name)
    async with bench.app.run_test(size=SIZE):
        assert bench.app.current_theme is theme
        assert bench.screen.styles.background.hex.lower() == getattr(theme, "background", None)
        assert bench.app.current_theme.dark is (name == "dark")


async def test_find_goes_through_the_whole_conversation(make_bench: MakeBench, store: Store) -> None:
    """From the newest place upwards with n and N, also to messages that are not mounted; Esc goes back to the prompt."""
    bench = make_bench(resume=long_conversation(store, 40))
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: len(bench.transcript.entries) == 80)
        await pilot.press("ctrl+f", *"ANSWER 7", "enter")
        await bench.until(pilot, lambda: getattr(bench.transcript.picked, "text", "") == "answer 7")
        await pilot.press("slash", *"prompt 1", "enter")
        await bench.until(pilot, lambda: getattr(bench.transcript.picked, "text", "") == "prompt 19")
        await pilot.press("n")
        await bench.until(pilot, lambda: getattr(bench.transcript.picked, "text", "") == "prompt 1")
        await pilot.press("N")
        await bench.until(pilot, lambda: getattr(bench.transcript.picked, "text", "") == "prompt 19")
        await pilot.press("escape")
        assert bench.app.focused is bench.prompt
        assert bench.transcript.picked is None


async def test_messages_and_code_are_copied_as_markdown(make_bench: MakeBench) -> None:
    """F6 copies the answer's Markdown; F7 its last code block, then the one before; a picked prompt is copied too."""
    answer = "Two:\n\n```sh\nls\n```\n\n```sh\npwd\n```\n"
    bench = make_bench(lambda _: ("", answer))
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Show **code**")
        await bench.settle(pilot)
        for key, copied in (("f6", answer), ("f7", "pwd\n"), ("f7", "ls\n"), ("f7", "pwd\n")):
            await pilot.press(key)
            assert bench.app.clipboard == copied
        await pilot.press("alt+up", "alt+up")
        await bench.until(pilot, lambda: getattr(bench.transcript.picked, "role", "") == "user")
        await pilot.press("f6")
        assert bench.app.clipboard == "Show **code**"


async def test_marker_tells_of_what_is_new_below(make_bench: MakeBench, store: Store) -> None:
    """It comes when text arrives out of sight, and goes at the bottom; there the view follows again."""
    bench = make_bench(lambda _: ("", "word\n\n" * 12), resume=long_conversation(store, 12), pause_at=40)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: len(bench.transcript.entries) == 24)
        await bench.send(pilot, "More")
        await bench.until(pilot, bench.engine.paused.is_set)
        assert not bench.screen.below.display
        await pilot.press("pageup")
        bench.engine.release()
        await bench.until(pilot, lambda: bench.screen.below.display)
        await bench.settle(pilot)
        await pilot.click(bench.screen.below)
        await bench.until(pilot, lambda: bench.transcript.at_bottom and not bench.screen.below.display)


async def test_failed_reading_ahead_is_told_once(make_bench: MakeBench) -> None:
    """The sentence stands above the prompt until the next one is sent."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bench.session.context_limit > 0)
        bench.engine.warm_error = MemoryError("no room")
        await bench.until(pilot, lambda: bench.screen.notice.display)
        assert "Reading ahead failed" in str(bench.screen.notice.content)
        await bench.send(pilot, "Hi")
        await bench.settle(pilot)
        assert not bench.screen.notice.display


async def test_reasoning_time_and_context_are_shown_after_reopening(make_bench: MakeBench, store: Store) -> None:
    """They come from the history, when the reply was written by an earlier process."""
    conversation = store.new_conversation("Old", date="2026-01-02")
    user = store.add_user(conversation.id, None, "a")
    reply = store.begin_reply(conversation.id, user.id, "scripted", "low", "{}")
    usage = {"reasoning_s": 2.5, "context_tokens": 321}
    store.finish_reply(reply.id, status="complete", final="b", reasoning="hm", raw_ids=[], usage=usage)
    bench = make_bench(resume=conversation.id)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: "context 321/4,096" in bench.status())
        widget = bench.transcript.last_reply
        assert widget is not None
        assert widget.reasoning.line() == "Reasoning · 2 characters · 2.5 s"
