"""Text can be read in every theme of ours (WCAG 2.2: 4.5 to 1, and 7 to 1 for high contrast)."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.theme import Theme

from gptoss_chat.errors import SettingsError
from gptoss_chat.tui.colours import THEMES
from gptoss_chat.tui.commands import COMMANDS
from tests.tui.conftest import MakeBench


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG defines it."""
    parts = [value / 255 for value in Color.parse(colour).rgb]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio, as WCAG defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_text_stands_out_from_its_background(theme: Theme) -> None:
    """Every colour that text has, on the backgrounds that it stands on."""
    least = 7.0 if "contrast" in theme.name else 4.5
    inks = [theme.foreground, theme.primary, theme.accent, theme.warning, theme.error, theme.success]
    inks.append(theme.variables["muted"])
    for ink in inks:
        for ground in (theme.background, theme.surface):
            assert contrast(str(ink), str(ground)) >= least, (ink, ground)
    assert contrast(str(theme.foreground), str(theme.panel)) >= least


def test_every_theme_can_be_asked_for() -> None:
    """The command completes the names of all themes, and each name says whether it is dark."""
    (command,) = (command for command in COMMANDS if command.name == "theme")
    assert command.words == tuple(THEMES)
    assert {name for name, theme in THEMES.items() if theme.dark} == {"dark", "dusk", "contrast-dark"}


async def test_theme_command_changes_the_colours(make_bench: MakeBench) -> None:
    """At once; a name that is none changes nothing and tells the names."""
    bench = make_bench(theme="dusk")
    async with bench.app.run_test(size=(100, 30)) as pilot:
        assert bench.app.current_theme.name == "gptoss-dusk"
        for word, name in (("contrast-light", "gptoss-contrast-light"), ("pink", "gptoss-contrast-light")):
            bench.prompt.text = f"/theme {word}"
            await pilot.press("enter")
            await pilot.pause()
            assert bench.app.current_theme.name == name
        assert "dusk" in str(bench.screen.notice.content)


def test_unknown_theme_is_a_sentence(make_bench: MakeBench) -> None:
    """The themes are named."""
    with pytest.raises(SettingsError, match="no theme 'pink'"):
        make_bench(theme="pink")
