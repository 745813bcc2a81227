"""Small questions over the routing screen: what comes instead of a token, and the rules; they know no engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from gptoss_chat.tui.plain import visible
from gptoss_chat.tui.screens.line import LineScreen

RULES: Final = "Rules for the router (layers:experts), such as ban 3:7; boost 0-5:12 2.5; pin *:1,2; topk 2; topk 4-6:3"


class InsteadScreen(ModalScreen[int | str | None]):
    """Answers the place of one of `options`, or a text as it was typed, spaces and all; Esc answers None."""

    DEFAULT_CSS = "InsteadScreen { align: center middle; background: $background 60%; }"
    BINDINGS = [  # noqa: RUF012 - the toolkit's own form
        Binding("escape", "dismiss", "Close", show=False),
        Binding("down", "move('cursor_down')", show=False, priority=True),
        Binding("up", "move('cursor_up')", show=False, priority=True),
    ]

    def __init__(self, question: str, options: Sequence[str], at: int = 0) -> None:
        super().__init__()
        self._question = question
        self._options = OptionList(*(Option(Content(visible(option))) for option in options), markup=False)
        self._options.can_focus = False
        self._at = at

    def compose(self) -> ComposeResult:
        """The question, a line to type in, and the options."""
        with Vertical(classes="box"):
            yield Static(Content(visible(self._question)), markup=False)
            yield Input(placeholder="Type a text, or choose with ↑ ↓ and Enter or a click", compact=True)
            yield self._options

    def on_mount(self) -> None:
        """The one that was asked for."""
        if self._options.option_count:
            self._options.highlighted = self._at

    async def action_move(self, action: str) -> None:
        """Up and down."""
        await self._options.run_action(action)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter takes the text, else the option under the bar."""
        event.stop()
        self.dismiss(event.value or self._options.highlighted)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click."""
        event.stop()
        self.dismiss(event.option_index)


class RulesScreen(LineScreen):
    """Asks for rules; nothing is an answer too."""

    def __init__(self, rules: str) -> None:
        super().__init__(RULES, rules)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.prevent_default()  # the line's own handler takes nothing for no answer
        event.stop()
        self.dismiss(event.value.strip())
