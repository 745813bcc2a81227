"""Code blocks in Markdown text; it knows nothing of how they are shown."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n(.*?)(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)


def code_blocks(text: str) -> list[str]:
    """The contents of the fenced code blocks of `text`, in order; one that is still being written ends with the text."""
    return [found[2] for found in _FENCE.finditer(text)]
