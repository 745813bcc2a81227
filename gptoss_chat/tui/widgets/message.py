"""One message of the transcript; it knows entries and live replies, nothing of sessions or the history."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from gptoss_chat.tui.key_map import key_of
from gptoss_chat.tui.live import LiveReply
from gptoss_chat.tui.plain import error_text, literally, visible_lines
from gptoss_chat.tui.reading import Entry
from gptoss_chat.tui.widgets.calls import Calls, live_lines, stored_lines
from gptoss_chat.tui.widgets.growing import Growing
from gptoss_chat.tui.widgets.heading import Heading
from gptoss_chat.tui.widgets.reasoning import Reasoning

if TYPE_CHECKING:
    from gptoss_chat.tui.widgets.answer import Answer


FOUND = "$background on $accent bold"  # as Answer's style of that name


class MessageBox(Vertical, Growing):
    """What both kinds of message share: the heading, which is lit while the mouse is over it or the message is picked."""

    def __init__(self, entry: Entry, classes: str) -> None:
        super().__init__(classes=f"message {classes}")
        self.entry = entry
        self._heading = Heading(entry)
        self._picked = False

    @property
    def text(self) -> str:
        """The message, as far as it is written."""
        return self.entry.text

    @property
    def picked(self) -> bool:
        """Whether the keys for a message mean this one."""
        return self._picked

    @picked.setter
    def picked(self, picked: bool) -> None:
        self._picked = picked
        self.set_class(picked, "-picked")
        self._light()

    def place_of(self, text: str, nth: int) -> tuple[Widget, int] | None:
        """The part and the line of it that shows `text` the nth time, where it can be told; the letters' case does not matter."""
        return None

    def mark(self, text: str) -> None:
        """Light every place that shows `text`; none when it is empty."""
        raise NotImplementedError

    def forget_lines(self) -> None:
        """Let go of what was drawn, before it is taken off the screen: a cache of the toolkit keeps some thousand widgets that are
        gone, with all their lines."""
        for part in self.walk_children(Widget, with_self=True):
            part.refresh()

    def on_enter(self) -> None:
        """The mouse comes, maybe to a part of it."""
        self._light()

    def on_leave(self) -> None:
        """The mouse goes, maybe to another part of it."""
        self._light()

    def _light(self) -> None:
        self._heading.lit = self._picked or self.is_mouse_over


class UserMessage(MessageBox):
    """What the person typed, as typed."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry, "user")
        self._text = Static(Content(visible_lines(entry.text)), classes="text", markup=False)

    def compose(self) -> ComposeResult:
        """The label and the text."""
        yield self._heading
        yield self._text

    def mark(self, text: str) -> None:
        """In what was typed."""
        content = Content(visible_lines(self.entry.text))
        self._text.update(content.highlight_regex(literally(text), style=FOUND) if text else content)


class ReplyMessage(MessageBox):
    """The model's reply: reasoning folded to a line, the answer, and a line on how it stands."""

    def __init__(self, entry: Entry, *, unfolded: bool, live: LiveReply | None = None) -> None:
        super().__init__(entry, "reply")
        self.live = live
        self._waiting = ""
        self._answer_shown = len(entry.text)
        self._reasoning_shown = len(entry.reasoning)
        # Held, not looked up: a reply may end before it is composed, or while it is taken off the screen.
        self.reasoning = Reasoning(entry.reasoning, entry.reasoning_s, unfolded=unfolded)
        self.calls = Calls(stored_lines(entry.calls))
        self.answer: Answer = _answer(entry.text)
        self._foot = Static("", classes="foot", markup=False)

    def compose(self) -> ComposeResult:
        """The label, the folded reasoning, the tools called, the answer and the foot."""
        yield self._heading
        yield self.reasoning
        yield self.calls
        yield self.answer
        yield self._foot

    def on_mount(self) -> None:
        """Show how the reply stands."""
        self._show_foot()

    @property
    def text(self) -> str:
        """Also while it is being written."""
        return self.entry.text if self.live is None else self.live.answer

    def place_of(self, text: str, nth: int) -> tuple[Widget, int] | None:
        """A line of the Markdown."""
        lines = self.answer.lines_with(text)
        return (self.answer, lines[min(nth, len(lines) - 1)]) if lines else None

    def mark(self, text: str) -> None:
        """In the answer."""
        self.answer.mark(text)

    def follow(self) -> None:
        """Show what the live reply has beyond what is shown."""
        live = self.live
        assert live is not None
        if len(live.reasoning) > self._reasoning_shown:
            self.reasoning.feed(live.reasoning[self._reasoning_shown :])
            self._reasoning_shown = len(live.reasoning)
        self.reasoning.elapsed(live.reasoning_s)
        if live.calls:
            self.calls.show(live_lines(tuple(live.calls.values())))
        if len(live.answer) > self._answer_shown:
            self.answer.feed(live.answer[self._answer_shown :])
            self._answer_shown = len(live.answer)

    def wait_for(self, what: str) -> None:
        """Say what a reply that has no text yet is waiting for; empty: nothing any more."""
        if what != self._waiting:
            self._waiting = what
            self._show_foot()

    async def finish(self) -> None:
        """The last event has come: show the reply as the history has it."""
        live = self.live
        assert live is not None
        assert live.finished is not None
        finished = live.finished
        # A turn that failed outside the engine reports no text; what was shown stays.
        answer, reasoning = finished.answer or live.answer, finished.reasoning or live.reasoning
        self.entry = dataclasses.replace(
            self.entry,
            text=answer,
            reasoning=reasoning,
            status=finished.status.value,
            error=error_text(finished.error) if finished.error else "",
            reasoning_s=live.reasoning_s,
            calls=finished.calls or self.entry.calls,
        )
        self.calls.show(stored_lines(self.entry.calls))
        self.live = None
        self._waiting = ""
        self.answer.set_text(answer)
        self.reasoning.set_text(reasoning, live.reasoning_s)
        self._show_foot()

    def _show_foot(self) -> None:
        foot, entry = self._foot, self.entry
        foot.set_class(bool(entry.error) or entry.status == "failed", "failed")
        if self._waiting:
            text = self._waiting
        elif entry.error:
            text = f"✗ {entry.error}"
        elif entry.status == "failed":
            text = f"✗ This answer failed · {key_of(self.app, 'regenerate')} tries again"
        elif entry.status == "stopped":
            text = f"■ Stopped · {key_of(self.app, 'go_on')} goes on"
        elif entry.status == "complete" and not entry.text.strip():
            text = f"✗ The model ended without an answer · {key_of(self.app, 'regenerate')} tries again"
        elif entry.status == "streaming" and self.live is None:
            text = "Being written in another window"
        else:
            text = ""
        foot.update(Content(text))
        foot.display = bool(text)


def _answer(text: str) -> Answer:
    # Markdown's parser and Pygments take long to import: not before the first answer.
    from gptoss_chat.tui.widgets.answer import Answer

    return Answer(text)
