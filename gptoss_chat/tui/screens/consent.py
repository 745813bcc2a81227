"""Asks whether a tool may run; it knows nothing of what the answer is for.

The question comes while a person may be typing. So it takes no key until the keys have been quiet for a moment, and what it
offers first is no.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from gptoss_chat.chat.events import CallState, ToolUse
from gptoss_chat.chat.turn import Decision
from gptoss_chat.tui.live import LiveReplies, LiveReply
from gptoss_chat.tui.plain import visible, visible_lines

QUIET_S = 0.5  # without a key, before one is taken for an answer
ABREAST_COLUMNS = 80  # that the choices need beside one another
CHOICES: tuple[tuple[Decision, str], ...] = (
    ("no", "No (n)"),
    ("yes", "Yes, once (y)"),
    ("always", "Always in this conversation (a)"),
)


class ConsentScreen(ModalScreen[Decision]):
    """What would run, and with what; Esc says no."""

    BINDINGS = [  # noqa: RUF012 - the toolkit's own form
        Binding("n,escape", "choose('no')", show=False),
        Binding("y", "choose('yes')", show=False),
        Binding("a", "choose('always')", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]
    AUTO_FOCUS = "#no"

    def __init__(self, call: ToolUse, clock: Callable[[], float] = time.monotonic, *, place: str = "") -> None:
        """`place` names the conversation where that is not the one in front of the person."""
        super().__init__()
        self._call = call
        self._place = place
        self._clock = clock
        self._last_key_s = clock()
        self._quiet = False

    def compose(self) -> ComposeResult:
        """The question, the arguments, and the choices."""
        name = visible(self._call.name.removeprefix("functions."))
        with Vertical(classes="box"):
            place = f"\nIn {visible(self._place)}" if self._place else ""
            yield Static(Content.assemble("May the model run ", (name, "bold $accent"), "?", place), id="question")
            yield Static(Content(visible_lines(self._call.about)), id="about")
            with VerticalScroll(id="arguments", can_focus=False):
                yield Static(Content(visible_lines(_pretty(self._call.arguments))), markup=False)
            with Horizontal(id="choices"):
                for decision, label in CHOICES:
                    button = Button(label, id=decision, compact=True)
                    button.active_effect_duration = 0  # while it shines, it takes no second press
                    yield button

    def on_resize(self) -> None:
        """All choices whole: below one another where they have no room beside."""
        self.set_class(self.app.size.width < ABREAST_COLUMNS, "-narrow")

    def on_key(self, _event: events.Key) -> None:
        """Any key, before it is looked up: one that means nothing here was meant for the prompt, and the next may be, too."""
        now_s = self._clock()
        self._quiet = now_s - self._last_key_s >= QUIET_S
        self._last_key_s = now_s

    def on_mouse_down(self, _event: events.MouseDown) -> None:
        """The mouse does not type, but the question must have been there to be read."""
        self._quiet = self._clock() - self._last_key_s >= QUIET_S

    def action_choose(self, decision: Decision) -> None:
        """Answer, if the keys have been quiet."""
        if self._quiet:
            self.dismiss(decision)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A click, or Enter."""
        event.stop()
        for decision, _ in CHOICES:
            if event.button.id == decision:
                self.action_choose(decision)


class Consents:
    """Shows one question after the other, and takes away the one whose turn has ended."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: tuple[LiveReply, int, ConsentScreen] | None = None

    def look(self, app: App[None], replies: LiveReplies, place_of: Callable[[LiveReply], str]) -> None:
        """Ask what has to be asked by now. To be called now and then. `place_of` names a reply's conversation, or is empty."""
        asked = [(reply, call) for reply, call in replies.calls if call.state is CallState.ASKED and not reply.stopping]
        if self._open is not None:
            reply, number, screen = self._open
            if not any(reply is other and call.number == number for other, call in asked):
                if screen.is_attached and app.screen is not screen:
                    return  # below another screen: dismissing would take that one away; it goes when it is in front
                self._open = None
                if screen.is_attached:
                    screen.dismiss("no")
        elif asked:
            reply, call = asked[0]
            screen = ConsentScreen(call, self._clock, place=place_of(reply))
            self._open = (reply, call.number, screen)

            def answered(decision: Decision | None) -> None:
                reply.turn.decide(call.number, decision or "no")

            app.push_screen(screen, answered)


def _pretty(arguments: str) -> str:
    """JSON over several lines; what is none as it is."""
    try:
        return json.dumps(json.loads(arguments), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return arguments
