"""The chat screen: hands what a person does to the session, and what the session tells to the widgets."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import OptionList

from gptoss_chat.chat.turn import Effort, Turn, TurnOptions
from gptoss_chat.errors import GptossChatError
from gptoss_chat.tui.keys import bindings
from gptoss_chat.tui.live import LiveReplies, LiveReply, Progress
from gptoss_chat.tui.plain import visible
from gptoss_chat.tui.reading import Entry, read_entries, read_titles, switch_version
from gptoss_chat.tui.widgets.conversations import ConversationList
from gptoss_chat.tui.widgets.message import VersionWanted, error_text
from gptoss_chat.tui.widgets.notice import Notice
from gptoss_chat.tui.widgets.prompt import Prompt
from gptoss_chat.tui.widgets.routing import RoutingMap
from gptoss_chat.tui.widgets.status import Status, StatusLine
from gptoss_chat.tui.widgets.transcript import Transcript
from gptoss_chat.tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from gptoss_chat.chat.session import Session

POLL_S = 0.06  # text of this long is drawn in one go
LIST_FROM_COLUMNS = 80
MAP_FROM_COLUMNS = 120
NARROW_COLUMNS = 72  # below it the map lies above the prompt, not beside the transcript


class ChatScreen(Screen[None]):
    """Conversations · transcript and prompt · routing map, over a status line."""

    BINDINGS = [*bindings()]  # noqa: RUF012 - the toolkit's own form

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
        self._show_reasoning = show_reasoning
        self._clock = clock
        self._live = LiveReplies()
        self._watched: LiveReply | None = None  # whose figures the status line shows
        self._usage_of: dict[str, LiveReply] = {}  # conversation -> its last finished reply
        self._order = asyncio.Lock()  # one change of the history at a time, in the order asked for
        self._list_wanted: bool | None = None  # None: as the width says
        self._map_wanted: bool | None = None
        self._told_failure = False

    def compose(self) -> ComposeResult:
        """The parts."""
        with Horizontal(id="main"):
            yield ConversationList()
            with Vertical(id="talk"):
                yield Welcome(self.session.model_name)
                yield Transcript(self._live.by_node, unfolded=self._show_reasoning)
                yield Notice()
                yield Prompt()
            yield RoutingMap()
        yield StatusLine()

    @property
    def writing(self) -> bool:
        """Whether an answer is being written or waits to be, in any conversation."""
        return self._live.first is not None

    def on_mount(self) -> None:
        """Take text at once; the model loads after the first frame."""
        self.query_one(Prompt).focus()
        self._lay_out()
        self._show_status()
        self.set_interval(POLL_S, self._poll)
        self._open(self.conversation_id)
        self.call_after_refresh(self._load)
        if self.session.store.notice:
            notice = visible(self.session.store.notice)
            self.notify(notice, title="History", severity="warning", timeout=20, markup=False)

    def _load(self) -> None:
        """Load the model once the first frame is out: importing torch takes seconds, and holds up whatever runs beside it."""
        self.set_timer(POLL_S, self.session.start)

    def on_resize(self) -> None:
        """The width decides what has room."""
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.app.size.width
        lists = self.query_one(ConversationList)
        lists.display = width >= LIST_FROM_COLUMNS if self._list_wanted is None else self._list_wanted
        routing = self.query_one(RoutingMap)
        routing.display = width >= MAP_FROM_COLUMNS if self._map_wanted is None else self._map_wanted
        self.set_class(width < NARROW_COLUMNS, "-narrow")
        self.set_class(width >= 160, "-wide")

    # What the session tells ----------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        for reply, progress in self._live.poll():
            self._note_progress(reply, progress)
        for widget in self.query_one(Transcript).following:
            assert widget.live is not None
            widget.follow()
            if widget.live.finished is not None:
                await widget.finish()
            else:
                widget.wait_for(self._waiting_for(widget.live))
        self._show_status()
        if self.session.state == "failed" and self.session.error and not self._told_failure:
            self._told_failure = True
            self.query_one(Notice).show(error_text(self.session.error))

    def _note_progress(self, reply: LiveReply, progress: Progress) -> None:
        if progress.routed:
            self._watched = reply
            routing = self.query_one(RoutingMap)
            for routed in progress.routed:
                routing.add(routed.experts, routed.weights)
        if progress.finished is not None:
            self._watched = reply
            self._usage_of[reply.turn.conversation_id] = reply
            self._refresh_titles()

    def _waiting_for(self, reply: LiveReply) -> str:
        if reply.stopping:
            return "Stopping …"
        if reply.started:
            return ""
        if self.session.state == "loading":
            return "Waits for the model …"
        if reply is not self._live.first:
            return "Waits its turn …"
        prefill = reply.prefill
        if prefill is not None and prefill.done < prefill.total:
            return f"Reading the prompt · {prefill.done:,} of {prefill.total:,} tokens"
        return "…"

    def _show_status(self) -> None:
        session = self.session
        first = self._live.first
        watched = first if first is not None and first.started else self._watched
        shown = watched if watched and watched.turn.conversation_id == self.conversation_id else None
        if shown is None and self.conversation_id is not None:
            shown = self._usage_of.get(self.conversation_id)
        status = Status(
            model=visible(session.model_name),
            backend=session.backend,
            effort=self.options.effort,
            loading=session.progress if session.state == "loading" else None,
            failed=session.state == "failed",
            context_limit=session.context_limit,
            waiting=max(0, len(self._live.of(self.conversation_id)) - 1),
        )
        if shown is not None:
            usage = shown.finished.usage if shown.finished else None
            if usage is not None:
                context, reused, prefilled = usage.context_tokens, usage.reused_tokens, usage.prefilled_tokens
            elif shown.prefill is not None:
                context = shown.prefill.total + shown.tokens
                reused, prefilled = shown.prefill.reused, shown.prefill.done - shown.prefill.reused
            else:
                context, reused, prefilled = 0, None, None
            status = dataclasses.replace(
                status, context_tokens=context, reused=reused, prefilled=prefilled, tokens_per_s=shown.tokens_per_s
            )
        self.query_one(StatusLine).status = status

    # What the history holds ----------------------------------------------------------------------------------------

    @work(group="history")
    async def _open(self, conversation_id: str | None) -> None:
        async with self._order:
            self.conversation_id = conversation_id
            await self._reload()

    @work(group="titles", exclusive=True)
    async def _refresh_titles(self) -> None:
        await self._reload_titles()

    async def _reload(self) -> None:
        """Show the open conversation as the history has it. The caller holds the order."""
        entries: list[Entry] = []
        if self.conversation_id is not None:
            entries = await asyncio.to_thread(read_entries, self.session.store, self.conversation_id)
            if any(entry.status == "streaming" and not self._live.by_node(entry.node_id) for entry in entries):
                # Finished while it was read: the history has the end by now. Or another window writes it.
                entries = await asyncio.to_thread(read_entries, self.session.store, self.conversation_id)
            entries = [self._as_live(entry) for entry in entries]
        self.query_one(Welcome).display = not entries
        self.query_one(Transcript).display = bool(entries)
        await self.query_one(Transcript).show(entries)
        self.query_one(Prompt).remember([entry.text for entry in entries if entry.role == "user"])
        await self._reload_titles()

    async def _reload_titles(self) -> None:
        titles = await asyncio.to_thread(read_titles, self.session.store)
        self.query_one(ConversationList).show(titles, self.conversation_id, self._live.conversation_ids)

    def _as_live(self, entry: Entry) -> Entry:
        """A reply that is being written is further than its row; one written here has a time, and maybe an error."""
        live = self._live.by_node(entry.node_id)
        if live is None:
            past = self._live.past(entry.node_id)
            error = past.finished.error if past is not None and past.finished is not None else None
            return dataclasses.replace(
                entry,
                reasoning_s=past.reasoning_s if past is not None else None,
                error=error_text(error) if error is not None else "",
            )
        return dataclasses.replace(
            entry, text=live.answer, reasoning=live.reasoning, reasoning_s=live.reasoning_s, status="streaming"
        )

    @work(group="history")
    async def _begin(self, begin: Callable[[], Turn], *, goes_on: Entry | None = None) -> None:
        """Run a call that begins a turn, in a thread, and show the turn."""
        async with self._order:
            try:
                turn = await asyncio.to_thread(begin)
            except GptossChatError as error:
                self.query_one(Notice).show(error_text(error))
                return
            live = LiveReply(turn, self._clock)
            if goes_on is not None:
                live.answer, live.reasoning = goes_on.text, goes_on.reasoning
            self._live.add(live)
            self.conversation_id = turn.conversation_id
            await self._reload()

    # What the person does ------------------------------------------------------------------------------------------

    def on_prompt_sent(self, event: Prompt.Sent) -> None:
        """Enter: ask. The session queues it behind what is being written."""
        self.query_one(Notice).hide()
        self.query_one(Transcript).anchor()
        self._begin(lambda: self.session.ask(self.conversation_id, event.text, self.options))

    def on_prompt_scroll_wanted(self, event: Prompt.ScrollWanted) -> None:
        """Page keys."""
        transcript = self.query_one(Transcript)
        (transcript.scroll_page_up if event.pages < 0 else transcript.scroll_page_down)(animate=False)

    def on_conversation_list_opened(self, event: ConversationList.Opened) -> None:
        """Open it, and go on typing."""
        if self.app.size.width < LIST_FROM_COLUMNS:
            self._list_wanted = None
            self._lay_out()
        self._open(event.conversation_id)
        self.query_one(Prompt).focus()

    def on_version_wanted(self, event: VersionWanted) -> None:
        """An arrow was clicked."""
        self._switch(event.node_id, event.step)

    def action_stop(self) -> None:
        """Stop the oldest answer of this conversation that still runs."""
        self.query_one(Notice).hide()
        running = next((reply for reply in self._live.of(self.conversation_id) if not reply.stopping), None)
        if running is not None:
            running.stopping = True
            running.turn.cancel()
        self.query_one(Prompt).focus()

    def action_regenerate(self) -> None:
        """A sibling of the last answer."""
        reply = self._settled_reply()
        if reply is not None:
            self._begin(lambda: self.session.regenerate(reply.node_id, self.options))

    def action_go_on(self) -> None:
        """Go on with a stopped answer."""
        reply = self._settled_reply()
        if reply is not None:
            self._begin(lambda: self.session.resume(reply.node_id, self.options), goes_on=reply)

    def _settled_reply(self) -> Entry | None:
        """The last reply, unless something is being written here."""
        if self._live.of(self.conversation_id):
            self.query_one(Notice).show("An answer is being written. Esc stops it.")
            return None
        last = self.query_one(Transcript).last_reply
        if last is None:
            self.query_one(Notice).show("There is no answer yet.")
        return last.entry if last is not None else None

    def action_older_sibling(self) -> None:
        """Back one version."""
        self._switch_last(-1)

    def action_newer_sibling(self) -> None:
        """On one version."""
        self._switch_last(1)

    def _switch_last(self, step: int) -> None:
        entry = next((entry for entry in reversed(self.query_one(Transcript).entries) if entry.versions > 1), None)
        if entry is not None:
            self._switch(entry.node_id, step)

    @work(group="history")
    async def _switch(self, node_id: str, step: int) -> None:
        if self._live.of(self.conversation_id):
            self.query_one(Notice).show("An answer is being written. Esc stops it.")
            return
        async with self._order:
            if await asyncio.to_thread(switch_version, self.session.store, node_id, step):
                await self._reload()

    def action_toggle_reasoning(self) -> None:
        """Fold or unfold all reasoning."""
        transcript = self.query_one(Transcript)
        transcript.fold(unfolded=not transcript.unfolded)

    def action_toggle_routing(self) -> None:
        """The map on or off."""
        self._map_wanted = not self.query_one(RoutingMap).display
        self._lay_out()

    def action_toggle_conversations(self) -> None:
        """The list on or off; when it comes, it takes the keys."""
        self._list_wanted = not self.query_one(ConversationList).display
        self._lay_out()
        (self.query_one(OptionList) if self._list_wanted else self.query_one(Prompt)).focus()

    def action_new_conversation(self) -> None:
        """An empty transcript; it exists once something is asked."""
        self._open(None)
        self.query_one(Prompt).focus()

    def action_to_bottom(self) -> None:
        """The newest line, and stay there."""
        self.query_one(Transcript).anchor()

    def action_effort(self, effort: Effort) -> None:
        """How long the model thinks from the next prompt on."""
        self.options = dataclasses.replace(self.options, effort=effort)
        self._show_status()
