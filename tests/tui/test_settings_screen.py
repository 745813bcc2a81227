"""The settings screen and presets: what is typed is checked, written without losing a comment, and holds when it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import OptionList, Static

from gptoss_chat.cli.desk import ConfigDesk
from gptoss_chat.cli.options import Flags, Sampling
from gptoss_chat.config.fields import FIELDS, PRESET_NAMES
from gptoss_chat.paths import Paths
from gptoss_chat.tui.completion import candidates
from gptoss_chat.tui.screens.line import LineScreen
from gptoss_chat.tui.screens.setting import ChoiceScreen, ValueArea, ValueScreen
from gptoss_chat.tui.screens.settings import PresetScreen, SettingsScreen
from tests.tui.conftest import Bench, MakeBench

CONFIG = """# mine
effort = "low"  # quick

[presets.careful]
effort = "high"
temperature = 0
developer = "Check twice."
"""
PLACES = [field.name for field in FIELDS]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A person with a config.toml."""
    paths = Paths(tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    paths.config.mkdir()
    paths.config_file.write_text(CONFIG)
    return paths


def desk_on(paths: Paths, flags: Flags | None = None, **environment: str) -> ConfigDesk:
    """A desk on that config.toml, with the scripted model in an empty folder."""
    return ConfigDesk(paths, {"scripted": paths.data}, flags or Flags(), environment)


def saying(widget: Static, words: str) -> Callable[[], bool]:
    """Whether it says that by now."""
    return lambda: words in str(widget.content)


async def opened(bench: Bench, pilot: Pilot[None], name: str) -> None:
    """Open the settings, and the one of that name."""
    await pilot.press("f12")
    await bench.until(pilot, lambda: isinstance(bench.app.screen, SettingsScreen))
    bench.app.screen.query_one(OptionList).highlighted = PLACES.index(name)
    await pilot.press("enter")
    await bench.until(pilot, lambda: isinstance(bench.app.screen, ChoiceScreen | ValueScreen))


async def written(bench: Bench, pilot: Pilot[None]) -> str:
    """Wait until the settings say what came of a change; what they say."""
    said = next(screen for screen in bench.app.screen_stack if isinstance(screen, SettingsScreen)).query_one("#said")
    assert isinstance(said, Static)
    await bench.until(pilot, lambda: bool(str(said.content)))
    return str(said.content)


async def test_number_is_checked_as_typed_and_holds_from_the_next_prompt(make_bench: MakeBench, paths: Paths) -> None:
    """A wrong one is a sentence and is not taken; the right one is written, the comments stay, the next prompt has it."""
    bench = make_bench(desk=desk_on(paths))
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await opened(bench, pilot, "temperature")
        wrong = bench.app.screen.query_one(".wrong", Static)
        await pilot.press("4", "2")
        await bench.until(pilot, lambda: "from 0 to 10" in str(wrong.content))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(bench.app.screen, ValueScreen)
        assert paths.config_file.read_text() == CONFIG
        await pilot.press("backspace", "backspace", "x")
        await bench.until(pilot, lambda: "must be a number" in str(wrong.content))
        await pilot.press("backspace", "0", ".", "5")
        await bench.until(pilot, lambda: not str(wrong.content))
        await pilot.press("enter")
        assert "from the next prompt on" in await written(bench, pilot)
        text = paths.config_file.read_text()
        assert "temperature = 0.5" in text.split("[presets")[0]
        assert '# mine\neffort = "low"  # quick' in text
        await bench.until(pilot, lambda: bench.screen.options.sampling.temperature == 0.5)
        assert bench.screen.options.effort == "medium"  # the others stay as flags and commands have set them
        await pilot.press("escape")
        await bench.until(pilot, lambda: bench.app.screen is bench.screen)
        await bench.send(pilot, "Hello")
        await bench.settle(pilot)
        assert bench.engine.requests[-1].sampling.temperature == 0.5


async def test_emptied_setting_is_taken_out(make_bench: MakeBench, paths: Paths) -> None:
    """Then the checkpoint, or the recommendation, says again."""
    paths.config_file.write_text("top_k = 7 # seven\nseed = 3\n")
    bench = make_bench(desk=desk_on(paths))
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await opened(bench, pilot, "top_k")
        await pilot.press("backspace", "enter")
        assert "taken out" in await written(bench, pilot)
        assert "top_k" not in paths.config_file.read_text()
        assert "seed = 3" in paths.config_file.read_text()


async def test_text_of_several_lines_is_kept(make_bench: MakeBench, paths: Paths) -> None:
    """Instructions with a line break, quotes and a control character come back as they were typed."""
    desk = desk_on(paths)
    bench = make_bench(desk=desk)
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await opened(bench, pilot, "developer")
        area = bench.app.screen.query_one(ValueArea)
        area.insert('Say "yes"\x1b')
        await pilot.press("ctrl+j", "N", "o", "enter")
        await written(bench, pilot)
        assert desk.read().developer == 'Say "yes"\x1b\nNo'
        await bench.until(pilot, lambda: bench.screen.options.developer == 'Say "yes"\x1b\nNo')


async def test_theme_is_previewed_and_left_or_taken(make_bench: MakeBench, paths: Paths) -> None:
    """Each that the bar comes to is shown at once; Esc brings back the one before; Enter writes it."""
    bench = make_bench(desk=desk_on(paths))
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await opened(bench, pilot, "theme")
        await pilot.press("down")
        await bench.until(pilot, lambda: bench.app.theme == "gptoss-light")
        await pilot.press("escape")
        await bench.until(pilot, lambda: bench.app.theme == "gptoss-dark")
        assert paths.config_file.read_text() == CONFIG
        await pilot.press("enter")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, ChoiceScreen))
        await pilot.press("down", "down", "enter")
        assert "it holds now" in await written(bench, pilot)
        assert 'theme = "dusk"' in paths.config_file.read_text()
        await bench.until(pilot, lambda: bench.app.theme == "gptoss-dusk")


async def test_reasoning_is_unfolded_at_once_by_mouse(make_bench: MakeBench, paths: Paths) -> None:
    """A click on the setting, and one on the choice."""
    bench = make_bench(desk=desk_on(paths))
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("alt+s")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, SettingsScreen))
        lists, place = bench.app.screen.query_one(OptionList), PLACES.index("show_reasoning")
        lists.highlighted = place
        await bench.until(pilot, lambda: lists.scroll_offset.y > 0)
        await pilot.click(lists, offset=(3, place - lists.scroll_offset.y))
        await bench.until(pilot, lambda: isinstance(bench.app.screen, ChoiceScreen))
        await pilot.click("ChoiceScreen OptionList", offset=(2, 0))
        await written(bench, pilot)
        await bench.until(pilot, lambda: bench.transcript.unfolded)
        assert "show_reasoning = true" in paths.config_file.read_text()


async def test_broken_file_is_never_overwritten(make_bench: MakeBench, paths: Paths) -> None:
    """Broken while the settings are open: one sentence, and the file stays; broken before: they don't open."""
    bench = make_bench(desk=desk_on(paths))
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await opened(bench, pilot, "effort")
        paths.config_file.write_text("effort = ")
        await pilot.press("enter")
        assert "no valid TOML" in await written(bench, pilot)
        assert paths.config_file.read_text() == "effort = "
        await pilot.press("escape")
        await bench.until(pilot, lambda: bench.app.screen is bench.screen)
        bench.prompt.text = "/settings"
        await pilot.press("enter")
        await bench.until(pilot, lambda: "no valid TOML" in str(bench.screen.notice.content))
        assert bench.app.screen is bench.screen


async def test_what_goes_before_the_file_is_said(make_bench: MakeBench, paths: Paths) -> None:
    """A variable of the environment is named where its setting is shown and when it is changed."""
    bench = make_bench(desk=desk_on(paths, GPTOSS_CHAT_EFFORT="high"))
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await opened(bench, pilot, "effort")
        await pilot.press("up", "enter")
        assert "GPTOSS_CHAT_EFFORT goes before" in await written(bench, pilot)
        assert 'effort = "medium"' in paths.config_file.read_text()


async def test_unknown_model_and_router_rule_are_told(make_bench: MakeBench, paths: Paths) -> None:
    """What only a look at files, or at the rules' grammar, can tell is told while typing too."""
    bench = make_bench(desk=desk_on(paths))
    async with bench.app.run_test(size=(80, 24)) as pilot:
        for name, says in (("model", "no model"), ("route", "fly")):
            await opened(bench, pilot, name)
            wrong = bench.app.screen.query_one(".wrong", Static)
            bench.app.screen.query_one(ValueArea).text = "fly"
            await bench.until(pilot, saying(wrong, says))
            await pilot.press("escape")
            await pilot.press("escape")
            await bench.until(pilot, lambda: bench.app.screen is bench.screen)


async def test_preset_in_force_goes_before_what_is_typed(make_bench: MakeBench, paths: Paths) -> None:
    """It is named, and the next prompt is asked as it says."""
    bench = make_bench(desk=desk_on(paths))
    async with bench.app.run_test(size=(80, 24)) as pilot:
        bench.screen.use_preset("careful")
        await bench.until(pilot, lambda: bench.screen.pane.preset is not None)
        await opened(bench, pilot, "temperature")
        await pilot.press("1", "enter")
        assert "the preset careful goes before" in await written(bench, pilot)
        assert "temperature = 1.0" in paths.config_file.read_text().split("[presets")[0]
        assert bench.screen.options.sampling.temperature == 0.0


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
async def test_everything_fits(make_bench: MakeBench, paths: Paths, size: tuple[int, int]) -> None:
    """Of every setting, the words, its value and what the keys do are on the screen."""
    bench = make_bench(desk=desk_on(paths))
    async with bench.app.run_test(size=size) as pilot:
        for name in PLACES:
            await opened(bench, pilot, name)
            for screen in bench.app.screen_stack[-2:]:
                for widget in screen.query("Static, OptionList, ValueArea"):
                    assert screen.region.contains_region(widget.region), (name, widget)
                    assert widget.region.height > 0 or not str(getattr(widget, "content", "")), (name, widget)
            lists = bench.app.screen_stack[-2].query_one(OptionList)
            assert lists.region.height >= 4
            assert lists.scroll_offset.y <= PLACES.index(name) < lists.scroll_offset.y + lists.region.height
            await pilot.press("escape")
            await pilot.press("escape")
            await bench.until(pilot, lambda: bench.app.screen is bench.screen)


async def test_preset_holds_from_the_next_prompt_and_goes(make_bench: MakeBench, paths: Paths) -> None:
    """All that it sets; what it leaves out is as config.toml has it; none is one of the names."""
    bench = make_bench(desk=desk_on(paths))
    async with bench.app.run_test(size=(80, 24)) as pilot:
        for text, says in (
            ("/preset", "careful"),
            ("/preset wild", "no preset 'wild'"),
            ("/preset careful", "Preset careful from the next prompt on: effort high, temperature 0"),
        ):
            bench.prompt.text = text
            await pilot.press("enter")
            await bench.until(pilot, saying(bench.screen.notice, says))
        options = bench.screen.options
        assert (options.effort, options.sampling.temperature, options.developer) == ("high", 0.0, "Check twice.")
        bench.prompt.text = "/preset none"
        await pilot.press("enter")
        await bench.until(pilot, lambda: "No preset any more" in str(bench.screen.notice.content))
        assert (bench.screen.options.effort, bench.screen.options.developer) == ("low", "")


async def test_no_preset_is_what_the_flags_gave(make_bench: MakeBench, paths: Paths) -> None:
    """A preset goes before the flags, once it is chosen; the status line names it, and says when it was changed."""
    flags = Flags(Sampling(temperature=0.3, seed=5), developer="Be brief.", stop=("END",))
    desk = desk_on(paths, flags)
    bench = make_bench(desk=desk)
    async with bench.app.run_test(size=(100, 24)) as pilot:
        screen = bench.screen
        screen.options = at_start = desk.options(desk.read(), "scripted", flags=True)
        await bench.until(pilot, lambda: "scripted" in bench.status())
        screen.use_preset("careful")
        await bench.until(pilot, lambda: "preset careful" in bench.status())
        options = screen.options
        assert (options.sampling.temperature, options.sampling.seed, options.developer) == (0.0, 5, "Check twice.")
        screen.action_effort("low")
        await bench.until(pilot, lambda: "preset careful, changed" in bench.status())
        screen.use_preset("none")
        await bench.until(pilot, lambda: "preset" not in bench.status())
        assert screen.options == at_start
        assert (at_start.sampling.temperature, at_start.developer, at_start.stop) == (0.3, "Be brief.", ("END",))


async def test_preset_is_begun_changed_and_deleted(make_bench: MakeBench, paths: Paths) -> None:
    """In the settings: a name, a value, which holds at once where the preset does, and its end after a question."""
    bench = make_bench(desk=desk_on(paths))
    async with bench.app.run_test(size=(80, 24)) as pilot:

        async def choose(kind: type[Screen[Any]], place: int, then: type[Screen[Any]]) -> None:
            await bench.until(pilot, lambda: isinstance(bench.app.screen, kind))
            bench.app.screen.query_one(OptionList).highlighted = place
            await pilot.press("enter")
            await bench.until(pilot, lambda: isinstance(bench.app.screen, then))

        await pilot.press("f12")
        await choose(SettingsScreen, len(FIELDS) + 1, LineScreen)
        await pilot.press(*"two words", "enter")
        settings = bench.app.screen_stack[1]
        await bench.until(pilot, saying(settings.query_one("#said", Static), "no name for a preset"))
        assert paths.config_file.read_text() == CONFIG
        await choose(SettingsScreen, len(FIELDS) + 1, LineScreen)
        await pilot.press(*"quick", "enter")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, PresetScreen))
        assert paths.config_file.read_text().startswith(CONFIG)
        await pilot.press("escape", "escape")
        await bench.until(pilot, lambda: bench.app.screen is bench.screen)
        bench.screen.use_preset("quick")
        await bench.until(pilot, lambda: "preset quick" in bench.status())
        await pilot.press("f12")
        await choose(SettingsScreen, len(FIELDS) + 1, PresetScreen)
        await choose(PresetScreen, PRESET_NAMES.index("max_tokens"), ValueScreen)
        await pilot.press("9", "0", "enter")
        await bench.until(pilot, lambda: bench.screen.options.sampling.max_tokens == 90)
        assert "[presets.quick]\nmax_tokens = 90" in paths.config_file.read_text()
        await choose(PresetScreen, len(PRESET_NAMES), ChoiceScreen)
        await pilot.press("enter")  # what is offered first is to keep it
        await choose(PresetScreen, len(PRESET_NAMES), ChoiceScreen)
        await pilot.press("down", "enter")
        await bench.until(pilot, lambda: isinstance(bench.app.screen, SettingsScreen))
        await bench.until(pilot, lambda: "presets.quick" not in paths.config_file.read_text())
        assert paths.config_file.read_text().rstrip() == CONFIG.rstrip()
        assert bench.screen.pane.preset is None
        assert bench.screen.options.sampling.max_tokens is None


async def test_settings_tell_what_is_elsewhere_and_where_a_change_holds(make_bench: MakeBench, paths: Paths) -> None:
    """Keys and tools have no line to change here; with two panes, a change is of one; the key that opened it closes it."""
    bench = make_bench(desk=desk_on(paths))
    async with bench.app.run_test(size=(140, 40)) as pilot:
        await pilot.press("alt+v")
        await bench.until(pilot, lambda: len(bench.screen.panes) == 2)
        await opened(bench, pilot, "effort")
        await pilot.press("down", "down", "enter")
        assert (
            await written(bench, pilot)
            == "effort is written to config.toml; it holds from the next prompt on, in this pane."
        )
        assert [pane.options.effort for pane in bench.screen.panes] == ["medium", "high"]
        lines = bench.app.screen.query_one(OptionList)
        lines.highlighted = lines.option_count - 1
        about = bench.app.screen.query_one("#about", Static)
        await bench.until(pilot, saying(about, f"They stand in {paths.config_file}"))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(bench.app.screen, SettingsScreen)
        await pilot.press("f12")
        await bench.until(pilot, lambda: bench.app.screen is bench.screen)


async def test_presets_are_completed(make_bench: MakeBench, paths: Paths) -> None:
    """Their names, read from the file; a broken file completes nothing."""
    bench = make_bench(desk=desk_on(paths))
    async with bench.app.run_test(size=(80, 24)):
        names = bench.screen.preset_names
        assert [found.text for found in candidates("/preset ", tuple, names)] == ["careful", "none"]
        assert [found.text for found in candidates("/preset c", tuple, names)] == ["careful"]
        paths.config_file.write_text("=")
        assert candidates("/preset c", tuple, names) == []
