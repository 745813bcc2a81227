"""One sentence above the prompt, for what went wrong or can't be done now; it knows nothing of why."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Notice(Static):
    """Hidden until there is something to say."""

    def __init__(self) -> None:
        super().__init__("", id="notice", markup=False)
        self.display = False

    def show(self, text: str) -> None:
        """Say it."""
        self.update(Content(text))
        self.display = True

    def hide(self) -> None:
        """Nothing to say any more."""
        self.display = False
