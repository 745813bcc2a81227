"""What an empty conversation shows: which model answers, and what to ask; it knows sentences, nothing of models."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from gptoss_chat.tui.key_map import key_of
from gptoss_chat.tui.plain import visible

BUILT_IN = (
    "This is the small built-in model. It has the architecture of gpt-oss and a narrow field: arithmetic, units, "
    "letters and words, dates, a few facts, and how to use this program. "
    "For a real gpt-oss: gptoss-chat models pull openai/gpt-oss-20b"
)
EXAMPLES = ("What is 17 * 23?", "Convert 5 km to miles.", "How many letters are in strawberry?")


class Welcome(Static):
    """A few calm lines."""

    def __init__(self, model: str) -> None:
        super().__init__(id="welcome", markup=False)
        self._model = model

    def on_mount(self) -> None:
        """Say it."""
        parts: list[Content | str | tuple[str, str]] = [("gptoss-chat", "bold $primary"), "\n"]
        parts.append((visible(self._model), "$muted"))
        if self._model == "built-in":
            parts += ["\n\n", BUILT_IN, "\n\n", ("Try", "$muted")]
            parts += [Content.assemble("\n  ", (example, "$foreground")) for example in EXAMPLES]
        parts += [(f"\n\n{key_of(self.app, 'app.keys')} keys · Ctrl+P everything else", "$muted")]
        self.update(Content.assemble(*parts))
