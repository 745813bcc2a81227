"""What people complain of in other chats, held off in ours; complaints with a better place have their tests there.

Those are: the prefix cache and sampling (tests/engine), harmony's parser (tests/harmony), the history's files (tests/history),
search and branches (test_list, test_branches), pastes and new lines (test_chat), where the view stands (test_layout).
"""

from __future__ import annotations

import re
import threading

import pytest
from textual.pilot import Pilot

from gptoss_chat.engine.types import SamplingParams
from gptoss_chat.history import Store
from gptoss_chat.tui.widgets.transcript import MOUNTED
from tests.encodings import byte_encoding
from tests.scripted import scripted_loader
from tests.tool_script import ToolEngine
from tests.tui.conftest import Bench, MakeBench
from tests.tui.test_layout import long_conversation

SIZE = (100, 30)
HEADER_TOKENS = 31  # of scripted tokens, before the answer's first letter, with three letters of reasoning


def shown(bench: Bench) -> str:
    """What stands on the screen, without its colours."""
    return "\n".join(strip.text for strip in bench.app.screen._compositor.render_strips())


def raw(make_bench: MakeBench, text: str) -> Bench:
    """A model that writes `text`, in harmony's own form."""
    return make_bench(load=scripted_loader(ToolEngine(byte_encoding(), lambda _results, _last: text)))


async def stop_at(bench: Bench, pilot: Pilot[None], token: int) -> None:
    """Let a paused answer go on up to a token, and wait until it stands there."""
    bench.engine.paused.clear()
    bench.engine.pause_at = token
    bench.engine.go.set()
    await bench.until(pilot, bench.engine.paused.is_set)


# The model and its prompt ----------------------------------------------------------------------------------------------


async def test_later_turns_do_not_read_the_conversation_again(make_bench: MakeBench) -> None:
    """Complaint: every turn reads the whole conversation again, so each waits longer than the one before."""
    bench = make_bench()
    prefilled = []
    async with bench.app.run_test(size=SIZE) as pilot:
        for text in ("One", "Two", "Six", "Ten"):
            await bench.send(pilot, text)
            await bench.settle(pilot)
            found = re.search(r"reused ([\d,]+) · prefilled ([\d,]+)", bench.status())
            assert found is not None
            prefilled.append(int(found[2]))
            end = f"You said: {text}<|end|>".encode()
            await bench.until(pilot, lambda: end in byte_encoding().decode_bytes(bench.engine.cached[-1]))  # noqa: B023
    asked = len(byte_encoding().encode_text("userTwoassistant")) + 4
    assert prefilled[1:] == [asked] * 3


async def test_settings_nobody_made_are_the_models_own(make_bench: MakeBench) -> None:
    """Complaint: the program cuts the distribution although nobody asked, against the model's makers' advice."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Hello")
        await bench.settle(pilot)
    sampling: SamplingParams = bench.engine.requests[0].sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.min_p) == (1.0, 1.0, 0, 0.0)
    assert sampling.repetition_penalty == 1.0
    assert sampling.max_tokens is None


async def test_reasoning_without_an_answer_is_told(make_bench: MakeBench) -> None:
    """Complaint: the model thinks, ends, and the screen shows nothing and says nothing."""
    bench = raw(make_bench, "<|channel|>analysis<|message|>Hm.<|return|>")
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Hello")
        await bench.settle(pilot)
        assert bench.feet() == ["✗ The model ended without an answer · Ctrl+G tries again"]
        await pilot.press("ctrl+n")
        await bench.until(pilot, lambda: not bench.replies())
        await pilot.press("ctrl+b", "down", "enter")
        await bench.until(pilot, lambda: len(bench.feet()) == 1)  # the history has it too


async def test_reasoning_in_circles_can_be_stopped(make_bench: MakeBench) -> None:
    """Complaint: a model that thinks in circles holds the program until it is killed."""
    bench = make_bench(lambda _: ("again and " * 300, "Never."), pause_at=200)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Hello")
        await bench.until(pilot, bench.engine.paused.is_set)
        await pilot.press("escape")
        await bench.settle(pilot)
        assert bench.feet() == ["■ Stopped · Ctrl+O goes on"]
        entry = bench.transcript.entries[-1]
        assert entry.reasoning.startswith("again and again")
        assert entry.text == ""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<|start|>assistant<|channel|>final<|message|>Hello<|return|>", id="doubled"),
        pytest.param("<|message|>Hello<|return|>", id="no-channel"),
        pytest.param("<|channel|>analysis<|message|>Hm<|channel|>final<|message|>Hello<|return|>", id="no-end"),
        pytest.param(
            "<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|start|>assistant<|channel|>final<|message|>Hello",
            id="doubled-later",
        ),
    ],
)
async def test_headers_gone_wrong_lose_no_answer(make_bench: MakeBench, text: str) -> None:
    """Complaint: one stray, doubled or missing header of the model's format, and the answer is an error or gone."""
    bench = raw(make_bench, text)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Hi")
        await bench.settle(pilot)
        assert bench.answers == ["Hello"]
        assert "<|" not in shown(bench)
        await bench.send(pilot, "And again")  # and the conversation goes on
        await bench.settle(pilot)
        assert bench.answers == ["Hello", "Hello"]


async def test_reasoning_stays_out_of_sight(make_bench: MakeBench) -> None:
    """Complaint: the thinking can't be hidden: it floods the screen, and what is copied."""
    bench = make_bench(lambda _: ("secret thoughts " * 20, "Done."), pause_at=120)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Hello")
        await bench.until(pilot, bench.engine.paused.is_set)
        await bench.until(pilot, lambda: "Reasoning · " in shown(bench))
        assert "secret" not in shown(bench)
        bench.engine.release()
        await bench.settle(pilot)
        assert "Done." in shown(bench)
        assert "secret" not in shown(bench)
        await pilot.press("f6")
        assert bench.app.clipboard == "Done."


async def test_screen_lives_while_the_model_computes(make_bench: MakeBench) -> None:
    """Complaint: a model in the same process freezes the interface; nothing is typed or opened until it has its token."""
    computing, computed = threading.Event(), threading.Event()

    def script(_prompt: str) -> tuple[str, str]:
        computing.set()
        assert computed.wait(60)
        return "", "Late."

    bench = make_bench(script)
    async with bench.app.run_test(size=SIZE) as pilot:
        try:
            await bench.send(pilot, "Hello")
            await bench.until(pilot, computing.is_set)
            await pilot.press(*"more")
            assert bench.prompt.text == "more"
            await pilot.press("ctrl+b")
            assert bench.screen.lists.has_focus_within
            await pilot.press("escape")
            assert bench.app.focused is bench.prompt
        finally:
            computed.set()
        await bench.settle(pilot)
        assert bench.answers == ["Late."]


# The screen ------------------------------------------------------------------------------------------------------------


async def test_moving_the_keys_draws_no_long_conversation_again(make_bench: MakeBench, store: Store) -> None:
    """Complaint: in a long conversation every change of focus rebuilds the scrollback, and the program stands still."""
    bench = make_bench(resume=long_conversation(store, 200))
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: len(bench.screen.query(".message")) >= MOUNTED)
        before = list(bench.screen.query(".message"))
        for keys in (("ctrl+b", "escape"), ("ctrl+f", "escape"), ("f1", "escape"), ("alt+up", "escape")):
            await pilot.press(*keys)
            await pilot.pause()
        assert list(bench.screen.query(".message")) == before
        assert len(before) < 100  # of 400


async def test_view_follows_again_after_paging_back_down(make_bench: MakeBench, store: Store) -> None:
    """Complaint: once one has scrolled up, the view never follows the answer again, although one is back at its end."""
    bench = make_bench(lambda _: ("Hm.", "word\n\n" * 40), resume=long_conversation(store, 10), pause_at=100)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: len(bench.transcript.entries) == 20)
        await bench.send(pilot, "More")
        await bench.until(pilot, bench.engine.paused.is_set)
        await bench.until(pilot, lambda: "word" in bench.answers[-1])
        await pilot.press("pageup")
        await bench.until(pilot, lambda: not bench.transcript.at_bottom)
        for _ in range(3):  # once more than it takes
            await pilot.press("pagedown")
            await pilot.pause()
        assert bench.transcript.at_bottom
        bench.engine.release()
        await bench.settle(pilot)
        await bench.until(pilot, lambda: bench.transcript.at_bottom and not bench.screen.below.display)


async def test_code_stays_when_its_fence_closes(make_bench: MakeBench) -> None:
    """Complaint: the body of a code block is seen while it is written, and is gone when the answer ends."""
    answer = "Code:\n\n```python\nfirst = 1\nsecond = 2\nthird = 3\n```\n\nThat is all."
    stops = [HEADER_TOKENS + answer.index(word) for word in ("second", "third", "```\n\n", "That")]
    bench = make_bench(lambda _: ("Hm.", answer), pause_at=HEADER_TOKENS + answer.index("first"))
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Show code")
        await bench.until(pilot, bench.engine.paused.is_set)
        for stop, seen in zip(stops, ("first = 1", "second = 2", "third = 3", "third = 3"), strict=True):
            await stop_at(bench, pilot, stop)
            await bench.until(pilot, lambda: seen in shown(bench))  # noqa: B023
        bench.engine.release()
        await bench.settle(pilot)
        await bench.until(pilot, lambda: "That is all." in shown(bench))
        for line in ("first = 1", "second = 2", "third = 3"):
            assert line in shown(bench)


async def test_selected_text_is_copied_and_nothing_ends(make_bench: MakeBench) -> None:
    """Complaint: nothing can be selected with the mouse, and the key that copies everywhere else kills the program."""
    bench = make_bench(pause_at=60)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Hello *world*")
        await bench.until(pilot, bench.engine.paused.is_set)
        text = bench.screen.query(".user .text").first()
        await pilot.mouse_down(text, offset=(0, 0))
        await pilot.hover(text, offset=(30, 0))
        await pilot.mouse_up(text, offset=(30, 0))
        await pilot.press("ctrl+c")
        assert bench.app.clipboard == "Hello *world*"
        assert bench.app.is_running
        assert bench.screen.writing  # nor is the answer stopped
        bench.engine.release()
        await bench.settle(pilot)


async def test_states_are_told_without_colours(make_bench: MakeBench) -> None:
    """Complaint: what is stopped or picked is told by colour alone, and how full the context is not at all."""
    bench = make_bench(pause_at=60)
    async with bench.app.run_test(size=SIZE) as pilot:
        bench.app.no_color = True
        await bench.send(pilot, "Hello")
        await bench.until(pilot, bench.engine.paused.is_set)
        await pilot.press("escape")
        await bench.settle(pilot)
        assert "■ Stopped" in shown(bench)
        assert re.search(r"context \d+/4,096", bench.status())
        unpicked = shown(bench)
        await pilot.press("alt+up")
        await bench.until(pilot, lambda: bench.transcript.picked is not None)
        await bench.until(pilot, lambda: shown(bench).count("copy") > unpicked.count("copy"))
