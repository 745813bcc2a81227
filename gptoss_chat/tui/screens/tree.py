"""The tree of a conversation: every branch, and the way to any message; it knows lines, nothing of the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from gptoss_chat.tui.key_map import key_of, take_key_of_opener, take_keys
from gptoss_chat.tui.keys import bindings
from gptoss_chat.tui.plain import visible
from gptoss_chat.tui.tree import TreeLine

WORDS_SHOWN = 160
STATES = {"stopped": "■ stopped", "failed": "✗ failed", "streaming": "● being written"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Where to go, and whether in a pane of its own."""

    node_id: str
    where: Literal["here", "beside", "under"]


class TreeScreen(ModalScreen[Chosen | None]):
    """Each line is a message; those on the branch that is shown are marked and bold."""

    BINDINGS = [*bindings("tree")]  # noqa: RUF012 - the toolkit's own form

    def __init__(self, lines: Sequence[TreeLine]) -> None:
        super().__init__()
        self._lines = list(lines)
        self._options = OptionList(markup=False)

    def compose(self) -> ComposeResult:
        """The tree over its keys."""
        forks = sum(line.fork for line in self._lines)
        about = f"{len(self._lines)} messages" + (f", {forks} of them versions of another" if forks else ", no forks")
        with Vertical(id="tree", classes="box"):
            yield Static(about, markup=False)
            yield self._options
            yield Static(self._keys(), markup=False, id="tree-keys")

    def on_mount(self) -> None:
        """The keys that the person has chosen; the bar stands on the newest message that is shown."""
        take_keys(self, "tree")
        take_key_of_opener(self, "tree", "close_tree")
        self._options.set_options(Option(_shown(line), line.node_id) for line in self._lines)
        shown = [place for place, line in enumerate(self._lines) if line.on_path]
        self._options.highlighted = shown[-1] if shown else 0
        self._options.focus()

    def _keys(self) -> str:
        above, below, beside, under, close = (
            key_of(self.app, name).split(",")[0]
            for name in ("fork(-1)", "fork(1)", "choose('beside')", "choose('under')", "close_tree")
        )
        told = [("↑ ↓", "move"), (f"{above} {below}".strip(), "forks"), ("Enter", "goes there")]
        told += [(beside, "beside"), (under, "under"), (close, "")]
        return " · ".join(f"{key} {what}".strip() for key, what in told if key)

    def action_close_tree(self) -> None:
        """Go nowhere."""
        self.dismiss(None)

    def action_fork(self, step: int) -> None:
        """The bar goes to the next version, up or down."""
        at = self._options.highlighted or 0
        places = range(at + 1, len(self._lines)) if step > 0 else range(at - 1, -1, -1)
        self._options.highlighted = next((place for place in places if self._lines[place].fork), at)

    def action_choose(self, where: Literal["here", "beside", "under"]) -> None:
        """Go to the message under the bar."""
        if self._options.highlighted is not None:
            self.dismiss(Chosen(self._lines[self._options.highlighted].node_id, where))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click."""
        event.stop()
        self.dismiss(Chosen(self._lines[event.option_index].node_id, "here"))


def _shown(line: TreeLine) -> Content:
    who, colour = ("You", "$primary") if line.role == "user" else ("···", "$accent")
    words = visible(line.words[:WORDS_SHOWN]) or "(nothing yet)"
    state = STATES.get(line.status, "")
    return Content.assemble(
        ("● " if line.on_path else "  ", "$accent"),
        (line.guide, "$text-muted"),
        (f"{who} ", colour),
        (words, "bold" if line.on_path else ""),
        (f"  {state}" if state else "", "$text-muted"),
    )
