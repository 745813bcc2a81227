"""Markdown as lines: what is drawn, what is copied, and that text that grows looks like text that came at once."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.content import Content
from textual.geometry import Offset
from textual.selection import SELECT_ALL, Selection
from textual.style import Style
from textual.visual import RenderOptions

from gptoss_chat.tui.markdown import Document, Look
from gptoss_chat.tui.markdown.code import STRETCH, code_lines
from gptoss_chat.tui.markdown.table import Table

PLAIN = Look(
    Style(), lambda _name: Style(), RenderOptions(lambda style: style if isinstance(style, Style) else Style(), {})
)

BLOCKS = (
    "# Title\n\n",
    "A line\nand another of the *same* paragraph.\n\n",
    "- one\n- two\n  - nested\n- three\n\n",
    "1. first\n\n   more of it\n\n2. second\n\n",
    "```python\ndef f(x):\n    return x\n```\n\n",
    "> quoted\n> words\n\n",
    "| a | b |\n|---|--:|\n| 1 | 2 |\n\n",
    "---\n\n",
    "Title\n===\n\n",
    "    indented code\n\n",
    "Directly before a list\n- a\n- b\n",
    "### Heading and text\ntight\n\n",
)


def drawn(document: Document, width: int = 60) -> list[str]:
    """The lines of the screen."""
    return [line.strip.text.rstrip() for piece in document.pieces for line in piece.laid(width, PLAIN)]


def copied(document: Document, width: int = 60) -> str:
    """All of it as it is copied."""
    return "\n".join(line for piece in document.pieces for line in piece.copied(width, PLAIN))


def test_blocks_are_drawn_each_in_its_form() -> None:
    """Bullets, numbers, bars, the language over code, rules and cells."""
    text = "# Title\ntext\n\n- one\n  - *two*\n\n7. seven\n\n> words\n> more\n\n```sh\nls  -l\n```\n\n---\n\n|a|b|\n|-|-:|\n|1|22|\n"
    assert drawn(Document(text), 20) == [
        "Title", "text", "", "• one", "  ▪ two", "", "7. seven", "", "▌ words", "▌ more", "", "  sh", "  ls  -l", "", "",
        "─" * 20, "", "a │  b", "──┼───", "1 │ 22",
    ]  # fmt: skip


def test_what_is_copied_is_markdown() -> None:
    """Marks stand for what is drawn; wrapped lines are whole again."""
    text = "## A title\n- one that is long enough to wrap\n  1. deep\n\n> - quoted\n\n```sh\nls\n```\n\n---\n\nEnd"
    assert copied(Document(text), 12) == text


def test_blocks_are_as_far_apart_as_they_are_written() -> None:
    """A line of spaces is an empty line; a list right below its sentence stays there."""
    assert drawn(Document("One.\n   \nTwo:\n- a\n- b\n  \n- c")) == ["One.", "", "Two:", "• a", "• b", "", "• c"]


def test_html_is_text_and_line_breaks_are_kept() -> None:
    """A model's HTML is shown, not dropped; verse stays verse; bare addresses are no links."""
    assert drawn(Document("<b>a</b>\nb www.example.org")) == ["<b>a</b>", "b www.example.org"]


@given(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=6), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_growing_text_looks_like_text_that_came_at_once(blocks: list[str], seed: int) -> None:
    """Whatever the pieces are in which it comes."""
    text, cut, rng = "".join(blocks), 0, random.Random(seed)
    document = Document()
    while cut < len(text):
        end = cut + rng.randint(1, 30)
        document.append(text[cut:end])
        cut = end
    whole = Document(text)
    assert document.source == text
    assert drawn(document) == drawn(whole)
    assert copied(document) == copied(whole)


def test_more_text_leaves_finished_pieces_alone() -> None:
    """Only what changed is told and made anew, so that what is laid out of the rest is kept."""
    document = Document("One.\n\n- a\n- b")
    before = list(document.pieces)
    assert document.append("c\n- d") == 3  # One., the gap and "a" stay
    assert document.pieces[:3] == before[:3]
    assert drawn(document) == ["One.", "", "• a", "• bc", "• d"]
    document = Document("```\n1\n2")
    first = document.pieces[1]
    assert document.append("\n3") == 3
    assert document.pieces[1] is first


def test_places_follow_the_copied_text_where_a_line_wraps() -> None:
    """Each line of the screen says which character it begins with."""
    (piece,) = Document("- aaaa bbbb cccc").pieces
    lines = piece.laid(7, PLAIN)
    assert [(line.text, line.x, line.y, line.lead) for line in lines] == [
        ("aaaa", 0, 0, 2),
        ("bbbb", 5, 0, 2),
        ("cccc", 10, 0, 2),
    ]
    assert piece.mark_length == len("- ")


@pytest.mark.parametrize("width", [8, 14, 30, 60])
def test_tables_fit_the_width_and_lose_no_word(width: int) -> None:
    """Cells wrap where there is no room."""
    rows = [
        [Content("name"), Content("what it does")],
        [Content("alpha"), Content("counts words and letters of a line")],
    ]
    lines = Table(rows, ["left", "left"]).laid(width, PLAIN)
    assert all(line.strip.cell_length == width for line in lines)
    if width >= 14:
        shown = [line.text.split("│") for line in lines if "│" in line.text]
        assert "".join(cells[1].replace(" ", "") for cells in shown) == "whatitdoes" + "countswordsandlettersofaline"


def test_code_of_many_lines_is_coloured_as_in_one_go() -> None:
    """Stretches end outside strings and comments, so a long string keeps its colour."""
    code = "".join(
        f"def f{n}():\n    '''Text\n\nthat is at the margin\n    '''\n    return {n}  # why\n\n" for n in range(40)
    )
    parts = list(code_lines(code, "python"))
    assert [part.plain for part in parts] == code.removesuffix("\n").split("\n")
    assert len(parts) > 3 * STRETCH
    inside = [part for part in parts if part.plain == "that is at the margin"]
    assert len({str(part.spans[0].style) for part in inside}) == 1
    assert list(code_lines("x\ny\n", "no such language")) == [Content("x"), Content("y")]


def test_find_tells_the_piece_and_falls_back_to_the_source() -> None:
    """Text that is shown, then text of the source that is not, such as an address."""
    document = Document("One.\n\nSee [the page](https://example.org/x).\n\nThree.")
    assert document.piece_with("THE PAGE") == 2
    assert document.piece_with("example.org") == 2
    assert document.piece_with("nowhere") is None


def test_selection_extracts_from_the_copied_text() -> None:
    """The toolkit's own selection works on the same lines."""
    text = copied(Document("# T\n- one\n- two"))
    assert SELECT_ALL.extract(text) == text
    assert Selection.from_offsets(Offset(3, 1), Offset(2, 0)).extract(text) == "T\n- o"
