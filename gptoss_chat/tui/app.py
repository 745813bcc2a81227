"""The terminal program: themes, the chat screen and the actions that belong to no screen. Wiring only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App, SystemCommand
from textual.screen import Screen
from textual.widgets import TextArea

from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.tui.colours import DARK, LIGHT, THEMES, check_theme, theme_name
from gptoss_chat.tui.desk import in_force
from gptoss_chat.tui.key_map import KeyMap, key_of
from gptoss_chat.tui.screens.chat import ChatScreen

if TYPE_CHECKING:
    from gptoss_chat.chat.session import Session
    from gptoss_chat.settings import Settings
    from gptoss_chat.tui.arrangement import Arrangement
    from gptoss_chat.tui.desk import Desk
    from gptoss_chat.tui.models import ModelShelf

QUIT_AGAIN_S = 2.0


class ChatApp(App[None]):
    """The chat on one session. The session's model begins to load after the first frame; closing it is the caller's."""

    CSS_PATH = Path(__file__).with_name("theme.tcss")
    TITLE = "gptoss-chat"
    ENABLE_COMMAND_PALETTE = True
    # Escape stops the answer; the map, the one widget that can fill the screen, has its own key for going back.
    ESCAPE_TO_MINIMIZE = False

    def __init__(
        self,
        session: Session,
        *,
        settings: Settings,
        options: TurnOptions | None = None,
        resume: str | None = None,
        shelf: ModelShelf | None = None,
        desk: Desk | None = None,
        arrangement: Arrangement | None = None,
        keep: Callable[[Arrangement], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._session = session
        self._settings = settings
        self._options = options or TurnOptions()
        self._resume = resume
        self._shelf = shelf
        self._desk = desk
        self._arrangement = arrangement
        self._keep = keep
        self._clock = clock
        self._quit_asked_s: float | None = None
        self.key_map = KeyMap(settings.keys)
        self.key_map.apply(self._bindings, prefix="app.")
        # Before the style sheet is read: a change of theme reads it again.
        for theme in THEMES.values():
            self.register_theme(theme)
        check_theme(settings.theme, "The setting theme")
        self.set_reactive(App.theme, theme_name(settings.theme))
        self.stylesheet.set_variables(self.get_css_variables())

    async def on_event(self, event: events.Event) -> None:
        """Alt with a letter is a command, never text: most terminals send it as the letter behind an escape."""
        if isinstance(event, events.Key) and event.key.startswith("alt+"):
            event.character = None
        await super().on_event(event)

    def get_default_screen(self) -> Screen[Any]:
        """The chat; it loads the model once it is painted."""
        screen = ChatScreen(
            self._session,
            self._options,
            conversation_id=self._arrangement.places[0].conversation_id if self._arrangement else self._resume,
            show_reasoning=bool(self._settings.show_reasoning),
            clock=self._clock,
        )
        if self._shelf is not None:
            screen.shelf = self._shelf
        screen.desk = self._desk
        screen.arrangement, screen.keep = self._arrangement, self._keep
        screen.begin_under(in_force(self._settings, self._options))
        self.key_map.apply(screen._bindings)
        return screen

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette: the same actions as the keys, and the commands that ask for something; over another screen than
        the chat, what holds everywhere."""
        from gptoss_chat.tui.commands import ASKED, COMMANDS

        chat = screen if isinstance(screen, ChatScreen) else None
        for action in self.key_map.actions:
            if action.in_palette and (chat is not None or action.name.startswith("app.")):
                title = f"{action.title} ({action.shown})" if action.shown else action.title
                yield SystemCommand(title, action.help, lambda name=action.name: self._run(screen, name))

        for command in COMMANDS if chat is not None else ():
            if command.name in ASKED:
                ask = f"ask_command('{command.name}')"
                yield SystemCommand(f"/{command.name} …", command.help, lambda name=ask: self._run(screen, name))

    def _run(self, screen: Screen[object], name: str) -> None:
        self.call_later(screen.run_action, name)

    def action_keys(self) -> None:
        """The key screen; again: back. A key that the person chose is heard here also while that screen is there."""
        from gptoss_chat.tui.screens.help import KeysScreen

        if isinstance(self.screen, KeysScreen):
            self.screen.dismiss()
        else:
            self.push_screen(KeysScreen(self.key_map))

    def action_light_or_dark(self) -> None:
        """The other of our two themes."""
        self.theme = LIGHT.name if self.current_theme.dark else DARK.name

    def action_copy_or_quit(self) -> None:
        """Copy what is selected; with nothing selected, the second press within two seconds quits."""
        focused = self.focused
        text = focused.selected_text if isinstance(focused, TextArea) else ""
        text = text or self.screen.get_selected_text() or ""
        if text:
            self.copy_to_clipboard(text)
            self.notify("Copied", timeout=2)
            return
        now_s = self._clock()
        if self._quit_asked_s is not None and now_s - self._quit_asked_s <= QUIT_AGAIN_S:
            self.exit()
            return
        self._quit_asked_s = now_s
        self.notify(f"{key_of(self, 'app.copy_or_quit')} again quits", timeout=QUIT_AGAIN_S)
