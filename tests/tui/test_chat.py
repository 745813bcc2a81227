"""Asking, reading, stopping, going on: the main job at the screen."""

from __future__ import annotations

import threading
from collections.abc import Callable

from textual import events

from gptoss_chat.chat.loading import LoadedModel
from gptoss_chat.errors import CheckpointError
from gptoss_chat.tui.widgets.message import ReplyMessage
from gptoss_chat.tui.widgets.notice import Notice
from gptoss_chat.tui.widgets.reasoning import Reasoning
from tests.encodings import byte_encoding
from tests.scripted import ScriptedEngine
from tests.tui.conftest import Bench, MakeBench

SIZE = (100, 30)


def last_reply(bench: Bench) -> ReplyMessage:
    """The newest reply on the screen."""
    reply = bench.transcript.last_reply
    assert reply is not None
    return reply


async def test_prompt_is_answered_and_figures_are_shown(make_bench: MakeBench) -> None:
    """Enter sends; the second turn's figures show that the cache was reused."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Hello")
        await bench.settle(pilot)
        assert bench.answers == ["You said: Hello"]
        assert "reused 0 · prefilled" in bench.status()
        await bench.send(pilot, "Again")
        await bench.settle(pilot)
        assert bench.answers == ["You said: Hello", "You said: Again"]
        assert "reused 0" not in bench.status()
        assert "tok/s · context" in bench.status()
        assert bench.screen.query_one("#welcome").display is False


async def test_text_is_shown_while_it_is_written(make_bench: MakeBench) -> None:
    """A paused answer already shows its reasoning."""
    bench = make_bench(pause_at=30)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Hi")
        await bench.until(pilot, lambda: bool(bench.replies()) and last_reply(bench).reasoning.display)
        assert last_reply(bench).live is not None
        assert "Reasoning · " in last_reply(bench).reasoning.line()
        bench.engine.release()
        await bench.settle(pilot)
        assert bench.answers == ["You said: Hi"]


async def test_escape_stops_and_keeps_the_partial_answer(make_bench: MakeBench) -> None:
    """Esc keeps what was written; Ctrl+O goes on in place to the full answer."""
    bench = make_bench(lambda _: ("Short.", "one two three four five"), pause_at=45)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Count")
        await bench.until(pilot, lambda: bool(bench.answers) and "one" in bench.answers[0])
        await pilot.press("escape")
        await bench.settle(pilot)
        partial = bench.answers[0]
        assert "one two three four five".startswith(partial)
        assert partial != "one two three four five"
        assert any("Stopped" in foot for foot in bench.feet())
        bench.engine.release()
        await pilot.press("ctrl+o")
        await bench.until(pilot, lambda: bench.answers == ["one two three four five"])
        await bench.settle(pilot)
        assert bench.feet() == []


async def test_regenerate_makes_a_sibling_that_can_be_switched(make_bench: MakeBench) -> None:
    """Ctrl+G adds a version; Alt+Left shows the first again; nothing is overwritten."""
    answers = iter(["first", "second"])
    bench = make_bench(lambda _: ("Think.", next(answers)))
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Once")
        await bench.settle(pilot)
        await pilot.press("ctrl+g")
        await bench.until(pilot, lambda: bench.answers == ["second"])
        await bench.settle(pilot)
        assert (last_reply(bench).entry.version, last_reply(bench).entry.versions) == (2, 2)
        await pilot.press("alt+left")
        await bench.until(pilot, lambda: bench.answers == ["first"])
        await pilot.press("alt+right")
        await bench.until(pilot, lambda: bench.answers == ["second"])


async def test_prompt_waits_while_an_answer_is_written(make_bench: MakeBench) -> None:
    """A prompt sent during an answer is shown at once and answered afterwards, in order."""
    bench = make_bench(pause_at=10)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "One")
        await bench.until(pilot, lambda: len(bench.replies()) == 1)
        await bench.send(pilot, "Two")
        await bench.until(pilot, lambda: len(bench.replies()) == 2)
        await bench.until(pilot, lambda: any("Waits its turn" in foot for foot in bench.feet()))
        assert "1 waiting" in bench.status()
        bench.engine.release()
        await bench.settle(pilot)
        assert bench.answers == ["You said: One", "You said: Two"]


async def test_prompt_typed_while_the_model_loads_is_answered_afterwards(make_bench: MakeBench) -> None:
    """Typing and Enter work before the model is there; the status line shows the progress."""
    loaded = threading.Event()
    engine = ScriptedEngine(byte_encoding())

    def load(progress: Callable[[float], None]) -> LoadedModel:
        progress(0.4)
        assert loaded.wait(10)
        return LoadedModel("scripted", engine, engine.encoding)  # type: ignore[arg-type]

    bench = make_bench(load=load)
    async with bench.app.run_test(size=SIZE) as pilot:
        await pilot.press("H", "i")
        assert bench.prompt.text == "Hi"
        await pilot.press("enter")
        await bench.until(pilot, lambda: "Waits for the model …" in bench.feet())
        await bench.until(pilot, lambda: "40%" in bench.status())
        await pilot.press("M", "o", "r", "e")
        await pilot.pause(0.3)
        assert not bench.prompt.border_subtitle
        loaded.set()
        await bench.settle(pilot)
        await bench.until(pilot, lambda: "4 tokens" in str(bench.prompt.border_subtitle))  # of what stood there before
        assert bench.answers == ["You said: Hi"]
        assert "loading" not in bench.status()


async def test_model_that_can_not_be_loaded_is_told_in_a_sentence(make_bench: MakeBench) -> None:
    """The sentence and its remedy stand above the prompt, and in the reply that waited."""

    def load(progress: Callable[[float], None]) -> LoadedModel:
        raise CheckpointError("weights.safetensors is truncated.", "Pull it again.")

    bench = make_bench(load=load)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bench.screen.query_one(Notice).display)
        assert str(bench.screen.query_one(Notice).content) == "weights.safetensors is truncated. Pull it again."
        await bench.send(pilot, "Hi")
        await bench.until(pilot, lambda: "✗ weights.safetensors is truncated. Pull it again." in bench.feet())
        assert "could not be loaded" in bench.status()


async def test_reasoning_folds_and_unfolds(make_bench: MakeBench) -> None:
    """Folded to a line with its length; Ctrl+T unfolds all, a click folds one."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Hello")
        await bench.settle(pilot)
        reasoning = last_reply(bench).reasoning
        assert reasoning.line() == "Reasoning · 20 characters · 0.0 s"
        assert not reasoning.query_one(".body").display
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert reasoning.query_one(".body").display
        assert [str(piece.content) for piece in reasoning.query(".body Static")] == ["The user says Hello."]
        await pilot.click(Reasoning.__name__ + " .fold")
        assert not reasoning.query_one(".body").display


async def test_long_reasoning_loses_nothing(make_bench: MakeBench) -> None:
    """The pieces of an unfolded long reasoning are its lines, all of them, in order."""
    text = "\n".join(f"line {n} of a long thought" for n in range(300))
    bench = make_bench(lambda _: (text, "Done."))
    async with bench.app.run_test(size=SIZE) as pilot:
        await pilot.press("ctrl+t")
        await bench.send(pilot, "Think")
        await bench.settle(pilot)
        pieces = [str(piece.content) for piece in last_reply(bench).reasoning.query(".body Static")]
        assert len(pieces) > 2
        assert "\n".join(pieces) == text


async def test_paste_of_several_lines_stays_intact(make_bench: MakeBench) -> None:
    """A paste sends nothing by itself, and keeps its lines whatever their ends are."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        bench.prompt.post_message(events.Paste("a\r\nb\rc\n\n  d"))
        await pilot.pause()
        assert bench.prompt.text == "a\nb\nc\n\n  d"
        assert not bench.replies()
        await pilot.press("ctrl+j", "e", "shift+enter", "f", "enter")
        await bench.until(pilot, lambda: len(bench.transcript.entries) == 2)
        await bench.settle(pilot)
        assert bench.store.conversations()[0].title == "a"
        assert bench.transcript.entries[0].text == "a\nb\nc\n\n  d\ne\nf"


async def test_up_in_an_empty_prompt_recalls(make_bench: MakeBench) -> None:
    """Up walks back through the prompts, Down forward to the empty one."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        for text in ("One", "Two"):
            await bench.send(pilot, text)
            await bench.settle(pilot)
        await pilot.press("up")
        assert bench.prompt.text == "Two"
        await pilot.press("up")
        assert bench.prompt.text == "One"
        await pilot.press("down", "down")
        assert bench.prompt.text == ""
