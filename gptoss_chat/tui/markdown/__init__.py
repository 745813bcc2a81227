"""Markdown as lines to draw: parsed piece by piece as it grows, laid out only where it is looked at; it knows no widgets."""

from gptoss_chat.tui.markdown.document import Document
from gptoss_chat.tui.markdown.pieces import Laid, Look, Piece

__all__ = ["Document", "Laid", "Look", "Piece"]
