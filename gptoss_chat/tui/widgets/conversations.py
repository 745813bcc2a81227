"""The list of conversations and its search; it knows titles, nothing of what they stand for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from gptoss_chat.history.values import HIT_END, HIT_START
from gptoss_chat.tui.key_map import take_keys
from gptoss_chat.tui.keys import bindings
from gptoss_chat.tui.plain import visible
from gptoss_chat.tui.reading import Title


class Search(Input):
    """The line that searches as you type; the list below it takes the keys that move in a list."""

    BINDINGS = [  # noqa: RUF012 - the toolkit's own form
        Binding("down", "to_list('cursor_down')", show=False),
        Binding("up", "to_list('cursor_up')", show=False),
        Binding("pagedown", "to_list('page_down')", show=False),
        Binding("pageup", "to_list('page_up')", show=False),
        Binding("enter", "to_list('select')", show=False),
        *bindings("list"),
    ]

    def on_mount(self) -> None:
        """The keys that the person has chosen."""
        take_keys(self, "list")

    async def action_to_list(self, action: str) -> None:
        """Move in the list, or choose."""
        await self.app.query_one("#conversations OptionList").run_action(action)

    def action_list_wants(self, what: str) -> None:
        """Do something with the conversation that is highlighted."""
        self.app.query_one(ConversationList).want(what)


class Titles(OptionList):
    """The list; whoever scrolls to its end, by the wheel too, wants more."""

    class EndReached(Message):
        """Its last line is in view."""

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Look where it stands."""
        super().watch_scroll_y(old_value, new_value)
        if new_value > old_value and new_value >= self.max_scroll_y > 0:
            self.post_message(self.EndReached())


class ConversationList(Vertical):
    """Pinned titles, then the newest; a dot marks those in which an answer is being written."""

    @dataclass
    class Opened(Message):
        """A conversation was chosen."""

        conversation_id: str

    @dataclass
    class Searched(Message):
        """The search changed."""

        query: str

    @dataclass
    class Wanted(Message):
        """`what` (delete, pin, undo or rename) of the highlighted conversation; undo is of none."""

        what: str
        title: Title | None

    class MoreWanted(Message):
        """The end of the list was reached."""

    def __init__(self) -> None:
        super().__init__(id="conversations")
        self._shown: tuple[object, ...] = ()
        self._titles: dict[str, Title] = {}
        self._search = Search(placeholder="Search", id="search", compact=True)
        self._options = Titles(markup=False)
        self._options.can_focus = False  # the search has the keys, so that one can type at any time
        self._empty = Static("", classes="empty", markup=False)

    def compose(self) -> ComposeResult:
        """The search and the list."""
        yield self._search
        yield self._options
        yield self._empty

    @property
    def query_text(self) -> str:
        """What is searched for."""
        return self._search.value

    @property
    def highlighted(self) -> Title | None:
        """The title under the bar."""
        option = self._options.highlighted_option
        return self._titles.get(option.id) if option is not None and option.id is not None else None

    def title_of(self, conversation_id: str) -> str:
        """Its title; empty where the list does not have it."""
        return self._titles[conversation_id].text if conversation_id in self._titles else ""

    def is_pinned(self, conversation_id: str) -> bool:
        """Whether it stands at the top for good; no, where the list does not have it."""
        return conversation_id in self._titles and self._titles[conversation_id].pinned

    @property
    def count(self) -> int:
        """How many titles it has."""
        return len(self._titles)

    def focus_search(self) -> None:
        """Take the keys."""
        self._search.focus()

    def clear_search(self) -> None:
        """All conversations again."""
        self._search.value = ""

    def want(self, what: str) -> None:
        """Ask for something to be done with the highlighted conversation."""
        self.post_message(self.Wanted(what, self.highlighted))

    def show(self, titles: Sequence[Title], current: str | None, writing: Collection[str] = ()) -> None:
        """Show these titles; `current` is the open conversation."""
        shown = (tuple(titles), current, frozenset(writing), self.query_text)
        if shown == self._shown:
            return
        same_view = self._shown[1::2] == shown[1::2]
        self._shown = shown
        top = self._options.scroll_y
        was = self.highlighted
        focused = self._search.has_focus
        self._titles = {title.conversation_id: title for title in titles}
        self._options.set_options(Option(_line(title, current, writing), title.conversation_id) for title in titles)
        self._options.display = bool(titles)
        self._empty.display = not titles
        self._empty.update("Nothing holds this." if self.query_text else "Nothing yet. What you ask is kept here.")
        ids = list(self._titles)
        wanted = was.conversation_id if focused and was is not None else current
        if wanted in self._titles:
            self._options.highlighted = ids.index(wanted)
        elif focused and ids:
            self._options.highlighted = 0
        if same_view:  # what changed was elsewhere: whoever reads the list stays where they are
            self._options.scroll_to(y=top, animate=False, immediate=True)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search as you type."""
        event.stop()
        self.post_message(self.Searched(event.value))

    def on_titles_end_reached(self, event: Titles.EndReached) -> None:
        """Ask for more."""
        event.stop()
        self.post_message(self.MoreWanted())

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Near the end, ask for more."""
        event.stop()
        if event.option_index == self._options.option_count - 1:
            self.post_message(self.MoreWanted())

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click."""
        event.stop()
        if event.option_id is not None:
            self.post_message(self.Opened(event.option_id))


def _line(title: Title, current_id: str | None, writing: Collection[str]) -> Content:
    current = title.conversation_id == current_id
    mark = "● " if title.conversation_id in writing else "▸ " if current else "★ " if title.pinned else "  "
    text = visible(" ".join(title.text.split()))
    line = Content.assemble((mark, "$accent"), (text, "bold" if current else ""))
    return Content("\n").join([line, _hit(title.snippet)]) if title.snippet else line


def _hit(snippet: str) -> Content:
    """The words found, in their sentence."""
    pieces: list[str | tuple[str, str]] = ["  "]
    for place, piece in enumerate(" ".join(snippet.split()).split(HIT_START)):
        found, _, rest = piece.partition(HIT_END) if place else ("", "", piece)
        pieces += [(visible(found), "bold $accent"), (visible(rest.replace(HIT_END, "")), "$text-muted")]
    return Content.assemble(*pieces)
