"""Model and user text are data: shown, never obeyed."""

from __future__ import annotations

import subprocess
import sys

from textual.widgets import OptionList, Static

from gptoss_chat.tui.plain import visible_in_place, visible_lines
from tests.tui.conftest import MakeBench


async def test_control_characters_are_shown(make_bench: MakeBench) -> None:
    """An escape sequence in answer, prompt or paste reaches no line of the screen as such."""
    evil = "a\x1b]52;c;ZXZpbA==\x07b \x9b31m \u202e"
    bench = make_bench(lambda _: (evil, evil))
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await bench.send(pilot, evil)
        await bench.settle(pilot)
        await pilot.press("ctrl+t")
        bench.prompt.text = evil
        await pilot.pause()
        assert "a␛]52;c;" in bench.answers[0]
        for strip in bench.app.screen._compositor.render_strips():
            assert not set(strip.text) & {"\x1b", "\x07", "\x9b", "\u202e"}, strip.text


async def test_markup_in_titles_and_prompts_is_text(make_bench: MakeBench) -> None:
    """Square brackets are square brackets."""
    bench = make_bench()
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await bench.send(pilot, "[red]x[/red] [@click=app.quit]y[/]")
        await bench.settle(pilot)
        prompt = bench.screen.query_one(".user .text", Static)
        assert str(prompt.content) == "[red]x[/red] [@click=app.quit]y[/]"
        titles = bench.screen.query_one(OptionList)
        assert "[red]x[/red] [@click=app.quit]y[/]" in str(titles.get_option_at_index(0).prompt)


async def test_html_in_an_answer_is_shown(make_bench: MakeBench) -> None:
    """HTML is neither obeyed nor dropped, and line breaks stay."""
    bench = make_bench(lambda _: ("", "<div>kept</div>\nsecond"))
    async with bench.app.run_test(size=(100, 30)) as pilot:
        await bench.send(pilot, "Hi")
        await bench.settle(pilot)
        text = "\n".join(strip.text for strip in bench.app.screen._compositor.render_strips())
        assert "<div>kept</div>" in text
        assert "second" in text
        assert "</div> second" not in text


def test_line_breaks_of_every_kind_agree() -> None:
    """str.splitlines and the Markdown parser see the same lines."""
    text = visible_lines("a\r\nb\rc\x0bd\x0ce\x1cf\x85g\u2028h\u2029i")
    assert text.splitlines() == text.split("\n")


def test_visible_in_place_keeps_the_length() -> None:
    """One character for one."""
    text = "".join(map(chr, range(0x200)))
    assert len(visible_in_place(text)) == len(text)


def test_importing_the_screen_imports_no_torch() -> None:
    """The first frame is painted before torch is imported."""
    code = (
        "import sys, gptoss_chat.tui.app; "
        "print([m for m in ('torch', 'transformers', 'sqlite3.dump') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
