"""The prompt: several lines, Enter sends, Up brings back earlier prompts; it knows no conversation."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.widgets import TextArea

from gptoss_chat.tui.key_map import key_of
from gptoss_chat.tui.plain import visible_in_place
from gptoss_chat.tui.widgets.menu import Menu

NEW_LINE_KEYS = frozenset({"shift+enter", "ctrl+j", "alt+enter"})
MENU_KEYS = frozenset({"tab", "up", "down", "escape"})


class Prompt(TextArea):
    """A text area that grows with its text, up to the height that the style sheet gives."""

    BINDINGS = [  # noqa: RUF012 - the toolkit's own form
        Binding("pageup", "scroll_transcript(-1)", show=False),
        Binding("pagedown", "scroll_transcript(1)", show=False),
    ]

    @dataclass
    class Sent(Message):
        """Enter was pressed on `text`; `edited` is the message that it is asked in place of, if it is."""

        text: str
        edited: str | None = None

    @dataclass
    class ScrollWanted(Message):
        """A page key: `pages` is -1 or 1."""

        pages: int

    def __init__(self, menu: Menu) -> None:
        """`menu` has what Tab can complete."""
        super().__init__(
            id="prompt",
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            placeholder="Ask something",
            compact=True,
        )
        self._sent: list[str] = []
        self._recalled: int | None = None  # index in _sent while walking through it
        self._menu = menu
        self._edited: str | None = None  # the message that is being edited
        self._draft = ""  # what stood here before the edit
        self._panes_line = ""

    @property
    def editing(self) -> bool:
        """Whether Enter asks an earlier message in other words."""
        return self._edited is not None

    def tell_panes(self, panes: int) -> None:
        """Say that Enter asks in so many panes; 0: only here."""
        self._panes_line = f"To all {panes} panes" if panes else ""
        if not self.editing:
            self.border_title = self._panes_line

    def take_up(self, node_id: str, text: str) -> None:
        """Take up an earlier message; what stood here comes back afterwards."""
        if self._edited is None:
            self._draft = self.text
        self._edited = node_id
        self.border_title = f"Asking again in other words · {key_of(self.app, 'stop')} leaves it"
        self.put(text)

    def leave_edit(self) -> None:
        """Back to what stood here before the edit."""
        if self._edited is not None:
            self._edited, self.border_title = None, self._panes_line
            self.put(self._draft)
            self._draft = ""

    def put(self, text: str) -> None:
        """Replace the text; the cursor stands behind it."""
        self._recalled = None
        self.text = text
        self.move_cursor(self.document.end)

    def remember(self, texts: list[str]) -> None:
        """The earlier prompts of the conversation, oldest first."""
        self._sent = list(texts)
        self._recalled = None

    def get_line(self, line_index: int) -> Text:
        """A line as it is drawn: pasted control characters are shown, never sent to the terminal."""
        line = super().get_line(line_index)
        line.plain = visible_in_place(self.document.get_line(line_index))
        return line

    async def _on_key(self, event: events.Key) -> None:
        if self._menu.display and event.key in MENU_KEYS:
            self._take(event)
            self._to_menu(event.key)
        elif event.key == "enter":
            self._take(event)
            self._send()
        elif event.key in NEW_LINE_KEYS:
            self._take(event)
            self.insert("\n")
        elif event.key == "up" and self._may_recall():
            self._take(event)
            self._recall(-1)
        elif event.key == "down" and self._recalled is not None and self.cursor_at_last_line:
            self._take(event)
            self._recall(1)
        else:
            if event.is_printable or event.key == "backspace":
                self._recalled = None
            await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        """Terminals send the line breaks of a paste as carriage returns."""
        event.prevent_default()
        event.stop()
        self._recalled = None
        self.insert(event.text.replace("\r\n", "\n").replace("\r", "\n"))

    def action_scroll_transcript(self, pages: int) -> None:
        """Page keys read on; the prompt is rarely a page long."""
        self.post_message(self.ScrollWanted(pages))

    @staticmethod
    def _take(event: events.Key) -> None:
        event.stop()
        event.prevent_default()

    def _send(self) -> None:
        text = self.text
        if not text.strip():
            return
        edited = self._edited
        self._sent.append(text)
        self._recalled = None
        self.text = ""
        self.leave_edit()
        self.post_message(self.Sent(text, edited))

    def _to_menu(self, key: str) -> None:
        menu = self._menu
        if key == "tab" and menu.chosen is not None:
            row, column = self.cursor_location
            self.replace(menu.chosen.text, (row, column - menu.chosen.replaces), (row, column))
        elif key == "escape":
            menu.close()
        else:
            menu.move(-1 if key == "up" else 1)

    def text_before_cursor(self) -> str:
        """What a completion looks at."""
        return self.get_text_range((0, 0), self.cursor_location)

    def _may_recall(self) -> bool:
        if not self._sent or not self.cursor_at_first_line:
            return False
        return self._recalled is not None or not self.text

    def _recall(self, step: int) -> None:
        place = (len(self._sent) if self._recalled is None else self._recalled) + step
        if place >= len(self._sent):
            self._recalled, self.text = None, ""
            return
        self._recalled = max(0, place)
        self.text = self._sent[self._recalled]
        self.move_cursor(self.document.end)
