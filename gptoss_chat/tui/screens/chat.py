"""The chat screen: what a person does, handed to the session, the history and the widgets."""

from __future__ import annotations

import asyncio
import dataclasses

from textual import work
from textual.widgets import OptionList

from gptoss_chat.chat.turn import Effort
from gptoss_chat.tui.keys import bindings
from gptoss_chat.tui.reading import Entry, switch_version
from gptoss_chat.tui.screens.talk import LIST_FROM_COLUMNS, TalkScreen
from gptoss_chat.tui.widgets.conversations import ConversationList
from gptoss_chat.tui.widgets.heading import VersionWanted
from gptoss_chat.tui.widgets.prompt import Prompt


class ChatScreen(TalkScreen):
    """The screen with its keys."""

    BINDINGS = [*bindings()]  # noqa: RUF012 - the toolkit's own form

    def on_prompt_sent(self, event: Prompt.Sent) -> None:
        """Enter: ask. The session queues it behind what is being written."""
        self.notice.hide()
        self.transcript.anchor()
        self.begin(lambda: self.session.ask(self.conversation_id, event.text, self.options))

    def on_prompt_scroll_wanted(self, event: Prompt.ScrollWanted) -> None:
        """Page keys."""
        transcript = self.transcript
        (transcript.scroll_page_up if event.pages < 0 else transcript.scroll_page_down)(animate=False)

    def on_conversation_list_opened(self, event: ConversationList.Opened) -> None:
        """Open it, and go on typing."""
        if self.app.size.width < LIST_FROM_COLUMNS:
            self.list_wanted = None
            self.lay_out()
        self.open_conversation(event.conversation_id)
        self.prompt.focus()

    def on_version_wanted(self, event: VersionWanted) -> None:
        """An arrow was clicked."""
        self._switch(event.node_id, event.step)

    def action_stop(self) -> None:
        """Stop the oldest answer of this conversation that still runs."""
        self.notice.hide()
        running = next((reply for reply in self.live.of(self.conversation_id) if not reply.stopping), None)
        if running is not None:
            running.stopping = True
            running.turn.cancel()
        self.prompt.focus()

    def action_regenerate(self) -> None:
        """A sibling of the last answer."""
        reply = self._settled_reply()
        if reply is not None:
            self.begin(lambda: self.session.regenerate(reply.node_id, self.options))

    def action_go_on(self) -> None:
        """Go on with a stopped answer."""
        reply = self._settled_reply()
        if reply is not None:
            self.begin(lambda: self.session.resume(reply.node_id, self.options), goes_on=reply)

    def _settled_reply(self) -> Entry | None:
        """The last reply, unless something is being written here."""
        if self.live.of(self.conversation_id):
            self.notice.show("An answer is being written. Esc stops it.")
            return None
        last = self.transcript.last_reply
        if last is None:
            self.notice.show("There is no answer yet.")
        return last.entry if last is not None else None

    def action_older_sibling(self) -> None:
        """Back one version."""
        self._switch_last(-1)

    def action_newer_sibling(self) -> None:
        """On one version."""
        self._switch_last(1)

    def _switch_last(self, step: int) -> None:
        entry = next((entry for entry in reversed(self.transcript.entries) if entry.versions > 1), None)
        if entry is not None:
            self._switch(entry.node_id, step)

    @work(group="history")
    async def _switch(self, node_id: str, step: int) -> None:
        if self.live.of(self.conversation_id):
            self.notice.show("An answer is being written. Esc stops it.")
            return
        async with self.order:
            if await asyncio.to_thread(switch_version, self.session.store, node_id, step):
                await self.reload()

    def action_toggle_reasoning(self) -> None:
        """Fold or unfold all reasoning."""
        transcript = self.transcript
        transcript.fold(unfolded=not transcript.unfolded)

    def action_toggle_routing(self) -> None:
        """The map on or off."""
        self.map_wanted = not self.query("#routing, #routing-room").first().display
        self.lay_out()

    def action_open_routing(self) -> None:
        """The stored routing of what is shown."""
        last = self.transcript.last_reply
        if self.conversation_id is None or last is None:
            self.notice.show("There is no answer yet.")
            return
        # The first frame does not wait for NumPy.
        from gptoss_chat.tui.screens.routing import Steered
        from gptoss_chat.tui.screens.routing_source import answer_again, routing_screen

        def back(steered: Steered | None) -> None:
            if steered is not None:
                self.begin(lambda: answer_again(self.session, steered, self.options))

        self.app.push_screen(routing_screen(self.session, self.conversation_id, at_turn=last.entry.node_id), back)

    def action_full_map(self) -> None:
        """The map on the whole screen; any of its keys goes back."""
        if self._map is not None:
            self.map_wanted = True
            self.lay_out()
            self._map.action_full_size()

    def action_toggle_conversations(self) -> None:
        """The list on or off; when it comes, it takes the keys."""
        self.list_wanted = not self.query_one(ConversationList).display
        self.lay_out()
        (self.query_one(OptionList) if self.list_wanted else self.prompt).focus()

    def action_new_conversation(self) -> None:
        """An empty transcript; it exists once something is asked."""
        self.open_conversation(None)
        self.prompt.focus()

    def action_to_bottom(self) -> None:
        """The newest line, and stay there."""
        self.transcript.anchor()

    def action_effort(self, effort: Effort) -> None:
        """How long the model thinks from the next prompt on."""
        self.options = dataclasses.replace(self.options, effort=effort)
