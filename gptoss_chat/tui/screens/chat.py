"""The chat screen: its keys, its commands, and what they do to the view; it knows no history."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual import work
from textual.binding import Binding
from textual.screen import ModalScreen

from gptoss_chat.chat.turn import Effort
from gptoss_chat.errors import GptossChatError, UsageError
from gptoss_chat.model.route import parse_route
from gptoss_chat.tui.colours import THEMES
from gptoss_chat.tui.key_map import key_of
from gptoss_chat.tui.keys import bindings
from gptoss_chat.tui.models import ModelShelf, NoOtherModels
from gptoss_chat.tui.plain import error_text, visible
from gptoss_chat.tui.screens.transfer import TransferScreen
from gptoss_chat.tui.widgets.below import NewBelow
from gptoss_chat.tui.widgets.find import FindBar

if TYPE_CHECKING:
    from gptoss_chat.tui.commands import Asked

EFFORTS: tuple[Effort, ...] = ("low", "medium", "high")


class ChatScreen(TransferScreen):
    """The screen with its keys."""

    # A text field takes the question mark for itself, so that it can be typed.
    BINDINGS = [*bindings(), Binding("question_mark", "keys", show=False)]  # noqa: RUF012 - the toolkit's own form

    shelf: ModelShelf = NoOtherModels()

    def action_stop(self) -> None:
        """Leave what the keys are in; else stop the oldest answer of this conversation that still runs."""
        self.notice.hide()
        if self.prompt.editing:
            self.prompt.leave_edit()
        elif self.transcript.picked is not None:
            self.transcript.unpick()
        elif self.focused is not self.prompt:
            self.leave_list()
        else:
            running = next((reply for reply in self.replies_of(self.pane) if not reply.stopping), None)
            if running is not None:
                running.stopping = True
                running.turn.cancel()
        self.prompt.focus()

    # Finding -------------------------------------------------------------------------------------------------------

    def action_find(self) -> None:
        """Open the find bar."""
        self.find_bar.open()

    @work(exclusive=True, group="find")
    async def on_find_bar_asked(self, event: FindBar.Asked) -> None:
        """The next place."""
        place, count = await self.transcript.find(event.text, event.step, start_over=event.new)
        keys = [key_of(self.app, name).split(",")[0] for name in ("move(1)", "move(-1)", "close")]
        self.find_bar.say(f"{place} of {count} · {' '.join(keys)}" if count else "nowhere")

    def on_find_bar_closed(self) -> None:
        """Type again, where one reads."""
        self.transcript.unpick()
        self.transcript.end_find()
        self.prompt.focus()

    # Commands ------------------------------------------------------------------------------------------------------

    def run_command(self, asked: Asked) -> None:
        """Carry out a slash command."""
        if asked.command is None:
            self.notice.show(f"There is no command /{asked.word}. Type / to see them; //{asked.word} asks the model.")
            return
        without: dict[str, Callable[[], object]] = {
            "new": self.action_new_conversation,
            "copy": self.action_copy_message,
            "edit": self.action_edit,
            "regenerate": self.action_regenerate,
            "delete": self.action_delete_conversation,
            "undo": self.action_undelete,
            "split": self.action_split,
            "stack": self.action_stack,
            "close": self.action_close_pane,
            "compare": self.action_compare,
            "tree": self.action_tree,
            "settings": self.action_settings,
            "help": self.action_keys,
            "quit": self.app.exit,
        }
        with_argument: dict[str, Callable[[str], object]] = {
            "model": self._use_model,
            "effort": self._set_effort,
            "system": self._set_identity,
            "developer": self._set_developer,
            "route": self._set_route,
            "preset": self.use_preset,
            "rename": self.rename_current,
            "find": lambda text: self.find_bar.open(text),
            "export": self.export_conversation,
            "save": self.export_message,
            "import": self.import_conversations,
            "theme": self._set_theme,
        }
        if asked.word in without:
            without[asked.word]()
        else:
            with_argument[asked.word](asked.argument)

    @work(group="ask")
    async def action_ask_command(self, name: str) -> None:
        """Ask for what a command takes, and carry it out: what is in the prompt stays there."""
        from gptoss_chat.tui.commands import COMMANDS, Asked
        from gptoss_chat.tui.screens.line import LineScreen
        from gptoss_chat.tui.screens.setting import ChoiceScreen

        command = next(command for command in COMMANDS if command.name == name)
        words: Sequence[str] = command.words
        if name in ("model", "preset"):
            words = await asyncio.to_thread(self.shelf.names if name == "model" else self.preset_names)
        if words:
            screen: ModalScreen[str | None] = ChoiceScreen(command.help, words, words[0], lambda _: None)
        else:
            screen = LineScreen(f"/{name} {command.argument}: {command.help}", "")
        text = await self.app.push_screen_wait(screen)
        if text is not None:
            self.run_command(Asked(name, command, text))

    def _set_effort(self, word: str) -> None:
        for effort in EFFORTS:
            if word == effort:
                self.action_effort(effort)
                return
        self.notice.show(f"The effort is {self.options.effort}. Use /effort low, medium or high.")

    def _set_identity(self, text: str) -> None:
        self.options = dataclasses.replace(self.options, identity=text or None)
        self.notify("From the next prompt on" if text else "The usual system message again", timeout=3)

    def _set_developer(self, text: str) -> None:
        self.options = dataclasses.replace(self.options, developer=text)
        self.notify("From the next prompt on" if text else "No instructions any more", timeout=3)

    def _set_route(self, text: str) -> None:
        try:
            self.options = dataclasses.replace(self.options, route=parse_route(text))
        except UsageError as error:
            self.notice.show(error_text(error))
            return
        self.notify("From the next prompt on" if text else "The router as it is", timeout=3)

    def _set_theme(self, word: str) -> None:
        if word not in THEMES:
            self.notice.show(f"The themes: {', '.join(THEMES)}. /theme NAME changes to one.")
        else:
            self.app.theme = THEMES[word].name

    @work(group="model", exclusive=True)
    async def _use_model(self, name: str) -> None:
        try:
            if not name:
                names = ", ".join(await asyncio.to_thread(self.shelf.names))
                self.notice.show(f"On this machine: {visible(names)}. /model NAME changes to one.")
                return
            found = await asyncio.to_thread(self.shelf.find, name)
        except GptossChatError as error:
            self.notice.show(error_text(error))
            return
        await self.sample_as(found)
        self.session.use(found.name, found.load)

    # The view ------------------------------------------------------------------------------------------------------

    def action_keys(self) -> None:
        """The list of keys."""
        self.app.run_worker(self.app.run_action("keys"))

    def action_toggle_reasoning(self) -> None:
        """Fold or unfold all reasoning."""
        transcript = self.transcript
        transcript.fold(unfolded=not transcript.unfolded)

    def action_toggle_routing(self) -> None:
        """The map on or off."""
        self.pane.map_wanted = not self.pane.map_shown
        self.lay_out()

    @work(group="routing")
    async def action_open_routing(self) -> None:
        """The stored routing of what is shown."""
        pane, shown = self.pane, self._entry("assistant")
        if pane.conversation_id is None or shown is None:
            pane.notice.show("There is no answer yet.")
            return
        await self.make_current(pane)
        # The first frame does not wait for NumPy.
        from gptoss_chat.tui.screens.routing_source import answer_again, routing_screen
        from gptoss_chat.tui.screens.routing_wishes import Wish

        def back(wish: Wish | None) -> None:
            if wish is not None:
                self.begin(lambda: answer_again(self.session, wish, pane.options), pane=pane)

        self.app.push_screen(routing_screen(self.session, pane.conversation_id, at_turn=shown.node_id), back)

    def action_full_map(self) -> None:
        """The map on the whole screen; any of its keys goes back."""
        if self.pane.map is not None:
            self.pane.map_wanted = True
            self.lay_out()
            self.pane.map.action_full_size()

    def action_to_bottom(self) -> None:
        """The newest line, and stay there."""
        self.transcript.anchor()

    def action_effort(self, effort: Effort) -> None:
        """How long the model thinks from the next prompt on."""
        self.options = dataclasses.replace(self.options, effort=effort)

    def on_new_below_wanted(self, event: NewBelow.Wanted) -> None:
        """The marker was clicked."""
        self.action_to_bottom()
