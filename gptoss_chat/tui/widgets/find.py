"""The find bar: a line to type in, then n and N from place to place; it knows no messages."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from gptoss_chat.tui.key_map import take_keys
from gptoss_chat.tui.keys import bindings


class FindBar(Horizontal, can_focus=True):
    """Hidden until it is opened. Enter in its line leaves the line for n and N; Esc closes."""

    BINDINGS = [*bindings("find")]  # noqa: RUF012 - the toolkit's own form

    @dataclass
    class Asked(Message):
        """Go to the place `step` places on; `new` is True when the text changed since the last one."""

        text: str
        step: int
        new: bool

    class Closed(Message):
        """Nothing is searched any more."""

    def __init__(self) -> None:
        super().__init__(id="find")
        self.display = False
        self._input = Input(placeholder="Find in this conversation", compact=True)
        self._count = Static("", markup=False)
        self._asked = ""

    def compose(self) -> ComposeResult:
        """The line and what came of it."""
        yield self._input
        yield self._count

    def on_mount(self) -> None:
        """The keys that the person has chosen."""
        take_keys(self, "find")

    def open(self, text: str = "") -> None:
        """Take the keys; with `text`, go to it at once."""
        self.display = True
        if text:
            self._input.value = text
            self._submit()
        else:
            self.action_retype()

    def say(self, text: str) -> None:
        """What came of it."""
        self._count.update(text)

    def action_retype(self) -> None:
        """Type another text."""
        self.screen.set_focus(self._input)  # at once: keys may be waiting already
        self._input.action_select_all()

    def action_move(self, step: int) -> None:
        """On, or back."""
        self.post_message(self.Asked(self._input.value, step, self._input.value != self._asked))
        self._asked = self._input.value

    def action_close(self) -> None:
        """Esc."""
        self.display = False
        self._asked = ""
        self.post_message(self.Closed())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        self._submit()

    def _submit(self) -> None:
        if self._input.value.strip():
            self.screen.set_focus(self)
            self.action_move(-1)  # the newest place first: that is where the reader is
