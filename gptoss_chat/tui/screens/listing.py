"""What a person does with conversations: open, search, rename, pin, delete and bring back; it knows no messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textual import work

from gptoss_chat.errors import GptossChatError
from gptoss_chat.tui.key_map import key_of
from gptoss_chat.tui.plain import error_text, visible
from gptoss_chat.tui.reading import TITLES_SHOWN, Title
from gptoss_chat.tui.screens.messages import MessagesScreen
from gptoss_chat.tui.screens.panes import LIST_FROM_COLUMNS
from gptoss_chat.tui.widgets.conversations import ConversationList
from gptoss_chat.tui.widgets.pane import Pane


@dataclass(frozen=True, slots=True)
class Deleted:
    """A conversation that can be brought back, and the panes that showed it, each with its branch."""

    title: Title
    panes: tuple[tuple[Pane, str | None], ...]


class ListingScreen(MessagesScreen):
    """The conversation list at work. Every look into the history is in a thread."""

    _deleted: tuple[Deleted, ...] = ()  # newest last

    def action_toggle_conversations(self) -> None:
        """The list takes the keys; pressed again there, it goes."""
        lists = self.lists
        if lists.display and not lists.has_focus_within:
            lists.focus_search()
            return
        self.list_wanted = not lists.display
        self.lay_out()
        if self.list_wanted:
            lists.focus_search()
        else:
            self.prompt.focus()

    def action_new_conversation(self) -> None:
        """An empty transcript; it exists once something is asked."""
        self.prompt.leave_edit()
        self.open_conversation(None)
        self.prompt.focus()

    def leave_list(self) -> None:
        """The prompt takes the keys; a list that has no room goes."""
        self.lists.clear_search()
        if self.app.size.width < LIST_FROM_COLUMNS:
            self.list_wanted = None
            self.lay_out()
        self.prompt.focus()

    def on_conversation_list_opened(self, event: ConversationList.Opened) -> None:
        """Open it, and go on typing."""
        self.prompt.leave_edit()
        self.open_conversation(event.conversation_id)
        self.leave_list()

    def on_conversation_list_searched(self, event: ConversationList.Searched) -> None:
        """Search as you type."""
        self.titles_shown = TITLES_SHOWN
        self.refresh_titles()

    def on_conversation_list_more_wanted(self) -> None:
        """The end of the list: read on, if there is more."""
        if self.lists.count >= self.titles_shown:
            self.titles_shown += TITLES_SHOWN
            self.refresh_titles()

    def on_conversation_list_wanted(self, event: ConversationList.Wanted) -> None:
        """A key of the list."""
        title = event.title
        if event.what == "undo":
            self.action_undelete()
        elif title is not None and event.what == "rename":
            self._ask_title(title)
        elif title is not None and event.what == "pin":
            self._change(self.session.store.pin, title.conversation_id, not title.pinned)
        elif title is not None and event.what == "delete":
            self._delete(title)

    @work(group="history")
    async def action_rename_conversation(self) -> None:
        """Ask for another title of the open conversation."""
        if (title := await self._current()) is not None:
            self._ask_title(title)

    @work(group="history")
    async def action_pin_conversation(self) -> None:
        """Keep the open conversation at the top of the list, or no more."""
        if (title := await self._current()) is not None:
            self._change(self.session.store.pin, title.conversation_id, not title.pinned)

    async def _current(self) -> Title | None:
        """The open conversation; None, and a sentence, where there is none."""
        if self.conversation_id is None:
            self.notice.show("This conversation has no message yet.")
            return None
        found = await self.told(self.session.store.conversation, self.conversation_id)
        return None if found is None else Title(found.id, found.title, pinned=self.lists.is_pinned(found.id))

    @work(group="ask")
    async def _ask_title(self, title: Title) -> None:
        from gptoss_chat.tui.screens.line import LineScreen

        text = await self.app.push_screen_wait(LineScreen("Title of the conversation", title.text))
        if text:
            self._change(self.session.store.rename, title.conversation_id, text)

    @work(group="history")
    async def rename_current(self, text: str) -> None:
        """Another title for the open conversation."""
        if self.conversation_id is None:
            self.notice.show("This conversation has no message yet.")
        else:
            self._change(self.session.store.rename, self.conversation_id, text)

    @work(group="history")
    async def action_delete_conversation(self) -> None:
        """Delete the open conversation."""
        if (title := await self._current()) is not None:
            self._delete(title)

    @work(group="history")
    async def _delete(self, title: Title) -> None:
        async with self.order:
            if not await self.done(self.session.store.delete, title.conversation_id):
                return
            for reply in self.live.of(title.conversation_id):  # nobody reads on
                reply.stopping = True
                reply.turn.cancel()
            gone = [pane for pane in self.panes if pane.conversation_id == title.conversation_id]
            self._deleted = (*self._deleted, Deleted(title, tuple((pane, pane.leaf_id) for pane in gone)))
            for pane in gone:
                pane.conversation_id = pane.leaf_id = None
            for pane in gone or [self.pane]:
                await self.reload(pane)
        key = key_of(self.app, "list_wants('undo')")
        in_list = f", or {key} in the list," if key else ""
        self.notice.show(f"Deleted “{visible(title.text)}”. /undo{in_list} brings it back.")

    @work(group="history")
    async def action_undelete(self) -> None:
        """Bring back what was deleted last, and show it."""
        if not self._deleted:
            self.notice.show("Nothing was deleted since the start.")
            return
        async with self.order:
            if not self._deleted:  # brought back by a press before this one
                return
            deleted = self._deleted[-1]
            conversation_id = deleted.title.conversation_id
            if not await self.done(self.session.store.undelete, conversation_id):
                return
            self._deleted = self._deleted[:-1]
            empty = [pane for pane in self.panes if pane.conversation_id is None]
            back = [(pane, leaf_id) for pane, leaf_id in deleted.panes if pane in empty] or [(self.pane, None)]
            for pane, leaf_id in back:
                pane.conversation_id, pane.leaf_id = conversation_id, leaf_id
                pane.notice.hide()
            if self.conversation_id != conversation_id:  # it is shown where it was
                self.activate(back[0][0])
                if not self.lists.has_focus_within:
                    self.prompt.focus()
            await self.reload(back[0][0])

    @work(group="history")
    async def _change(self, change: Callable[..., None], *values: object) -> None:
        async with self.order:
            if await self.done(change, *values):
                await self.reload(self.pane)  # a title stands in the headings too

    async def make_current(self, pane: Pane) -> None:
        """Make the branch that a pane shows the conversation's current one, for whoever reads that from the history."""
        if pane.conversation_id is not None and pane.leaf_id is not None:
            async with self.order:
                await self.done(self.session.store.set_leaf, pane.conversation_id, pane.leaf_id)

    async def done(self, change: Callable[..., None], *values: object) -> bool:
        """Make a change to the history in a thread; False, and a sentence, when it fails."""
        try:
            await asyncio.to_thread(change, *values)
        except GptossChatError as error:
            self.notice.show(error_text(error))
            return False
        return True

    async def told(self, call: Callable[..., Any], *values: object) -> Any:
        """The value of a call that looks into the history, made in a thread; None, and a sentence, when it fails."""
        try:
            return await asyncio.to_thread(call, *values)
        except GptossChatError as error:
            self.notice.show(error_text(error))
            return None
