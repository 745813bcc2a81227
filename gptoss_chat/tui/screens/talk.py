"""The chat screen's ground: its parts, what the session tells, and what the history holds; it knows no keys.

Nothing here waits for the history or the model on the screen's loop, and the first frame waits for neither.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal

from gptoss_chat.chat.turn import Turn, TurnOptions
from gptoss_chat.errors import GptossChatError
from gptoss_chat.tui.figures import status_of, waiting_for
from gptoss_chat.tui.key_map import key_of
from gptoss_chat.tui.live import LiveReplies, LiveReply, Progress
from gptoss_chat.tui.plain import error_text, visible
from gptoss_chat.tui.reading import TITLES_SHOWN, Entry, Read, read_branch, read_titles
from gptoss_chat.tui.screens.panes import PanesScreen
from gptoss_chat.tui.widgets.pane import Pane
from gptoss_chat.tui.widgets.status import StatusLine

if TYPE_CHECKING:
    from gptoss_chat.chat.session import Session
    from gptoss_chat.tui.screens.consent import Consents

POLL_S = 0.06  # text of this long is drawn in one go
# Keys wait for a frame of new text. While they come, and TYPING_S after, there is one in FOLLOW_S at most, when no key has come for
# BETWEEN_KEYS_S; and one in FOLLOW_ANYWAY_S, however fast they come.
TYPING_S = 0.5
FOLLOW_S, BETWEEN_KEYS_S = 0.4, 0.1
FOLLOW_ANYWAY_S = 1.0
LATE = (  # the first frame does without them
    "gptoss_chat.tui.widgets.message",
    "gptoss_chat.tui.widgets.answer",
    "gptoss_chat.tui.widgets.routing",
    "gptoss_chat.tui.screens.consent",
)


class TalkScreen(PanesScreen):
    """Conversations · panes, over a status line."""

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
        self.session = session
        self.usual = options  # what the start gave to ask with
        self.live = LiveReplies()
        super().__init__(self.new_pane(options, conversation_id, unfolded=show_reasoning))
        self._clock = clock
        self.consents: Consents | None = None  # no tool is called before the model is there
        self.order = asyncio.Lock()  # one change of the history at a time, in the order asked for
        self.titles_shown = TITLES_SHOWN
        self._maps_ready = False
        self._told: set[object] = set()
        self.typed_s = 0.0  # when the prompt changed last
        self._followed_s = 0.0
        self.status_line = StatusLine()

    def compose(self) -> ComposeResult:
        """The parts."""
        with Horizontal(id="main"):
            yield self.lists
            with Container(id="panes", classes="-across"):  # as most often: a change would be a restyling
                yield self.pane
        yield self.status_line

    def new_pane(self, options: TurnOptions, conversation_id: str | None, *, unfolded: bool) -> Pane:
        """A pane on a conversation, not on the screen yet."""
        return Pane(
            options,
            model=self.session.model_name,
            conversation_id=conversation_id,
            live_of=self.live.by_node,
            unfolded=unfolded,
        )

    @property
    def writing(self) -> bool:
        """Whether an answer is being written or waits to be, in any conversation."""
        return self.live.first is not None

    @property
    def context_left(self) -> int | None:
        """Tokens that still fit after the shown conversation; None until the model is loaded."""
        status = self.status_line.status
        return status.context_limit - status.context_tokens if status.context_limit else None

    def replies_of(self, pane: Pane) -> list[LiveReply]:
        """The unfinished replies that the keys of a pane mean: those it shows, and those of its conversation that none shows."""
        others = [other for other in self.panes if other is not pane]
        replies = self.live.of(pane.conversation_id)
        return [reply for reply in replies if pane.shows(reply) or not any(other.shows(reply) for other in others)]

    def on_mount(self) -> None:
        """Take text at once; the history is read, and the model loaded, after the first frame."""
        self.lay_out()
        self._show_status()
        # The refresh that follows is the first frame; what comes after it may take its time.
        self.call_after_refresh(self.set_timer, 0.01, self._prepare)

    @work(group="start")
    async def _prepare(self) -> None:
        self.set_interval(POLL_S, self._poll)
        async with self.order:
            await self.reopen()
            for pane in self.panes:  # whatever is open by now: keys may have come before
                await self._reload_pane(pane)
            await self.reload_titles()
        for name in LATE:
            await asyncio.to_thread(importlib.import_module, name)
        from gptoss_chat.tui.screens.consent import Consents

        self.consents = Consents(self._clock)
        self._maps_ready = True
        for pane in self.panes:
            await self.give_map(pane)
        self.session.start()

    async def reopen(self) -> None:
        """Bring back the panes as they were left. The caller holds the order."""

    async def give_map(self, pane: Pane) -> None:
        """Give a pane its routing map, when there can be one yet."""
        if self._maps_ready and pane.map is None:
            from gptoss_chat.tui.widgets.routing import RoutingMap

            await pane.put_map(RoutingMap())

    # What the session tells ----------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        loaded = self.session.loaded
        spec = loaded.spec if loaded is not None else None
        told, follow = self.live.poll(), self._may_follow()
        for pane in list(self.panes):
            if pane not in self.panes:  # closed while another one was drawn
                continue
            if pane.map is not None and spec is not None:
                pane.map.set_shape(spec.layers, spec.experts)
            await self._poll_pane(pane, told, follow=follow)
        for _, progress in told:
            for text in progress.notices:
                self.notify(visible(text), title="Tools", severity="warning", timeout=20, markup=False)
        if any(progress.finished is not None for _, progress in told):
            self.refresh_titles()
        self._show_status()
        if (
            self.consents is not None and follow and not self.order.locked()
        ):  # what was asked is on the screen before the model asks back
            self.consents.look(self.app, self.live, self._place_of)
        self._tell()
        self.keep_arrangement()
        self._read_ahead()

    def _read_ahead(self) -> None:
        """Let the idle model read what will stand before the prompt: of a new conversation at once, of an old one, which may be
        long, once there is a prompt."""
        pane = self.pane
        if not self.writing and (pane.conversation_id is None or self.typed_s):
            self.session.read_ahead(pane.conversation_id, pane.leaf_id, pane.options)

    def _may_follow(self) -> bool:
        """Whether it is time for new text: keys go first."""
        now_s = time.perf_counter()
        typed_s, followed_s = now_s - self.typed_s, now_s - self._followed_s
        if typed_s < TYPING_S and followed_s < (FOLLOW_S if typed_s >= BETWEEN_KEYS_S else FOLLOW_ANYWAY_S):
            return False
        self._followed_s = now_s
        return True

    async def _poll_pane(self, pane: Pane, told: list[tuple[LiveReply, Progress]], *, follow: bool) -> None:
        others = [other for other in self.panes if other is not pane]
        grown = False
        for reply, progress in told:
            shown = pane.shows(reply)
            grown |= shown and bool(progress.answer or progress.reasoning)
            if shown or not any(other.shows(reply) for other in others):
                _note_progress(pane, reply, progress)
        at_bottom = pane.transcript.at_bottom
        pane.below.display = not at_bottom and (pane.below.display or grown)
        for widget in pane.transcript.following:
            assert widget.live is not None
            if follow:
                widget.follow()
            if widget.live.finished is not None:
                await widget.finish()
            else:
                first = self.live.first
                elsewhere = first is not None and any(other.shows(first) for other in others) and not pane.shows(first)
                next_ = widget.live.begun or widget.live is first
                key = key_of(self.app, "take_back")
                widget.wait_for(waiting_for(self.session, widget.live, first=next_, take_back=key, elsewhere=elsewhere))

    def keep_arrangement(self) -> None:
        """Note which panes there are, for the next start."""

    def _place_of(self, reply: LiveReply) -> str:
        """Which conversation a reply is in, where the pane with the keys does not show it."""
        conversation_id = reply.turn.conversation_id
        if conversation_id == self.pane.conversation_id:
            return ""
        number = next(
            (n for n, pane in enumerate(self.panes, start=1) if pane.conversation_id == conversation_id), None
        )
        title = self.lists.title_of(conversation_id) or "another conversation"
        return title if number is None else f"pane {number}: {title}"

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

    def pane_changed(self) -> None:
        """The figures, and the mark in the list, are those of the pane that has the keys."""
        self._show_status()
        self.refresh_titles()

    def _show_status(self) -> None:
        pane, replies = self.pane, self.replies_of(self.pane)
        watched = replies[0] if replies and replies[0].started else pane.watched
        shown = watched if watched and watched.turn.conversation_id == pane.conversation_id else None
        if shown is None and pane.conversation_id is not None:
            shown = self.live.last_of(pane.conversation_id)
        waiting = [reply for reply in replies if not reply.stopping]
        status = status_of(
            self.session,
            effort=pane.options.effort,
            preset=pane.preset_shown,
            changes=pane.changes_shown,
            reply=shown,
            stored_tokens=pane.stored_tokens,
            waiting=max(0, len(waiting) - 1),
        )
        self.status_line.status = status
        self.show_heads()

    # What the history holds ----------------------------------------------------------------------------------------

    @work(group="history")
    async def open_conversation(self, conversation_id: str | None) -> None:
        """Show a conversation in the pane that has the keys; None: an empty one."""
        pane = self.pane
        async with self.order:
            pane.conversation_id, pane.leaf_id = conversation_id, None
            await self.reload(pane)

    @work(group="titles", exclusive=True)
    async def refresh_titles(self) -> None:
        """Read the list of conversations again."""
        await self.reload_titles()

    async def reload(self, pane: Pane) -> None:
        """Show what a pane is on as the history has it, and in other panes of the same conversation. The caller holds the order."""
        others = [other for other in self.panes if other is not pane and pane.conversation_id is not None]
        for shown in [pane, *(other for other in others if other.conversation_id == pane.conversation_id)]:
            if not await self._reload_pane(shown):
                return
        await self.reload_titles()

    async def _reload_pane(self, pane: Pane) -> bool:
        read = Read()
        try:
            if pane.conversation_id is not None:
                read = await asyncio.to_thread(read_branch, self.session.store, pane.conversation_id, pane.leaf_id)
                if any(entry.status == "streaming" and not self.live.by_node(entry.node_id) for entry in read.entries):
                    # Finished while it was read: the history has the end by now. Or another window writes it.
                    read = await asyncio.to_thread(read_branch, self.session.store, pane.conversation_id, pane.leaf_id)
        except GptossChatError as error:
            pane.notice.show(error_text(error))
            return False
        entries = [self._as_live(entry) for entry in read.entries]
        pane.begin_map()
        pane.title = read.title
        pane.leaf_id = entries[-1].node_id if entries else None
        pane.stored_tokens = next((entry.context_tokens for entry in reversed(entries) if entry.context_tokens), 0)
        pane.welcome.display = not entries
        pane.transcript.display = bool(entries)
        await pane.transcript.show(entries)
        pane.prompt.remember([entry.text for entry in entries if entry.role == "user"])
        return True

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
    async def begin(self, begin: Callable[[], Turn], *, pane: Pane | None = None, goes_on: Entry | None = None) -> None:
        """Run a call that begins a turn, in a thread, and show the turn in `pane`, else in the one that has the keys.

        `goes_on` is the entry that is continued.
        """
        async with self.order:
            await self.begin_in(pane or self.pane, begin, goes_on=goes_on)

    async def begin_in(self, pane: Pane, begin: Callable[[], Turn], *, goes_on: Entry | None = None) -> Turn | None:
        """As `begin`, for a caller that holds the order; None when it failed, which is told."""
        try:
            turn = await asyncio.to_thread(begin)
        except GptossChatError as error:
            pane.notice.show(error_text(error))
            return None
        live = LiveReply(turn, self._clock)
        if goes_on is not None:
            live.answer, live.reasoning = goes_on.text, goes_on.reasoning
        self.live.add(live)
        pane.conversation_id = turn.conversation_id
        if goes_on is None:
            pane.leaf_id = turn.reply_node_id
        await self.reload(pane)
        return turn


def _note_progress(pane: Pane, reply: LiveReply, progress: Progress) -> None:
    if progress.routed and pane.map is not None:
        for routed in progress.routed:
            pane.map.add(routed.experts, routed.weights)
    if progress.routed or progress.finished is not None:
        pane.watched = reply
