"""The tools that a reply called, and what they gave back; it knows nothing of turns or consent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.widgets import Static

from gptoss_chat.chat.events import CallState, ToolUse
from gptoss_chat.history.values import ToolCall
from gptoss_chat.tools.values import ERROR
from gptoss_chat.tui.plain import visible_lines

SHOWN_CHARACTERS, SHOWN_LINES = 400, 6  # of arguments and of results, until they are unfolded


@dataclass(frozen=True, slots=True)
class CallLine:
    """A call as it is shown; without a result, `waits` says what for."""

    name: str
    arguments: str
    result: str | None
    waits: str = ""


def stored_lines(calls: Sequence[ToolCall]) -> tuple[CallLine, ...]:
    """Calls as the history has them."""
    return tuple(CallLine(call.name, call.arguments, call.result, "not run") for call in calls)


def live_lines(calls: Sequence[ToolUse]) -> tuple[CallLine, ...]:
    """Calls as a turn tells them."""
    waits = {CallState.ASKED: "may it run?", CallState.RUNNING: "running …", CallState.DONE: ""}
    return tuple(
        CallLine(call.name, call.arguments, call.result if call.state is CallState.DONE else None, waits[call.state])
        for call in calls
    )


class Calls(Static):
    """Two lines a call; a click unfolds long ones. Hidden while there are none."""

    def __init__(self, lines: Sequence[CallLine]) -> None:
        super().__init__("", classes="calls", markup=False)
        self._lines: tuple[CallLine, ...] = tuple(lines)
        self._unfolded = False

    def on_mount(self) -> None:
        """Draw them."""
        self._draw()

    def show(self, lines: tuple[CallLine, ...]) -> None:
        """Make these the calls."""
        if lines != self._lines:
            self._lines = lines
            self._draw()

    def on_click(self, event: events.Click) -> None:
        """Unfold, or fold again."""
        event.stop()
        self._unfolded = not self._unfolded
        self._draw()

    def _draw(self) -> None:
        parts: list[str | tuple[str, str]] = []
        for call in self._lines:
            name = visible_lines(call.name.removeprefix("functions."))
            parts += [("→ ", "$accent"), (name, "bold"), f" {self._cut(call.arguments)}\n"]
            if call.result is None:
                parts.append((f"  {call.waits}\n", "$text-muted"))
            else:
                sign = ("✗ ", "$text-error") if call.result.startswith(ERROR) else ("← ", "$accent")
                parts += [sign, f"{self._cut(call.result)}\n"]
        self.display = bool(parts)
        self.update(Content.assemble(*parts).rstrip())

    def _cut(self, text: str) -> str:
        text = visible_lines(text)
        lines = text.split("\n")
        if self._unfolded or (len(text) <= SHOWN_CHARACTERS and len(lines) <= SHOWN_LINES):
            return text
        shown = "\n".join(lines[:SHOWN_LINES])[:SHOWN_CHARACTERS]
        return f"{shown} … {len(text) - len(shown):,} more characters"
