"""From the prompt to a turn: sending, attachments, completions, counts, the editor, earlier prompts; it runs no commands."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.app import SuspendNotSupported
from textual.widgets import TextArea

from gptoss_chat.errors import GptossChatError
from gptoss_chat.tui.models import ModelShelf
from gptoss_chat.tui.plain import error_text
from gptoss_chat.tui.screens.splitting import SplittingScreen
from gptoss_chat.tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from gptoss_chat.tui.commands import Asked
    from gptoss_chat.tui.completion import Candidate

COUNT_AFTER_S = 0.12  # of quiet: counting every key of a long prompt would be in the way of the typist


@dataclass(frozen=True, slots=True)
class Size:
    """What a prompt takes, in tokens; None where the model is not loaded yet."""

    text_tokens: int | None
    files: tuple[tuple[str, int | None], ...]

    def line(self, left: int | None) -> str:
        """For the border of the prompt; `left` is what is left of the context."""
        if self.text_tokens is None:
            return " · ".join(f"@{name}" for name, _ in self.files)
        words = f"{self.text_tokens:,} token{'' if self.text_tokens == 1 else 's'}"
        words += "".join(f" + {tokens:,} in {name}" for name, tokens in self.files if tokens is not None)
        total = self.text_tokens + sum(tokens or 0 for _, tokens in self.files)
        if left is not None:
            words += f" · {left - total:,} left" if total <= left else f" · {total - left:,} too many"
        return words


class AskingScreen(SplittingScreen):
    """The prompt at work."""

    shelf: ModelShelf

    def run_command(self, asked: Asked) -> None:
        """Carry out a slash command."""
        raise NotImplementedError

    def preset_names(self) -> Sequence[str]:
        """What /preset can be given. May read files: call it from a thread."""
        raise NotImplementedError

    def on_prompt_sent(self, event: Prompt.Sent) -> None:
        """Enter: run a command, or ask. The session queues what is asked behind what is being written."""
        from gptoss_chat.tui.commands import command_in

        self.notice.hide()
        asked = command_in(event.text)
        if asked is not None and event.edited is None:
            self.run_command(asked)
        else:
            self._ask(event.text, event.edited)

    @work(group="asking")
    async def _ask(self, text: str, edited: str | None) -> None:
        from gptoss_chat.tui.attachments import with_attachments
        from gptoss_chat.tui.commands import as_prompt

        pane, panes = self.pane, list(self.panes) if self.comparing and edited is None else [self.pane]
        try:
            whole = await asyncio.to_thread(with_attachments, as_prompt(text))
        except GptossChatError as error:
            pane.notice.show(error_text(error))
            pane.prompt.put(text)
            return
        for asked in panes:
            asked.transcript.unpick()
            asked.transcript.anchor()
        if edited is not None:
            self.begin(lambda: self.session.edit(edited, whole, pane.options), pane=pane)
        else:
            self.ask_in(panes, whole)

    def on_prompt_scroll_wanted(self, event: Prompt.ScrollWanted) -> None:
        """Page keys."""
        transcript = self.transcript
        if event.pages < 0:
            transcript.scroll_page_up(animate=False)
        elif transcript.at_bottom:
            transcript.anchor()  # a scroll that moves nothing would end the following of the answer, for the toolkit
        else:
            transcript.scroll_page_down(animate=False)

    # While typing --------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="typing")
    async def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Offer completions, and say how long the prompt is."""
        from gptoss_chat.tui.commands import command_in

        pane = next((pane for pane in self.panes if pane.prompt is event.text_area), self.pane)
        prompt = pane.prompt
        text, before = prompt.text, prompt.text_before_cursor()
        self.typed_s = time.perf_counter() if text else 0.0  # who has sent it waits for the answer
        if not text:
            pane.menu.close()
            prompt.border_subtitle = ""
            return
        pane.menu.show(await asyncio.to_thread(self._candidates, before))
        if not prompt.editing and command_in(text) is not None:  # nothing of it goes to the model
            prompt.border_subtitle = ""
            return
        await asyncio.sleep(COUNT_AFTER_S)
        size = await asyncio.to_thread(self._measure, text)
        prompt.border_subtitle = size.line(self.context_left)
        if size.text_tokens is None:  # who types while the model loads is told once it is there
            while self.session.loaded is None and self.session.state != "failed":
                await asyncio.sleep(COUNT_AFTER_S)
            size = await asyncio.to_thread(self._measure, text)
            prompt.border_subtitle = size.line(self.context_left)

    def _candidates(self, before: str) -> list[Candidate]:
        from gptoss_chat.tui.completion import candidates

        return candidates(before, self.shelf.names, self.preset_names)

    def _measure(self, text: str) -> Size:
        from gptoss_chat.tui.attachments import attachments_of

        count = self.session.count_tokens
        try:
            files = tuple((file.name, count(file.text)) for file in attachments_of(text))
        except GptossChatError:  # told when it is sent: the mention may be half typed
            files = ()
        return Size(count(text), files)

    # Earlier prompts and the editor --------------------------------------------------------------------------------

    @work(group="ask")
    async def action_recall(self) -> None:
        """Search all earlier prompts."""
        from gptoss_chat.tui.screens.line import RecallScreen

        def find(query: str) -> list[str]:
            with contextlib.suppress(GptossChatError):  # a history that can't be read has been told of already
                return self.session.store.prompts(query, 100)
            return []

        text = await self.app.push_screen_wait(RecallScreen("Earlier prompts", find))
        if text is not None:
            self.prompt.put(text)
        self.prompt.focus()

    def action_editor(self) -> None:
        """Write the prompt in the editor that VISUAL or EDITOR names."""
        command = os.environ.get("VISUAL") or os.environ.get("EDITOR")
        if not command:
            self.notice.show("No editor is set. Set EDITOR, for instance to nano or vim.")
            return
        folder = Path(tempfile.mkdtemp(prefix="gptoss-chat-"))  # readable by nobody else
        file = folder / "prompt.md"
        try:
            file.write_text(self.prompt.text, encoding="utf-8")
            with self.app.suspend():
                subprocess.run([*shlex.split(command), str(file)], check=True)
            self.prompt.put(file.read_text(encoding="utf-8").rstrip("\n"))
            self.notice.hide()
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            self.notice.show(f"The editor {command!r} failed: {error}. The prompt is as it was.")
        except SuspendNotSupported:
            self.notice.show("This terminal can't be handed to an editor.")
        finally:
            file.unlink(missing_ok=True)
            folder.rmdir()
