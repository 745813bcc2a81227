"""Text as a code block of Markdown; it knows nothing of what the text is."""

from __future__ import annotations


def fenced(text: str, language: str = "text") -> str:
    """`text` as a code block, with a fence that it can't close."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"
