"""The chat screen's ground: its parts, what the session tells, and what the history holds; it knows no keys.

Nothing here waits for the history or the model on the screen's loop, and the first frame waits for neither.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget

from gptoss_chat.chat.turn import Turn, TurnOptions
from gptoss_chat.errors import GptossChatError
from gptoss_chat.tui.figures import status_of, waiting_for
from gptoss_chat.tui.live import LiveReplies, LiveReply, Progress
from gptoss_chat.tui.plain import visible
from gptoss_chat.tui.reading import TITLES_SHOWN, Entry, read_entries, read_titles
from gptoss_chat.tui.screens.consent import Consents
from gptoss_chat.tui.widgets.below import NewBelow
from gptoss_chat.tui.widgets.conversations import ConversationList
from gptoss_chat.tui.widgets.find import FindBar
from gptoss_chat.tui.widgets.menu import Menu
from gptoss_chat.tui.widgets.message import error_text
from gptoss_chat.tui.widgets.notice import Notice
from gptoss_chat.tui.widgets.prompt import Prompt
from gptoss_chat.tui.widgets.status import StatusLine
from gptoss_chat.tui.widgets.transcript import Transcript
from gptoss_chat.tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from gptoss_chat.chat.session import Session
    from gptoss_chat.tui.widgets.routing import RoutingMap

POLL_S = 0.06  # text of this long is drawn in one go
LIST_FROM_COLUMNS = 80
MAP_FROM_COLUMNS = 120
NARROW_COLUMNS = 72  # below it the map lies above the prompt, not beside the transcript
LATE = ("gptoss_chat.tui.widgets.markdown", "gptoss_chat.tui.widgets.routing")  # too slow for the first frame


class TalkScreen(Screen[None]):
    """Conversations · transcript and prompt · routing map, over a status line."""

    AUTO_FOCUS = "#prompt"

    def __init__(
        self,
        session: Session,
        options: TurnOptions,
        *,
        conversation_id: str | None,
        show_reasoning: bool,
        clock: Callable[[], float],
    ) -> None:
        super().__init__()
        self.session = session
        self.options = options
        self.conversation_id = conversation_id
        self._clock = clock
        self.live = LiveReplies()
        self.consents = Consents(clock)
        self._watched: LiveReply | None = None  # whose figures the status line shows
        self._usage_of: dict[str, LiveReply] = {}  # conversation -> its last finished reply
        self._stored_tokens = 0  # context that the open conversation took when it was stored
        self.order = asyncio.Lock()  # one change of the history at a time, in the order asked for
        self.list_wanted: bool | None = None  # None: as the width says
        self.titles_shown = TITLES_SHOWN
        self.map_wanted: bool | None = None
        self._map: RoutingMap | None = None  # after the first frame
        self._told: set[object] = set()
        # Held, not looked up: a thread may come back when the screen is being taken down.
        self.lists = ConversationList()
        self.welcome = Welcome(session.model_name)
        self.transcript = Transcript(self.live.by_node, unfolded=show_reasoning)
        self.below = NewBelow()
        self.find_bar = FindBar()
        self.notice = Notice()
        self.menu = Menu()
        self.prompt = Prompt(self.menu)
        self.status_line = StatusLine()

    def compose(self) -> ComposeResult:
        """The parts."""
        self.welcome.display = self.conversation_id is None
        with Horizontal(id="main"):
            yield self.lists
            with Vertical(id="talk"):
                yield self.welcome
                yield self.transcript
                yield self.below
                yield self.find_bar
                yield self.notice
                yield self.menu
                yield self.prompt
            yield Widget(id="routing-room")
        yield self.status_line

    @property
    def writing(self) -> bool:
        """Whether an answer is being written or waits to be, in any conversation."""
        return self.live.first is not None

    @property
    def context_left(self) -> int | None:
        """Tokens that still fit after the shown conversation; None until the model is loaded."""
        status = self.status_line.status
        return status.context_limit - status.context_tokens if status.context_limit else None

    def on_mount(self) -> None:
        """Take text at once; the history is read, and the model loaded, after the first frame."""
        self.lay_out()
        self._show_status()
        self.set_interval(POLL_S, self._poll)
        # The refresh that follows is the first frame; what comes after it may take its time.
        self.call_after_refresh(self.set_timer, 0.01, self._prepare)

    @work(group="start")
    async def _prepare(self) -> None:
        async with self.order:
            await self.reload()  # whatever is open by now: keys may have come before
        modules = [await asyncio.to_thread(importlib.import_module, name) for name in LATE]
        self._map = cast("RoutingMap", modules[-1].RoutingMap())
        room = self.query_one("#routing-room")
        self._map.display = room.display
        await self.query_one("#main").mount(self._map, after=room)
        await room.remove()
        self.session.start()

    def on_resize(self) -> None:
        """The width decides what has room."""
        self.lay_out()

    def lay_out(self) -> None:
        """Show the parts that are wanted, or have room."""
        width = self.app.size.width
        self.lists.display = width >= LIST_FROM_COLUMNS if self.list_wanted is None else self.list_wanted
        for routing in self.query("#routing, #routing-room"):
            routing.display = width >= MAP_FROM_COLUMNS if self.map_wanted is None else self.map_wanted
        self.set_class(width < NARROW_COLUMNS, "-narrow")
        self.set_class(width >= 160, "-wide")

    # What the session tells ----------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        loaded = self.session.loaded
        if self._map is not None and loaded is not None and loaded.spec is not None:
            self._map.set_shape(loaded.spec.layers, loaded.spec.experts)
        grown = False
        for reply, progress in self.live.poll():
            self._note_progress(reply, progress)
            grown |= reply.turn.conversation_id == self.conversation_id and bool(progress.answer or progress.reasoning)
        at_bottom = self.transcript.at_bottom
        self.below.display = not at_bottom and (self.below.display or grown)
        for widget in self.transcript.following:
            assert widget.live is not None
            widget.follow()
            if widget.live.finished is not None:
                await widget.finish()
            else:
                widget.wait_for(waiting_for(self.session, widget.live, first=widget.live is self.live.first))
        self._show_status()
        self.consents.look(self.app, self.live)
        self._tell()

    def _tell(self) -> None:
        """Say once what the session and the history have to say."""
        session = self.session
        if session.state == "failed" and session.error and self._once(session.error):
            self.notice.show(error_text(session.error))
        if (error := session.warm_error) is not None and self._once(error):
            self.notice.show(f"Reading ahead failed, the next answer starts later: {error_text(error)}")
        for title, text in (("History", session.store.notice), ("Memory", session.notice)):
            if text and self._once((title, text)):
                self.notify(visible(text), title=title, severity="warning", timeout=20, markup=False)

    def _once(self, what: object) -> bool:
        new = what not in self._told
        self._told.add(what)
        return new

    def _note_progress(self, reply: LiveReply, progress: Progress) -> None:
        for text in progress.notices:
            self.notify(visible(text), title="Tools", severity="warning", timeout=20, markup=False)
        if progress.routed:
            self._watched = reply
            if self._map is not None:
                for routed in progress.routed:
                    self._map.add(routed.experts, routed.weights)
        if progress.finished is not None:
            self._watched = reply
            self._usage_of[reply.turn.conversation_id] = reply
            self.refresh_titles()

    def _show_status(self) -> None:
        first = self.live.first
        watched = first if first is not None and first.started else self._watched
        shown = watched if watched and watched.turn.conversation_id == self.conversation_id else None
        if shown is None and self.conversation_id is not None:
            shown = self._usage_of.get(self.conversation_id)
        waiting = [reply for reply in self.live.of(self.conversation_id) if not reply.stopping]
        status = status_of(
            self.session,
            effort=self.options.effort,
            reply=shown,
            stored_tokens=self._stored_tokens,
            waiting=max(0, len(waiting) - 1),
        )
        self.status_line.status = status

    # What the history holds ----------------------------------------------------------------------------------------

    @work(group="history")
    async def open_conversation(self, conversation_id: str | None) -> None:
        """Show a conversation; None: an empty one."""
        async with self.order:
            self.conversation_id = conversation_id
            await self.reload()

    @work(group="titles", exclusive=True)
    async def refresh_titles(self) -> None:
        """Read the list of conversations again."""
        await self.reload_titles()

    async def reload(self) -> None:
        """Show the open conversation as the history has it. The caller holds the order."""
        entries: list[Entry] = []
        try:
            if self.conversation_id is not None:
                entries = await asyncio.to_thread(read_entries, self.session.store, self.conversation_id)
                if any(entry.status == "streaming" and not self.live.by_node(entry.node_id) for entry in entries):
                    # Finished while it was read: the history has the end by now. Or another window writes it.
                    entries = await asyncio.to_thread(read_entries, self.session.store, self.conversation_id)
                entries = [self._as_live(entry) for entry in entries]
        except GptossChatError as error:
            self.notice.show(error_text(error))
            return
        self._stored_tokens = next((entry.context_tokens for entry in reversed(entries) if entry.context_tokens), 0)
        self.welcome.display = not entries
        self.transcript.display = bool(entries)
        await self.transcript.show(entries)
        self.prompt.remember([entry.text for entry in entries if entry.role == "user"])
        await self.reload_titles()

    async def reload_titles(self) -> None:
        """Show the list as the history has it, searched as it is."""
        lists = self.lists
        try:
            titles = await asyncio.to_thread(read_titles, self.session.store, lists.query_text, self.titles_shown)
        except GptossChatError as error:
            self.notice.show(error_text(error))
            return
        lists.show(titles, self.conversation_id, self.live.conversation_ids)

    def _as_live(self, entry: Entry) -> Entry:
        """A reply that is being written is further than its row; one written here has a time, and maybe an error."""
        live = self.live.by_node(entry.node_id)
        if live is None:
            past = self.live.past(entry.node_id)
            error = past.finished.error if past is not None and past.finished is not None else None
            reasoning_s = past.reasoning_s if past is not None else entry.reasoning_s
            return dataclasses.replace(entry, reasoning_s=reasoning_s, error=error_text(error) if error else "")
        return dataclasses.replace(
            entry, text=live.answer, reasoning=live.reasoning, reasoning_s=live.reasoning_s, status="streaming"
        )

    @work(group="history")
    async def begin(self, begin: Callable[[], Turn], *, goes_on: Entry | None = None) -> None:
        """Run a call that begins a turn, in a thread, and show the turn. `goes_on` is the entry that is continued."""
        async with self.order:
            try:
                turn = await asyncio.to_thread(begin)
            except GptossChatError as error:
                self.notice.show(error_text(error))
                return
            live = LiveReply(turn, self._clock)
            if goes_on is not None:
                live.answer, live.reasoning = goes_on.text, goes_on.reasoning
            self.live.add(live)
            self.conversation_id = turn.conversation_id
            await self.reload()
