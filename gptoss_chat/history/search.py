"""Full-text queries from what a person typed; it knows nothing of the database.

SQLite's FTS5 has a query language with operators and quotes; a person types words. Every word becomes a quoted phrase,
the last one a prefix, so nothing typed can be an operator or a syntax error.
"""

from __future__ import annotations


def match_query(typed: str) -> str | None:
    """The FTS5 query for all words of `typed`; None when it holds no letter or digit, which is all the index knows."""
    words = [word for word in typed.replace("\0", " ").split() if any(char.isalnum() for char in word)]
    if not words:
        return None
    quoted = ['"' + word.replace('"', '""') + '"' for word in words]
    # "wor" is on its way to "word"; after a space the word is whole.
    return " ".join(quoted) + ("" if typed[-1:].isspace() else "*")


def like_pattern(typed: str) -> str:
    r"""A LIKE pattern (ESCAPE '\') for texts that contain `typed`."""
    for char in "\\%_":
        typed = typed.replace(char, "\\" + char)
    return f"%{typed}%"
