"""Several conversations, or branches of one, on one screen: splitting, closing, sizes, focus, comparing, the tree."""

from __future__ import annotations

import pytest
from textual import events
from textual.geometry import Offset
from textual.pilot import Pilot

from gptoss_chat.engine.types import GenerateRequest
from gptoss_chat.history import Store
from gptoss_chat.history.values import Node
from gptoss_chat.tui.screens.tree import TreeScreen
from gptoss_chat.tui.shares import halved, moved, without
from gptoss_chat.tui.tree import tree_lines
from gptoss_chat.tui.widgets.divider import Divider
from gptoss_chat.tui.widgets.pane import Pane
from tests.encodings import byte_encoding
from tests.tui.conftest import Bench, MakeBench

SIZE = (140, 40)


def texts(pane: Pane) -> list[str]:
    """What stands in a pane."""
    return [entry.text for entry in pane.transcript.entries]


def prompt_of(request: GenerateRequest) -> str:
    """What the engine was asked, as text."""
    return byte_encoding().decode_bytes(request.prompt_ids).decode()


async def split(bench: Bench, pilot: Pilot[None], key: str = "alt+v") -> list[Pane]:
    """Press a key that splits, and wait for the pane."""
    count = len(bench.screen.panes) + 1
    await pilot.press(key)
    await bench.until(pilot, lambda: len(bench.screen.panes) == count and bench.screen.pane.prompt.has_focus)
    return bench.screen.panes


async def test_two_panes_talk_apart(make_bench: MakeBench, store: Store) -> None:
    """A new conversation in the second pane leaves the first as it is; each has its own prompt and answer."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "One")
        await bench.settle(pilot)
        first, second = await split(bench, pilot)
        await bench.until(pilot, lambda: texts(second) == ["One", "You said: One"])
        assert bench.app.focused is second.prompt
        await pilot.press("ctrl+n")
        await bench.until(pilot, lambda: not texts(second))
        first.prompt.text = "a draft"
        second.prompt.text = "Two"
        await pilot.press("enter")
        await bench.until(pilot, lambda: texts(second) == ["Two", "You said: Two"])
        assert texts(first) == ["One", "You said: One"]
        assert first.prompt.text == "a draft"
        assert len(store.conversations()) == 2
        await pilot.press("f8")
        assert bench.app.focused is first.prompt
        assert (first.heading.head.active, second.heading.head.active) == (True, False)
        assert (first.heading.head.title, second.heading.head.title) == ("One", "Two")


async def test_panes_show_two_branches_of_one_conversation(make_bench: MakeBench, store: Store) -> None:
    """A prompt goes on from the branch of its own pane, whichever branch was used last."""
    answers = iter(["first", "second", "third", "fourth"])
    bench = make_bench(lambda _: ("", next(answers)))
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Ask")
        await bench.settle(pilot)
        left, right = await split(bench, pilot)
        await pilot.press("ctrl+g")
        await bench.until(pilot, lambda: texts(right) == ["Ask", "second"])
        assert texts(left) == ["Ask", "first"]
        assert left.transcript.entries[1].versions == 2
        await pilot.press("f8")
        left.prompt.text = "More"
        await pilot.press("enter")
        await bench.until(pilot, lambda: texts(left) == ["Ask", "first", "More", "third"])
        assert texts(right) == ["Ask", "second"]
        await pilot.press("f8")
        right.prompt.text = "Other"
        await pilot.press("enter")
        await bench.until(pilot, lambda: texts(right) == ["Ask", "second", "Other", "fourth"])
        assert texts(left) == ["Ask", "first", "More", "third"]
        assert len(store.conversations()) == 1


async def test_comparing_asks_every_pane_with_its_own_settings(make_bench: MakeBench, store: Store) -> None:
    """On one branch the answers are versions of one prompt; the settings of each pane go with its own answer."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: "scripted" in bench.status())
        left, right = await split(bench, pilot)
        right.prompt.text = "/effort high"
        await pilot.press("enter")
        right.prompt.text = "/route ban *:1"
        await pilot.press("enter", "alt+c")
        assert left.heading.head.comparing
        assert "⇉ comparing" in left.heading.render().plain
        assert "high effort · ban *:1" in right.heading.render().plain
        assert left.prompt.border_title == "To all 2 panes"
        right.prompt.text = "Why?"
        await pilot.press("enter")
        for pane in (left, right):
            await bench.until(pilot, lambda pane=pane: texts(pane) == ["Why?", "You said: Why?"])  # type: ignore[misc]
        efforts = {prompt_of(request).split("Reasoning: ")[1].split("\n")[0] for request in bench.engine.requests}
        assert efforts == {"medium", "high"}
        assert sorted(len(request.route) for request in bench.engine.requests) == [0, 1]
        nodes = store.nodes(store.conversations()[0].id)
        assert [node.role for node in nodes] == ["user", "assistant", "assistant"]
        await pilot.press("alt+c")
        right.prompt.text = "Alone"
        await pilot.press("enter")
        await bench.until(pilot, lambda: texts(right)[2:] == ["Alone", "You said: Alone"])
        assert texts(left) == ["Why?", "You said: Why?"]


async def test_closing_keeps_the_last_pane_and_the_answer(make_bench: MakeBench, store: Store) -> None:
    """An answer in a closed pane goes on to its end; the only pane can't be closed; the mouse closes too."""
    bench = make_bench(pause_at=5)
    async with bench.app.run_test(size=SIZE) as pilot:
        first, second = await split(bench, pilot)
        second.prompt.text = "Go on"
        await pilot.press("enter")
        await bench.until(pilot, bench.engine.paused.is_set)
        heading = second.heading
        await pilot.click(heading, offset=Offset(heading.render().plain.index("×") + 1, 0))
        await bench.until(pilot, lambda: bench.screen.panes == [first] and not second.is_attached)
        assert not first.heading.display
        assert bench.app.focused is first.prompt
        assert bench.screen.writing
        bench.engine.release()
        await bench.until(pilot, lambda: not bench.screen.writing)
        assert [node.text for node in store.nodes(store.conversations()[0].id)] == ["Go on", "You said: Go on"]
        await pilot.press("alt+w")
        await bench.until(pilot, lambda: str(first.notice.content).startswith("This is the only pane"))


async def test_keys_pressed_faster_than_panes_come_and_go(make_bench: MakeBench) -> None:
    """Two splits at once make two panes; closing twice at once closes one pane once, and never the last."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        screen = bench.screen
        screen.action_split()
        screen.action_split()
        await bench.until(pilot, lambda: len(screen.panes) == 3 and len(screen.dividers) == 2)
        assert sum(pane.share for pane in screen.panes) == pytest.approx(1.0)
        screen.action_close_pane()
        screen.action_close_pane()
        await bench.until(pilot, lambda: len(screen.query(Pane)) == 2)
        assert screen.pane in screen.panes
        screen.pane.prompt.text = "Soon gone"
        await pilot.press("enter")
        screen.action_close_pane()
        screen.action_close_pane()
        await bench.until(pilot, lambda: len(screen.query(Pane)) == 1)
        await bench.until(pilot, lambda: bool(bench.engine.requests) and not screen.writing)
        assert "Soon gone" in prompt_of(bench.engine.requests[-1])


async def test_sizes_are_shares_and_narrow_screens_stack(make_bench: MakeBench) -> None:
    """Keys and the mouse move the border; a resized terminal keeps the shares; below 60 columns panes are stacked."""
    bench = make_bench()
    async with bench.app.run_test(size=(120, 40)) as pilot:
        left, right = await split(bench, pilot)
        await pilot.pause()
        assert abs(left.size.width - right.size.width) <= 1
        await pilot.press("alt+plus", "alt+plus")
        await pilot.pause()
        assert right.share / (left.share + right.share) == pytest.approx(0.6)
        assert right.size.width > left.size.width + 15
        await pilot.resize_terminal(80, 40)
        await pilot.pause()
        assert right.size.width == pytest.approx(80 * 0.6, abs=2)
        await pilot.resize_terminal(59, 40)
        await pilot.pause()
        assert left.size.width == right.size.width == 59
        assert right.region.y > left.region.bottom
        await pilot.resize_terminal(59, 14)
        await pilot.pause()
        assert (left.display, right.display) == (False, True)
        await bench.until(pilot, lambda: right.heading.head.number == "2/2")  # which, and of how many
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        await bench.until(pilot, lambda: right.heading.head.number == "2")
        divider = bench.screen.query_one(Divider)
        before = left.size.width
        await pilot.mouse_down(divider, offset=Offset(0, 10))
        await pilot.hover(divider, offset=Offset(9, 10))
        await pilot.mouse_up(divider, offset=Offset(9, 10))
        await pilot.pause()
        assert left.size.width > before + 5
        await pilot.click(left.transcript if left.transcript.display else left.welcome)
        await bench.until(pilot, lambda: bench.app.focused is left.prompt)


async def test_tree_goes_to_any_message(make_bench: MakeBench) -> None:
    """The branch that is left stays; a message of another branch is shown with what was written last under it."""
    answers = iter(["first", "second"])
    bench = make_bench(lambda _: ("", next(answers)))
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Ask")
        await bench.settle(pilot)
        await pilot.press("ctrl+g")
        await bench.until(pilot, lambda: texts(bench.screen.pane) == ["Ask", "second"])
        await bench.settle(pilot)
        await pilot.press("alt+t")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, TreeScreen))
        await pilot.press("left", "enter")
        await bench.until(pilot, lambda: texts(bench.screen.pane) == ["Ask", "first"])
        await pilot.press("alt+t")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, TreeScreen))
        await pilot.press("down", "s")
        await bench.until(
            pilot, lambda: [texts(pane) for pane in bench.screen.panes] == [["Ask", "first"], ["Ask", "second"]]
        )


def node(node_id: str, parent_id: str | None, text: str) -> Node:
    """A message of the tree."""
    role = "user" if text.startswith("q") else "assistant"
    return Node(node_id, "c", parent_id, role, text, "", (), "complete", "", "", None, 0.0)  # type: ignore[arg-type]


def test_tree_indents_at_forks_only() -> None:
    """A chain stays in its column; branches get a guide each."""
    nodes = [
        node("1", None, "q1"),
        node("2", "1", "a1"),
        node("3", "1", "a2"),
        node("4", "2", "q2"),
        node("5", "4", "a3"),
    ]
    lines = tree_lines(nodes, "3")
    assert [(line.guide, line.words) for line in lines] == [
        ("", "q1"), ("├ ", "a1"), ("│ ", "q2"), ("│ ", "a3"), ("└ ", "a2"),
    ]  # fmt: skip
    assert [line.node_id for line in lines if line.on_path] == ["1", "3"]
    assert [line.node_id for line in lines if line.fork] == ["2", "3"]


def test_long_chain_is_no_recursion() -> None:
    """Three thousand messages in a row."""
    chain = [node(str(n), str(n - 1) if n else None, "q") for n in range(3000)]
    assert len(tree_lines(chain, "2999")) == 3000


def test_shares_keep_the_whole() -> None:
    """Splitting and closing lose nothing; a border stops where a neighbour has the least it may have."""
    assert halved([1.0, 2.0], 1) == [1.0, 1.0, 1.0]
    assert without([1.0, 2.0, 3.0], 1) == [3.0, 3.0]
    assert without([1.0, 2.0], 0) == [3.0]
    assert moved([1.0, 1.0], 0, 0.1, 0.2) == pytest.approx([1.2, 0.8])
    assert moved([1.0, 1.0], 0, 0.9, 0.2) == pytest.approx([1.6, 0.4])
    assert moved([0.1, 0.1], 0, 0.1, 0.9) == pytest.approx([0.1, 0.1])


async def test_alt_and_a_letter_is_a_command_in_every_terminal(make_bench: MakeBench) -> None:
    """Most terminals send Alt+V as an escape and the letter: it splits the screen, and nothing is typed."""
    bench = make_bench()
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bench.screen.prompt.has_focus)
        bench.app.post_message(events.Key("alt+v", "v"))
        await bench.until(pilot, lambda: len(bench.screen.panes) == 2)
        assert not any(pane.prompt.text for pane in bench.screen.panes)


async def test_panes_that_compare_are_written_at_the_same_time(make_bench: MakeBench, store: Store) -> None:
    """Both grow; Esc stops the answer of its own pane, and the other one goes on to its end."""
    bench = make_bench(lambda _: ("", "word " * 40), pause_at=120)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: "scripted" in bench.status())
        left, right = await split(bench, pilot)
        await pilot.press("alt+c")
        right.prompt.text = "Why?"
        await pilot.press("enter")

        def begun(pane: Pane) -> bool:
            replies = bench.screen.replies_of(pane)
            return len(replies) == 1 and replies[0].answer.startswith("word")

        await bench.until(pilot, lambda: begun(left) and begun(right))
        assert bench.app.focused is right.prompt
        await pilot.press("escape")
        await bench.until(pilot, lambda: not bench.screen.replies_of(right))
        assert begun(left)
        bench.engine.release()
        await bench.until(pilot, lambda: not bench.screen.writing)
        prompt, *answers = store.nodes(store.conversations()[0].id)
        assert sorted(answer.status for answer in answers) == ["complete", "stopped"]
        assert {answer.parent_id for answer in answers} == {prompt.id}
        await bench.until(pilot, lambda: texts(left) == ["Why?", "word " * 40])
        assert texts(right)[1] != "word " * 40
