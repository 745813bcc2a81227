"""Export and import at work in the chat: nothing is overwritten without a question; it knows no formats."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work

from gptoss_chat.errors import GptossChatError
from gptoss_chat.tui.plain import error_text, visible
from gptoss_chat.tui.reading import leads_to_leaf
from gptoss_chat.tui.screens.tuning import TuningScreen
from gptoss_chat.tui.widgets.pane import Pane

if TYPE_CHECKING:  # the first frame does not wait for the formats
    from gptoss_chat.history import Store
    from gptoss_chat.history.importing import Tally

KEEP, REPLACE = "Keep it", "Replace it"


class TransferScreen(TuningScreen):
    """Each action asks for a path; each command may name one."""

    _stop_import: threading.Event | None = None  # while one is under way

    def action_export(self) -> None:
        """The open conversation to a file."""
        self.export_conversation("")

    def action_export_message(self) -> None:
        """The picked message, else the last answer, to a file."""
        self.export_message("")

    def action_import(self) -> None:
        """The conversations of a file."""
        self.import_conversations("")

    @work(group="transfer")
    async def export_conversation(self, typed: str) -> None:
        """Write the conversation to the path that was typed; with none, ask for one."""
        pane, conversation_id = self.pane, self.pane.conversation_id
        if conversation_id is None:
            pane.notice.show("This conversation has no message yet.")
            return
        from gptoss_chat.tui import exporting

        name = exporting.suggested_name(pane.title)
        path = await self._path(pane, "Export the conversation to (.md, .json, .jsonl)", typed, name)
        if path is not None:
            await self.make_current(pane)  # Markdown holds the branch that is shown
            await self._export(pane, path, exporting.conversation_text, conversation_id)

    @work(group="transfer")
    async def export_message(self, typed: str) -> None:
        """Write a message to the path that was typed; with none, ask for one."""
        pane = self.pane
        entry = pane.transcript.picked or self._entry("assistant")
        if entry is None:
            pane.notice.show("There is no answer yet.")
            return
        from gptoss_chat.tui import exporting

        path = await self._path(pane, "Export the message to (.md, .json, .jsonl)", typed, "message.md")
        if path is not None:
            await self._export(pane, path, exporting.message_text, entry.node_id)

    async def _path(self, pane: Pane, question: str, typed: str, name: str) -> Path | None:
        from gptoss_chat.tui.exporting import path_of
        from gptoss_chat.tui.screens.line import PathScreen

        asked: str | None = typed
        if not typed:
            asked = await self.app.push_screen_wait(PathScreen(question, name))
        if not asked:
            return None
        try:
            return await asyncio.to_thread(path_of, asked, name)
        except GptossChatError as error:
            pane.notice.show(error_text(error))
            return None

    async def _export(self, pane: Pane, path: Path, text_of: Callable[[Store, str, Path], str], id_: str) -> None:
        from gptoss_chat.tui.exporting import write_text
        from gptoss_chat.tui.screens.setting import ChoiceScreen

        try:
            text = await asyncio.to_thread(text_of, self.session.store, id_, path)
            if not await asyncio.to_thread(write_text, path, text, replace=False):
                question = visible(f"{path} is there already.")
                answer = await self.app.push_screen_wait(ChoiceScreen(question, (KEEP, REPLACE), KEEP, lambda _: None))
                if answer != REPLACE:
                    pane.notice.show(visible(f"{path} is as it was."))
                    return
                await asyncio.to_thread(write_text, path, text, replace=True)
        except GptossChatError as error:
            pane.notice.show(error_text(error))
            return
        pane.notice.show(visible(f"Written to {path.absolute()}"))

    @work(group="transfer")
    async def import_conversations(self, typed: str) -> None:
        """Take in the file at the path that was typed; with none, ask for one."""
        pane = self.pane
        from gptoss_chat.tui.screens.line import PathScreen

        asked: str | None = typed
        if not typed:
            asked = await self.app.push_screen_wait(PathScreen("Import conversations from", ""))
        if not asked:
            return
        if self._stop_import is not None:
            pane.notice.show("A file is being imported already.")
            return
        self._stop_import = stop = threading.Event()
        pane.notice.show(visible(f"Importing {asked} …"))
        try:
            tally = await asyncio.to_thread(self._take_in, asked, stop.is_set)
        except GptossChatError as error:
            pane.notice.show(error_text(error))
        else:
            pane.notice.show(tally.sentence())
        finally:
            stop.set()  # whoever leaves does not wait for a long file
            self._stop_import = None
        async with self.order:
            for shown in list(self.panes):  # one of them may have grown
                if await self.told(leads_to_leaf, self.session.store, shown.conversation_id, shown.leaf_id):
                    shown.leaf_id = None
                await self.reload(shown)

    def _take_in(self, typed: str, stopped: Callable[[], bool]) -> Tally:
        from gptoss_chat.tui import exporting

        path = exporting.path_of(typed, "conversations.json")
        return exporting.import_from(self.session.store, path, stopped)
