"""One message of the transcript; it knows entries and live replies, nothing of sessions or the history."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message as Event
from textual.widgets import Static

from gptoss_chat.errors import GptossChatError
from gptoss_chat.tui.live import LiveReply
from gptoss_chat.tui.plain import visible, visible_lines
from gptoss_chat.tui.reading import Entry
from gptoss_chat.tui.widgets.markdown import Answer
from gptoss_chat.tui.widgets.reasoning import Reasoning


@dataclass
class VersionWanted(Event):
    """A version arrow was clicked: `step` is -1 or 1."""

    node_id: str
    step: int


class Versions(Static):
    """`‹ 2/3 ›`: which sibling this is; a click left of its middle goes back, right of it forward."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(f"‹ {entry.version}/{entry.versions} ›", classes="versions", markup=False)
        self.display = entry.versions > 1
        self._node_id = entry.node_id

    def on_click(self, event: events.Click) -> None:
        """Ask for the neighbour on the side of the click."""
        event.stop()
        self.post_message(VersionWanted(self._node_id, -1 if event.x < self.size.width // 2 else 1))


class UserMessage(Vertical):
    """What the person typed, as typed."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(classes="message user")
        self.entry = entry

    def compose(self) -> ComposeResult:
        """The label and the text."""
        yield Static("You", classes="role", markup=False)
        yield Static(Content(visible_lines(self.entry.text)), classes="text", markup=False)
        yield Versions(self.entry)


class ReplyMessage(Vertical):
    """The model's reply: reasoning folded to a line, the answer, and a line on how it stands."""

    def __init__(self, entry: Entry, *, unfolded: bool, live: LiveReply | None = None) -> None:
        super().__init__(classes="message reply")
        self.entry = entry
        self.live = live
        self._unfolded = unfolded
        self._waiting = ""
        self._answer_shown = len(entry.text)
        self._reasoning_shown = len(entry.reasoning)

    def compose(self) -> ComposeResult:
        """The label, the folded reasoning, the answer and the foot."""
        yield Static(Content(visible(self.entry.model or "assistant")), classes="role", markup=False)
        yield Reasoning(self.entry.reasoning, self.entry.reasoning_s, unfolded=self._unfolded)
        yield Answer(self.entry.text)
        yield Static("", classes="foot", markup=False)
        yield Versions(self.entry)

    def on_mount(self) -> None:
        """Show how the reply stands."""
        self._show_foot()

    @property
    def reasoning(self) -> Reasoning:
        """Its folded reasoning."""
        return self.query_one(Reasoning)

    def follow(self) -> None:
        """Show what the live reply has beyond what is shown."""
        live = self.live
        assert live is not None
        if len(live.reasoning) > self._reasoning_shown:
            self.reasoning.feed(live.reasoning[self._reasoning_shown :])
            self._reasoning_shown = len(live.reasoning)
        self.reasoning.elapsed(live.reasoning_s)
        if len(live.answer) > self._answer_shown:
            self.query_one(Answer).feed(live.answer[self._answer_shown :])
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
        )
        self.live = None
        self._waiting = ""
        await self.query_one(Answer).set_text(answer)
        self.reasoning.set_text(reasoning, live.reasoning_s)
        self._show_foot()

    def _show_foot(self) -> None:
        foot = self.query_one(".foot", Static)
        entry = self.entry
        foot.set_class(bool(entry.error) or entry.status == "failed", "failed")
        if self._waiting:
            text = self._waiting
        elif entry.error:
            text = f"✗ {entry.error}"
        elif entry.status == "failed":
            text = "✗ This answer failed · Ctrl+G tries again"
        elif entry.status == "stopped":
            text = "■ Stopped · Ctrl+O goes on"
        elif entry.status == "streaming" and self.live is None:
            text = "Being written in another window"
        else:
            text = ""
        foot.update(Content(text))
        foot.display = bool(text)


def error_text(error: Exception) -> str:
    """One sentence and its remedy; an error that is not ours is named, never dumped."""
    if isinstance(error, GptossChatError):
        return visible_lines(str(error))
    return visible_lines(f"Something went wrong ({type(error).__name__}: {error}). Ctrl+G tries again.")
