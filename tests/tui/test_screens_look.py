"""What the panes and the screens over the chat look like, as SVG; answers are short and plain, nothing blinks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from gptoss_chat.cli.desk import ConfigDesk
from gptoss_chat.cli.options import Flags
from gptoss_chat.config.fields import FIELDS
from gptoss_chat.history import Store
from gptoss_chat.paths import Paths
from gptoss_chat.tui.screens.consent import ConsentScreen
from gptoss_chat.tui.screens.help import KeysScreen
from gptoss_chat.tui.screens.settings import SettingsScreen
from gptoss_chat.tui.screens.tree import TreeScreen
from gptoss_chat.tui.widgets.prompt import Prompt
from tests.tui.conftest import Bench, MakeBench
from tests.tui.test_consent import World, world  # noqa: F401 - a fixture

SnapCompare = Callable[..., bool]
Run = Callable[[Pilot[None]], Awaitable[None]]

CONFIG = """effort = "low"
theme = "dark"

[presets.careful]
effort = "high"
temperature = 0
"""


def answers(prompt: str) -> tuple[str, str]:
    """Different ones for the same question."""
    last = prompt.rsplit("<|start|>user<|message|>", 1)[-1]
    if "capital" in last:
        return "", "Paris." if "Reasoning: medium" in prompt else "The capital of France is Paris."
    return "", "It is 391."


async def ready(bench: Bench, pilot: Pilot[None]) -> None:
    """The model is there, and no cursor blinks."""
    await bench.until(pilot, lambda: "scripted" in bench.status())
    for prompt in bench.screen.query(Prompt):
        prompt.cursor_blink = False


async def at_rest(bench: Bench, pilot: Pilot[None]) -> None:
    """Nothing is written, and everything is drawn."""
    for prompt in bench.screen.query(Prompt):
        prompt.cursor_blink = False
    await bench.until(pilot, lambda: not bench.screen.writing)
    await pilot.pause(0.4)


def two_panes(bench: Bench, key: str, *, compare: bool = False) -> Run:
    """One conversation in each, or one question to both."""

    bench.engine.reuse = lambda _: 0  # type: ignore[method-assign] # of two answers at once, either may come first

    async def run(pilot: Pilot[None]) -> None:
        await ready(bench, pilot)
        if not compare:
            await bench.send(pilot, "What is 17 * 23?")
            await bench.settle(pilot)
        await pilot.press(key)
        await bench.until(pilot, lambda: len(bench.screen.panes) == 2 and bench.screen.panes[1].prompt.has_focus)
        pane = bench.screen.pane
        if compare:
            await pilot.press("alt+c")
            bench.screen.action_effort("high")
        else:
            await pilot.press("ctrl+n")
            await bench.until(pilot, lambda: pane.conversation_id is None)
        pane.prompt.text = "What is the capital of France?"
        await pilot.press("enter")
        await bench.until(pilot, lambda: all(len(pane.transcript.entries) == 2 for pane in bench.screen.panes))
        await at_rest(bench, pilot)

    return run


@pytest.mark.parametrize(
    ("size", "key", "compare", "theme"),
    [
        pytest.param((80, 24), "alt+v", False, "dark", id="beside-80x24"),
        pytest.param((80, 24), "alt+h", False, "dark", id="stacked-80x24"),
        pytest.param((60, 20), "alt+v", False, "dark", id="beside-60x20"),
        pytest.param((200, 60), "alt+v", False, "light", id="beside-200x60-light"),
        pytest.param((80, 24), "alt+v", True, "dark", id="comparing-80x24"),
    ],
)
def test_two_panes_look_as_before(
    snap_compare: SnapCompare, make_bench: MakeBench, size: tuple[int, int], key: str, compare: bool, theme: str
) -> None:
    """Headings, borders, prompts; the pane with the keys is told by more than its colour."""
    bench = make_bench(answers, theme=theme)
    assert snap_compare(bench.app, terminal_size=size, run_before=two_panes(bench, key, compare=compare))


def test_two_panes_look_as_before_without_colour(
    snap_compare: SnapCompare, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR: nothing is told by colour alone."""
    monkeypatch.setenv("NO_COLOR", "1")
    bench = make_bench(answers)
    assert snap_compare(bench.app, terminal_size=(80, 24), run_before=two_panes(bench, "alt+v", compare=True))


@pytest.mark.parametrize("place", [0, len(FIELDS)], ids=["settings", "preset"])
def test_settings_look_as_before(snap_compare: SnapCompare, make_bench: MakeBench, tmp_path: Path, place: int) -> None:
    """The list, what the line under the bar is, and the presets below."""
    paths = Paths(tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    paths.config.mkdir()
    paths.config_file.write_text(CONFIG)
    bench = make_bench(desk=ConfigDesk(paths, {"scripted": paths.data}, Flags(), {}))

    async def run(pilot: Pilot[None]) -> None:
        await ready(bench, pilot)
        await pilot.press("f12")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, SettingsScreen))
        bench.app.screen.query_one(OptionList).highlighted = place
        if place:
            await pilot.press("enter")
            await bench.until(pilot, lambda: not isinstance(bench.app.screen, SettingsScreen))
        await at_rest(bench, pilot)

    assert snap_compare(bench.app, terminal_size=(80, 24), run_before=run)


def test_tree_looks_as_before(snap_compare: SnapCompare, make_bench: MakeBench, store: Store) -> None:
    """Forks, the branch that is shown, a stopped answer, and the keys."""
    conversation = store.new_conversation("Forks", date="2026-01-02")
    parent_id = None
    for prompt, texts in (("What is 17 * 23?", ("It is 391.", "391, I think.")), ("And halved?", ("195.5",))):
        user = store.add_user(conversation.id, parent_id, prompt)
        for text in texts:
            reply = store.begin_reply(conversation.id, user.id, "scripted", "low", "{}")
            status = "stopped" if "think" in text else "complete"
            store.finish_reply(reply.id, status=status, final=text, reasoning="", raw_ids=[], usage={})
            parent_id = reply.id
    bench = make_bench(resume=conversation.id)

    async def run(pilot: Pilot[None]) -> None:
        await ready(bench, pilot)
        await bench.until(pilot, lambda: bool(bench.replies()))
        await pilot.press("alt+t")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, TreeScreen))
        await at_rest(bench, pilot)

    assert snap_compare(bench.app, terminal_size=(80, 24), run_before=run)


def test_consent_looks_as_before(
    snap_compare: SnapCompare,
    world: World,  # noqa: F811 - the fixture
    store: Store,
) -> None:
    """What would run, with what, and no offered first."""
    bench = world.bench(store)

    async def run(pilot: Pilot[None]) -> None:
        await ready(bench, pilot)
        await bench.send(pilot, "What time is it?")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, ConsentScreen))
        for prompt in bench.screen.query(Prompt):
            prompt.cursor_blink = False
        await pilot.pause(0.4)

    assert snap_compare(bench.app, terminal_size=(80, 24), run_before=run)


def test_keys_look_as_before(snap_compare: SnapCompare, make_bench: MakeBench) -> None:
    """The list of keys, at its top."""
    bench = make_bench()

    async def run(pilot: Pilot[None]) -> None:
        await ready(bench, pilot)
        await pilot.press("f1")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, KeysScreen))
        await at_rest(bench, pilot)

    assert snap_compare(bench.app, terminal_size=(80, 24), run_before=run)
