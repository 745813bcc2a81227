"""A Markdown text that grows, as pieces: only its last block is parsed again when there is more of it. It knows no widgets."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from gptoss_chat.tui.markdown.blocks import Block, blocks_of
from gptoss_chat.tui.markdown.pieces import Line, Piece


@dataclass(frozen=True, slots=True)
class _Part:
    """A block that stands: where its source begins, and its pieces, the first of which may be an empty line above it."""

    block: Block
    source_start: int
    first_piece: int
    apart: bool


class Document:
    """The text so far and the pieces that it is drawn from.

    A block is final once another follows it. What would have changed it later, such as the definition of a link, does not.
    """

    def __init__(self, source: str = "") -> None:
        self.source = ""
        self.pieces: list[Piece] = []
        self._parts: list[_Part] = []
        self.append(source)

    def append(self, text: str) -> int:
        """Add `text` at the end. Returns the number of the first piece that is another now."""
        if not text:
            return len(self.pieces)
        self.source += text
        last = self._parts.pop() if self._parts else None
        start, first = (last.source_start, last.first_piece) if last else (0, 0)
        old = self.pieces[first:]
        del self.pieces[first:]
        tail = self.source[start:]
        line_starts = [0]
        for line in tail.split("\n"):
            line_starts.append(line_starts[-1] + len(line) + 1)
        for block in blocks_of(tail):
            source_start = start + line_starts[block.first_line]
            apart = bool(self._parts) and self._apart(self._parts[-1].block, block, source_start)
            self._parts.append(_Part(block, source_start, len(self.pieces), apart))
            self.pieces += [Line(), *block.pieces] if apart else block.pieces
        return self._keep(old, first)

    def piece_with(self, text: str) -> int | None:
        """The number of the first piece whose text, or whose block's source, holds `text`; the letters' case does not matter."""
        folded = text.casefold()
        shown = next((n for n, piece in enumerate(self.pieces) if piece.holds(folded)), None)
        if shown is not None or not folded:
            return shown
        place = self.source.casefold().find(folded)
        if place < 0 or not self._parts:
            return None
        part = self._parts[max(0, bisect_right(self._parts, place, key=lambda part: part.source_start) - 1)]
        return part.first_piece + part.apart

    def _apart(self, before: Block, block: Block, start: int) -> bool:
        """Whether an empty line is drawn between them: where one is written, always above a heading and never below."""
        line_before = self.source[self.source.rfind("\n", 0, start - 1) + 1 : start]
        return not before.heading and (block.heading or not line_before.strip())

    def _keep(self, old: list[Piece], first: int) -> int:
        """Keep the old pieces, and what is laid out of them, where the new ones are the same."""
        changed = first
        for n, piece in enumerate(old, first):
            if n == len(self.pieces) or not piece.same(self.pieces[n]):
                break
            self.pieces[n] = piece
            changed = n + 1
        return changed
