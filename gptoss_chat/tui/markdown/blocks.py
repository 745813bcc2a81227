"""The blocks of a Markdown text as pieces to draw; it knows nothing of widgets, and not that the text grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.tree import SyntaxTreeNode
from textual.content import Content, Span
from textual.style import Style

from gptoss_chat.tui.markdown.code import code_lines
from gptoss_chat.tui.markdown.pieces import NONE, Lead, Line, Piece, Rule
from gptoss_chat.tui.markdown.table import Table

BULLETS = "•▪‣◦"
_CODE = Lead(Content("  "), Content.styled("↪ ", ".info"))


@dataclass(frozen=True, slots=True)
class Block:
    """A block of the outermost level, or one item of a list there, with the line of the source that it begins at."""

    first_line: int
    pieces: list[Piece]
    heading: bool = False


def blocks_of(source: str) -> Iterator[Block]:
    """The blocks of `source`, in order."""
    for node in SyntaxTreeNode(_parser().parse(source)).children:
        if node.type in ("bullet_list", "ordered_list"):
            for item in node.children:
                yield Block(_first_line(item), list(_item(item, NONE, 0)))
        else:
            yield Block(_first_line(node), list(_pieces(node, NONE, 0)), heading=node.type == "heading")


def _keep_line_breaks(state: StateCore) -> None:
    for token in state.tokens:
        for child in token.children or ():
            if child.type == "softbreak":
                child.type = "hardbreak"


@cache
def _parser() -> MarkdownIt:
    """Tables and strikethrough, but HTML as plain text, bare words never made links, and line breaks kept: models write
    lists and verse without Markdown's two spaces."""
    parser = MarkdownIt("gfm-like", {"html": False, "linkify": False})
    parser.disable("linkify")
    parser.core.ruler.push("keep_line_breaks", _keep_line_breaks)
    return parser


def _first_line(node: SyntaxTreeNode) -> int:
    return node.map[0] if node.map else 0


def _pieces(node: SyntaxTreeNode, lead: Lead, depth: int) -> Iterator[Piece]:
    """The pieces of a block behind `lead`; `depth` counts the lists around it."""
    match node.type:
        case "paragraph":
            yield from _lines(_inline(node), lead)
        case "heading":
            text = _inline(node).stylize(f".h{min(3, int(node.tag[1:]))}")
            yield from _lines(text, lead.then(Lead(mark=f"{node.markup[:6] if node.markup[:1] == '#' else '#'} ")))
        case "fence" | "code_block":
            yield from _code(node, lead)
        case "hr":
            yield Rule(lead)
        case "blockquote":
            bar = Content.styled("▌ ", ".quote-bar")
            yield from _apart(node.children, lead.then(Lead(bar, bar, "> ")), depth)
        case "bullet_list" | "ordered_list":
            for n, item in enumerate(node.children):
                yield from _item(item, lead if n == 0 else _after(lead), depth)
        case "table":
            yield _table(node, lead)
        case _:
            yield from _lines(Content(node.content), lead)


def _apart(nodes: Iterable[SyntaxTreeNode], lead: Lead, depth: int) -> Iterator[Piece]:
    """Blocks one below the other, as far apart as they are written; only the first line has the first lead."""
    end = None
    for node in nodes:
        if end is not None and _first_line(node) > end:
            yield Line(lead=_after(lead))
        yield from _pieces(node, lead if end is None else _after(lead), depth)
        end = node.map[1] if node.map else 0


def _item(item: SyntaxTreeNode, lead: Lead, depth: int) -> Iterator[Piece]:
    if (
        item.info
    ):  # the number as it is written: so an item looks the same whether those before it were parsed with it or not
        bullet = mark = f"{item.info}{item.markup} "
    else:
        bullet, mark = f"{BULLETS[depth % len(BULLETS)]} ", "- "
    own = Lead(Content.styled(bullet, ".bullet"), Content(" " * len(bullet)), mark)
    if item.children:
        yield from _apart(item.children, lead.then(own), depth + 1)
    else:
        yield Line(lead=lead.then(own))


def _after(lead: Lead) -> Lead:
    """What stands before the second line, and is copied as it stands but for bars."""
    return Lead(lead.hang, lead.hang, lead.hang.plain.replace("▌", ">"))


def _lines(text: Content, lead: Lead, fill: str = "") -> Iterator[Piece]:
    for n, line in enumerate(text.split("\n", allow_blank=True)):
        yield Line(line, lead if n == 0 else _after(lead), fill)


def _code(node: SyntaxTreeNode, lead: Lead) -> Iterator[Piece]:
    """The lines on a ground of their own, the language above them; copied with their fences."""
    language = node.info.split(maxsplit=1)[0] if node.info.strip() else ""
    fence = node.markup or "```"
    after = _after(lead)
    title = Lead(Content.styled(f"  {language}", ".info"), Content("  "), fence + language)
    yield Line(lead=lead.then(title), fill="fence")
    for line in code_lines(node.content.expandtabs(8), language):
        yield Line(line, after.then(_CODE), "fence")
    yield Line(lead=after.then(Lead(mark=fence)), fill="fence")


def _table(node: SyntaxTreeNode, lead: Lead) -> Piece:
    rows = [[_inline(cell) for cell in row.children] for part in node.children for row in part.children]
    head = node.children[0].children[0]
    align = [str(cell.attrs.get("style", "")).removeprefix("text-align:") or "left" for cell in head.children]
    return Table(rows, align, lead)


def _inline(node: SyntaxTreeNode) -> Content:
    """The text of a block with its styles."""
    inline = _Inline()
    for child in node.children:
        inline.add(child)
    return Content("".join(inline.text), inline.spans)


class _Inline:
    """Text with styles, added node by node."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.spans: list[Span] = []
        self._length = 0

    def add(self, node: SyntaxTreeNode) -> None:
        """Add a node and what is in it."""
        start = self._length
        styles: tuple[str | Style, ...] = ()
        match node.type:
            case "text" | "html_inline":
                self._write(node.content.replace("\t", " "))
            case "hardbreak" | "softbreak":
                self._write("\n")
            case "code_inline":
                self._write(node.content)
                styles = (".code",)
            case "image":
                self._write(f"🖼 {node.content}")
                styles = _link(node.attrs.get("src", ""))
            case "link":
                styles = _link(node.attrs.get("href", ""))
            case "em" | "strong" | "s":
                styles = (f".{node.type}",)
        if node.type != "image":  # the words for an image are its content
            for child in node.children:
                self.add(child)
        self.spans += [Span(start, self._length, style) for style in styles]

    def _write(self, text: str) -> None:
        self.text.append(text)
        self._length += len(text)


def _link(href: object) -> tuple[str | Style, ...]:
    return ".link", Style.from_meta({"@click": f"link({str(href)!r})"})
