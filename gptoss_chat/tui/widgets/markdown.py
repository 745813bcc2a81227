"""Model text as Markdown: data that is shown, never obeyed; it knows nothing of turns."""

from __future__ import annotations

import asyncio

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from textual.widget import Widget
from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownBlock

from gptoss_chat.tui.plain import visible_lines


def _keep_line_breaks(state: StateCore) -> None:
    for token in state.tokens:
        for child in token.children or ():
            if child.type == "softbreak":
                child.type = "hardbreak"


def _parser() -> MarkdownIt:
    """Tables and strikethrough, but HTML as plain text (the toolkit would drop it), bare words never made links, and
    line breaks kept: models write lists and verse without Markdown's two spaces."""
    parser = MarkdownIt("gfm-like", {"html": False, "linkify": False})
    parser.disable("linkify")
    parser.core.ruler.push("keep_line_breaks", _keep_line_breaks)
    return parser


PIECE = 400
"""Characters drawn at a time: what is drawn is mounted and laid out in one go, and keys wait for that long."""


class Answer(Markdown):
    """Markdown that grows as fast as the screen can follow: what arrives while it draws waits."""

    def __init__(self, text: str = "") -> None:
        super().__init__(visible_lines(text), parser_factory=_parser, open_links=False)
        self._pending = ""
        self._drawing = asyncio.Lock()

    def feed(self, text: str) -> None:
        """Add text at the end, soon."""
        self._pending += text
        if not self._drawing.locked():
            self.run_worker(self._draw(), group="answer")

    def block_with(self, text: str) -> Widget | None:
        """The first block whose source holds `text`; the letters' case does not matter."""
        lines = self.source.split("\n")
        for block in self.children:
            if isinstance(block, MarkdownBlock):
                start, end = block.source_range
                if text.casefold() in "\n".join(lines[start:end]).casefold():
                    return block
        return None

    async def set_text(self, text: str) -> None:
        """Make `text` the whole text; what is there already is not drawn again."""
        text = visible_lines(text)
        if text.startswith(self.source):
            self._pending = text[len(self.source) :]
            await self._draw()
        else:
            self._pending = ""
            await self.update(text)

    async def _draw(self) -> None:
        async with self._drawing:
            while self._pending:
                cut = self._pending.find("\n", PIECE) + 1 or len(self._pending)
                text, self._pending = self._pending[:cut], self._pending[cut:]
                await self.append(visible_lines(text))
                await asyncio.sleep(0)

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        """A link is told, and put on the clipboard; where to go is the reader's decision."""
        event.stop()
        self.app.copy_to_clipboard(event.href)
        self.notify(visible_lines(event.href), title="Link copied", markup=False)
