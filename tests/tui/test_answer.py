"""An answer under the mouse and the keys: selection, links, find, and how it grows."""

from __future__ import annotations

from textual.geometry import Offset
from textual.pilot import Pilot
from textual.widgets import Static

from gptoss_chat.tui.colours import LIGHT
from gptoss_chat.tui.widgets.answer import Answer
from tests.tui.conftest import Bench, MakeBench

SIZE = (100, 30)
TEXT = "# Title\nSome *words* here.\n\n- one\n- two [page](https://example.org/a)\n\n```sh\nls -l\n```\n"


def answer_of(bench: Bench) -> Answer:
    """The last answer."""
    reply = bench.transcript.last_reply
    assert reply is not None
    return reply.answer


async def answered(bench: Bench, pilot: Pilot[None]) -> Answer:
    """Ask, and wait for the whole answer."""
    await bench.send(pilot, "Go")
    await bench.settle(pilot)
    await pilot.pause()
    return answer_of(bench)


async def drag(pilot: Pilot[None], answer: Answer, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Press at `start`, move, release at `end`: cells of the answer."""
    await pilot.mouse_down(answer, offset=start)
    await pilot.hover(answer, offset=end)
    await pilot.mouse_up(answer, offset=end)
    await pilot.pause()


async def test_selection_by_mouse_is_copied_as_markdown(make_bench: MakeBench) -> None:
    """From within a line to within another, bullets and fences as they are written; the lines between are whole."""
    bench = make_bench(lambda _: ("", TEXT))
    async with bench.app.run_test(size=SIZE) as pilot:
        answer = await answered(bench, pilot)
        await drag(pilot, answer, (5, 1), (5, 7))
        await pilot.press("ctrl+c")
        assert bench.app.clipboard == "words here.\n\n- one\n- two page\n\n```sh\nls -"
        selected = answer.render_line(1)
        plain, lit = (segment for segment in selected if segment.text in ("Some ", "words"))
        assert lit.style is not None
        assert plain.style is not None
        assert lit.style.bgcolor != plain.style.bgcolor


async def test_selection_of_the_whole_answer_by_double_click(make_bench: MakeBench) -> None:
    """All of it, as Markdown."""
    bench = make_bench(lambda _: ("", TEXT))
    async with bench.app.run_test(size=SIZE) as pilot:
        answer = await answered(bench, pilot)
        await pilot.double_click(answer, offset=(2, 1))
        await pilot.press("ctrl+c")
        assert (
            bench.app.clipboard.rstrip()
            == TEXT.replace("*", "").replace("[page](https://example.org/a)", "page").rstrip()
        )


async def test_link_is_copied_when_clicked(make_bench: MakeBench) -> None:
    """Nothing is opened: where to go is the reader's decision."""
    bench = make_bench(lambda _: ("", TEXT))
    async with bench.app.run_test(size=SIZE) as pilot:
        answer = await answered(bench, pilot)
        await pilot.click(answer, offset=("• two ".index("w") + 4, 4))
        await pilot.pause()
        assert bench.app.clipboard == "https://example.org/a"


async def test_find_scrolls_to_the_line_of_a_long_answer(make_bench: MakeBench) -> None:
    """Not just to the message that holds it."""
    text = "\n\n".join(f"Paragraph {n}." for n in range(200))
    bench = make_bench(lambda _: ("", text))
    async with bench.app.run_test(size=SIZE) as pilot:
        answer = await answered(bench, pilot)
        await pilot.press("ctrl+f", *"Paragraph 57.", "enter")
        await pilot.pause(0.2)
        (line,) = answer.lines_with("Paragraph 57.")
        assert line == 2 * 57
        assert bench.transcript.region.contains_point(Offset(answer.region.x, answer.region.y + line))


async def test_only_lines_in_view_are_laid_out(make_bench: MakeBench) -> None:
    """A long answer costs what is seen of it; all of it is there, whatever came in which piece."""
    text = "\r\n\r\n".join(f"Paragraph {n} with **bold** words." for n in range(400))
    bench = make_bench(lambda _: ("", text))
    async with bench.app.run_test(size=SIZE) as pilot:
        answer = await answered(bench, pilot)
        assert answer.source == text.replace("\r\n", "\n")
        assert answer.size.height == 2 * 400 - 1
        assert bench.transcript.at_bottom
        await pilot.resize_terminal(90, 30)
        await pilot.pause()
        width = answer.size.width
        laid = [piece for piece in answer._document.pieces if piece._key is not None and piece._key[0] == width]
        assert 0 < len(laid) < 60


async def test_colours_follow_theme_and_picked_message(make_bench: MakeBench) -> None:
    """What is kept of drawn lines is let go of when their ground changes."""
    bench = make_bench(lambda _: ("", "Words."))
    async with bench.app.run_test(size=SIZE) as pilot:
        answer = await answered(bench, pilot)

        def ground() -> object:
            style = next(iter(answer.render_line(0))).style
            assert style is not None
            return style.bgcolor

        dark = ground()
        await pilot.press("alt+up")
        await bench.until(pilot, lambda: bench.transcript.picked is not None)
        picked = ground()
        assert picked != dark
        bench.app.theme = LIGHT.name
        await pilot.pause()
        assert ground() not in (dark, picked)


async def test_find_goes_to_every_place_of_a_message_and_lights_them(make_bench: MakeBench) -> None:
    """n goes from place to place within an answer, too; closing puts the lights out."""
    bench = make_bench(lambda _: ("", "- needle\n- hay\n- NEEDLE and needle\n"))
    async with bench.app.run_test(size=SIZE) as pilot:
        answer = await answered(bench, pilot)

        def lit() -> list[str]:
            ground = answer.get_visual_style("found").rich_style.bgcolor
            lines = [answer.render_line(y) for y in range(answer.size.height)]
            return [
                segment.text for line in lines for segment in line if segment.style and segment.style.bgcolor == ground
            ]

        assert answer.lines_with("needle") == [0, 2, 2]
        assert lit() == []
        await pilot.press("ctrl+f", *"needle", "enter")
        await pilot.pause()
        count = bench.screen.find_bar.query_one(Static)
        assert str(count.content).startswith("3 of 3")
        assert lit() == ["needle", "NEEDLE", "needle"]
        await pilot.press("n")
        await pilot.pause()
        assert str(count.content).startswith("1 of 3")
        await pilot.press("escape")
        await pilot.pause()
        assert lit() == []


async def test_find_looks_into_the_answer_that_is_being_written(make_bench: MakeBench) -> None:
    """As far as it has come."""
    bench = make_bench(lambda _: ("", "needle " * 20), pause_at=60)
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.send(pilot, "Go")
        await bench.until(pilot, bench.engine.paused.is_set)
        await bench.until(pilot, lambda: "needle" in answer_of(bench).source)
        await pilot.press("ctrl+f", *"needle", "enter")
        await pilot.pause()
        assert " of " in str(bench.screen.find_bar.query_one(Static).content)
        bench.engine.release()
