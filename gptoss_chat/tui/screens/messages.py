"""What a person does with the messages of a conversation: pick, edit, copy, regenerate, switch; it knows no prompts' syntax."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import work

from gptoss_chat.errors import GptossChatError
from gptoss_chat.tui.fences import code_blocks
from gptoss_chat.tui.key_map import key_of
from gptoss_chat.tui.reading import Entry, switch_version, take_back
from gptoss_chat.tui.screens.talk import TalkScreen

if TYPE_CHECKING:
    from gptoss_chat.tui.widgets.heading import CopyWanted, EditWanted, VersionWanted
from gptoss_chat.tui.plain import error_text


class MessagesScreen(TalkScreen):
    """The keys of a message mean the one picked, else the newest that they fit."""

    _code_copied: tuple[str, int] = ("", 0)  # message and how many of its code blocks were copied one after the other

    @work(group="pick")
    async def action_pick(self, step: int) -> None:
        """The message above or below the one picked."""
        await self.transcript.pick(step)

    def _entry(self, role: str) -> Entry | None:
        """The picked message; the prompt of a picked answer, and the answer of a picked prompt."""
        entries = self.transcript.entries
        picked = self.transcript.picked
        if picked is None:
            return next((entry for entry in reversed(entries) if entry.role == role), None)
        at = [entry.node_id for entry in entries].index(picked.node_id)
        near = entries[max(0, at - 1) : at + 1] if role == "user" else entries[at : at + 2]
        return next((entry for entry in reversed(near) if entry.role == role), None)

    # Editing and regenerating --------------------------------------------------------------------------------------

    def action_edit(self) -> None:
        """Bring the picked prompt, else the last one, back to be asked in other words."""
        entry = self._entry("user")
        if entry is None:
            self.notice.show("There is no prompt yet.")
            return
        self.prompt.take_up(entry.node_id, entry.text)
        self.prompt.focus()

    @work(group="pick")
    async def on_edit_wanted(self, event: EditWanted) -> None:
        """`edit` was clicked."""
        await self.transcript.pick_node(event.node_id)
        self.action_edit()

    def action_regenerate(self) -> None:
        """A sibling of the picked answer, else of the last."""
        reply = self._settled_reply()
        if reply is not None:
            pane = self.pane
            pane.transcript.anchor()
            self.begin(lambda: self.session.regenerate(reply.node_id, pane.options), pane=pane)

    def action_go_on(self) -> None:
        """Go on with a stopped answer."""
        reply = self._settled_reply()
        if reply is not None:
            pane = self.pane
            self.begin(lambda: self.session.resume(reply.node_id, pane.options), pane=pane, goes_on=reply)

    def _settled_reply(self) -> Entry | None:
        """The picked reply or the last, unless something is being written here."""
        if self.replies_of(self.pane):
            self.notice.show(f"An answer is being written. {key_of(self.app, 'stop')} stops it.")
            return None
        entry = self._entry("assistant")
        if entry is None:
            self.notice.show("There is no answer yet.")
        return entry

    @work(group="history")
    async def action_take_back(self) -> None:
        """Take the newest waiting prompt out of the queue and back into the prompt."""
        pane = self.pane
        async with self.order:
            waiting = [reply for reply in self.replies_of(pane) if not (reply.stopping or reply.begun)]
            reply = waiting[-1] if waiting else None
            if reply is None:
                pane.notice.show(f"No prompt waits. {key_of(self.app, 'stop')} stops an answer.")
                return
            reply.stopping = True
            reply.turn.cancel()
            try:
                text = await asyncio.to_thread(take_back, self.session.store, reply.turn.user_node_id)
            except GptossChatError as error:
                pane.notice.show(error_text(error))
                return
            pane.leaf_id = None
            await self.reload(pane)
            pane.prompt.put(text)

    # Versions ------------------------------------------------------------------------------------------------------

    def on_version_wanted(self, event: VersionWanted) -> None:
        """An arrow was clicked."""
        self._switch(event.node_id, event.step)

    def action_older_sibling(self) -> None:
        """Back one version."""
        self._switch_near(-1)

    def action_newer_sibling(self) -> None:
        """On one version."""
        self._switch_near(1)

    def _switch_near(self, step: int) -> None:
        """Of the picked message if it has versions, else of the fork next above it, else of the last fork."""
        entries = self.transcript.entries
        picked = self.transcript.picked
        if picked is not None:
            entries = entries[: [entry.node_id for entry in entries].index(picked.node_id) + 1]
        entry = next((entry for entry in reversed(entries) if entry.versions > 1), None)
        if entry is not None:
            self._switch(entry.node_id, step)

    @work(group="history")
    async def _switch(self, node_id: str, step: int) -> None:
        pane = self.pane
        entries = pane.transcript.entries
        at_end = bool(entries) and entries[-1].node_id == node_id and pane.transcript.picked is None
        async with self.order:
            try:
                shown = await asyncio.to_thread(switch_version, self.session.store, node_id, step)
            except GptossChatError as error:
                pane.notice.show(error_text(error))
                return
            if shown is not None:
                pane.leaf_id = None
                await self.reload(pane)
                if not at_end:  # the fork stays in view, whatever the length of what follows it
                    await pane.transcript.pick_node(shown)

    # Copying -------------------------------------------------------------------------------------------------------

    def on_copy_wanted(self, event: CopyWanted) -> None:
        """`copy` was clicked."""
        self._copy(next(entry for entry in self.transcript.entries if entry.node_id == event.node_id))

    def action_copy_message(self) -> None:
        """The picked message, else the last answer, as Markdown."""
        entry = self.transcript.picked or self._entry("assistant")
        if entry is None:
            self.notice.show("There is nothing to copy yet.")
        else:
            self._copy(entry)

    def _copy(self, entry: Entry) -> None:
        self.app.copy_to_clipboard(entry.text)
        self.notify("Message copied as Markdown", timeout=2)

    def action_copy_code(self) -> None:
        """A code block of the picked message, else of the last answer: the last one; pressed again, the one before."""
        entry = self.transcript.picked or self._entry("assistant")
        blocks = code_blocks(entry.text) if entry is not None else []
        if entry is None or not blocks:
            self.notice.show("There is no code in this message.")
            return
        before = self._code_copied[1] if self._code_copied[0] == entry.node_id else 0
        place = len(blocks) - 1 - before % len(blocks)
        self._code_copied = (entry.node_id, before + 1)
        self.app.copy_to_clipboard(blocks[place])
        self.notify(f"Code block {place + 1} of {len(blocks)} copied", timeout=2)
