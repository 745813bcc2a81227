"""One conversation on the screen: its heading, transcript, prompt and routing map, and what is asked with; it knows no history.

A screen holds one or several. Each has its own place in a conversation, its own scroll, draft and settings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.message import Message
from textual.widget import Widget

from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.model.route import route_text
from gptoss_chat.tui.live import LiveReply
from gptoss_chat.tui.widgets.below import NewBelow
from gptoss_chat.tui.widgets.find import FindBar
from gptoss_chat.tui.widgets.menu import Menu
from gptoss_chat.tui.widgets.notice import Notice
from gptoss_chat.tui.widgets.pane_heading import PaneHeading
from gptoss_chat.tui.widgets.prompt import Prompt
from gptoss_chat.tui.widgets.transcript import Transcript
from gptoss_chat.tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from gptoss_chat.tui.desk import InForce
    from gptoss_chat.tui.widgets.routing import RoutingMap

NARROW_COLUMNS = 72  # below it the map lies under the prompt, not beside the transcript
WIDE_COLUMNS = 126
MAP_FROM_COLUMNS = 94


class Pane(Container):
    """`leaf_id` is the newest message of the branch that it shows; None: the one that the history calls current."""

    @dataclass
    class Touched(Message):
        """The mouse was pressed in it."""

        pane: Pane

    def __init__(
        self,
        options: TurnOptions,
        *,
        model: str,
        conversation_id: str | None,
        live_of: Callable[[str], LiveReply | None],
        unfolded: bool,
    ) -> None:
        super().__init__(classes="pane")
        self.options = options
        self.preset: InForce | None = None
        self.conversation_id = conversation_id
        self.leaf_id: str | None = None
        self.title = ""
        self.share = 1.0  # of the room of all panes, as a proportion to the others' shares
        self.stored_tokens = 0  # context that the conversation took when it was stored
        self.watched: LiveReply | None = None  # whose figures the status line shows
        self.map_wanted: bool | None = None  # None: as the width says
        self.map: RoutingMap | None = None  # after the first frame
        self._mapped_id = conversation_id  # whose tokens the map shows
        # Held, not looked up: a thread may come back when the screen is being taken down.
        self.heading = PaneHeading()
        self.welcome = Welcome(model)
        self.transcript = Transcript(live_of, unfolded=unfolded)
        self.below = NewBelow()
        self.find_bar = FindBar()
        self.notice = Notice()
        self.menu = Menu()
        self.prompt = Prompt(self.menu)
        self._room = Widget(id="routing-room")

    def compose(self) -> ComposeResult:
        """The parts."""
        self.welcome.display = self.conversation_id is None
        with Vertical(id="talk"):
            yield self.heading
            yield self.welcome
            yield self.transcript
            yield self.below
            yield self.find_bar
            yield self.notice
            yield self.menu
            yield self.prompt
        yield self._room

    @property
    def preset_shown(self) -> str:
        """The preset that holds in it, and whether something was changed since; empty where none does."""
        return self.preset.shown(self.options) if self.preset is not None else ""

    @property
    def changes_shown(self) -> list[str]:
        """What changes its answers beside effort and sampling, most telling first."""
        options = self.options
        said = [(options.route, route_text(options.route)), (options.developer or options.identity, "instructed")]
        return [words for holds, words in said if holds]

    @property
    def map_shown(self) -> bool:
        """Whether the map, or the room for it, is on the screen."""
        return self._room.display if self.map is None else self.map.display

    def shows(self, reply: LiveReply) -> bool:
        """Whether that reply is on the branch that it shows."""
        return self.conversation_id == reply.turn.conversation_id and self.transcript.holds(reply.node_id)

    def begin_map(self) -> None:
        """Forget the tokens of another conversation; those that begin one stay."""
        if self.map is not None and self._mapped_id not in (None, self.conversation_id):
            self.map.clear()
        self._mapped_id = self.conversation_id

    async def put_map(self, routing: RoutingMap) -> None:
        """Give the map its room."""
        if not self.is_attached:  # closed before the map was there
            return
        self.map = routing
        routing.display = self._room.display
        await self.mount(routing, after=self._room)
        await self._room.remove()

    def lay_out(self, columns: int, *, map_has_room: bool) -> None:
        """Arrange the parts for a width; without a wish, the map is shown where it has room."""
        shown = map_has_room and columns >= MAP_FROM_COLUMNS if self.map_wanted is None else self.map_wanted
        for widget in (self._room, self.map):
            if widget is not None:
                widget.display = shown
        self.set_class(columns < NARROW_COLUMNS, "-narrow")
        self.set_class(columns >= WIDE_COLUMNS, "-wide")

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """What is clicked gets the keys."""
        self.post_message(self.Touched(self))
