"""The messages of a conversation, few of them mounted; it knows entries, nothing of the history behind them.

Mounted widgets are what a terminal screen pays for, so only the newest messages are; those before them are a row that
brings them back. A reader at the bottom stays there; a reader who scrolled up is left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Static

from gptoss_chat.tui.live import LiveReply
from gptoss_chat.tui.reading import Entry
from gptoss_chat.tui.widgets.growing import Growing

if TYPE_CHECKING:  # an empty transcript does not wait for it
    from gptoss_chat.tui.widgets.message import ReplyMessage, UserMessage

    MessageWidget = UserMessage | ReplyMessage

MOUNTED = 8  # opening a conversation costs what mounting these costs
SLACK = 18  # pruned only beyond MOUNTED + SLACK, so that pruning is rare
STEP = 20


class EarlierRow(Static, can_focus=True):
    """Stands for the messages that are not mounted."""

    BINDINGS = [Binding("enter", "bring", "Show", show=False)]  # noqa: RUF012 - the toolkit's own form

    class Wanted(Message):
        """Bring some of them back."""

    def __init__(self) -> None:
        super().__init__("", id="earlier", markup=False)

    def count(self, count: int) -> None:
        """How many messages it stands for."""
        self.display = count > 0
        self.update(f"… {count} earlier message{'' if count == 1 else 's'}")

    def action_bring(self) -> None:
        """Enter."""
        self.post_message(self.Wanted())

    def on_click(self, event: events.Click) -> None:
        """A click."""
        event.stop()
        self.post_message(self.Wanted())


class Column(Vertical, Growing):
    """The mounted messages, one below the other."""


class Transcript(VerticalScroll, Growing, can_focus=False):
    """`live_of` finds the live reply of a row, if it is being written."""

    def __init__(self, live_of: Callable[[str], LiveReply | None], *, unfolded: bool) -> None:
        super().__init__(id="transcript")
        self._live_of = live_of
        self.unfolded = unfolded
        self._entries: list[Entry] = []
        self._ids: frozenset[str] = frozenset()
        self._first = 0  # entries before it are not mounted
        self._widgets: list[MessageWidget] = []
        self._bringing = False
        self._picked: MessageWidget | None = None
        self._marked = ""
        self._found: tuple[str, int] | None = None  # a message, and which of the places in it
        self._changing = asyncio.Lock()
        self._earlier = EarlierRow()
        self._column = Column(self._earlier, id="column")

    def compose(self) -> ComposeResult:
        """A column as high as the view at least, so that the anchor never scrolls past its top."""
        yield self._column

    def on_mount(self) -> None:
        """Stay at the bottom until the reader scrolls."""
        self.anchor()

    @property
    def entries(self) -> list[Entry]:
        """The whole conversation; mounted messages as they stand now."""
        return [*self._entries[: self._first], *(widget.entry for widget in self._widgets)]

    @property
    def at_bottom(self) -> bool:
        """Whether the newest line is in view."""
        return self.scroll_offset.y >= self.max_scroll_y

    def holds(self, node_id: str) -> bool:
        """Whether that message is in the conversation, mounted or not."""
        return node_id in self._ids

    def reply(self, node_id: str) -> ReplyMessage | None:
        """The mounted reply of that row."""
        return next((widget for widget in self._replies if widget.entry.node_id == node_id), None)

    @property
    def following(self) -> list[ReplyMessage]:
        """The mounted replies that are being written."""
        return [widget for widget in self._replies if widget.live is not None]

    @property
    def last_reply(self) -> ReplyMessage | None:
        """The newest reply."""
        return self._replies[-1] if self._replies else None

    @property
    def _replies(self) -> list[ReplyMessage]:
        if not self._widgets:
            return []
        from gptoss_chat.tui.widgets.message import ReplyMessage

        return [widget for widget in self._widgets if isinstance(widget, ReplyMessage)]

    @property
    def picked(self) -> Entry | None:
        """The message that the keys for a message mean, if one was picked."""
        return self._picked.entry if self._picked is not None and self._picked.is_attached else None

    async def pick(self, step: int) -> None:
        """Pick the message `step` places from the one picked; from none, the newest. Past the newest, none is."""
        ids = [entry.node_id for entry in self.entries]
        at = ids.index(self.picked.node_id) if self.picked is not None else len(ids)
        if ids and at + step < len(ids):
            await self.pick_node(ids[max(0, at + step)])
        else:
            self.unpick()
            self.anchor()

    async def pick_node(self, node_id: str) -> None:
        """Pick that message and show it."""
        widget = await self.reveal(node_id)
        if widget is not None:
            self.unpick()
            self._picked = widget
            widget.picked = True
            self.scroll_to_widget(widget, animate=False)

    def unpick(self) -> None:
        """No message is picked any more."""
        if self._picked is not None:
            self._picked.picked = False
            self._picked = None

    async def find(self, text: str, step: int, *, start_over: bool) -> tuple[int, int]:
        """Show the next place that holds `text`, `step` places on: which it is of how many; (0, 0) when there is none."""
        self._mark(text)
        folded = text.casefold()
        texts = [(entry.node_id, entry.text) for entry in self._entries[: self._first]]
        texts += [(widget.entry.node_id, widget.text) for widget in self._widgets]
        places = [(node_id, n) for node_id, shown in texts for n in range(shown.casefold().count(folded))]
        if not places:
            return 0, 0
        at = None if start_over else self._place_of_picked(places)
        number = (at + step) % len(places) if at is not None else len(places) - 1 if step < 0 else 0
        node_id, nth = self._found = places[number]
        await self.pick_node(node_id)
        widget = await self.reveal(node_id)
        if widget is not None and (found := widget.place_of(text, nth)) is not None:
            part, line = found
            y = part.region.y + line - self.region.y + self.scroll_y
            self.scroll_to(y=y - self.size.height // 3, animate=False)
        return number + 1, len(places)

    def end_find(self) -> None:
        """Nothing is marked any more."""
        self._mark("")

    def _mark(self, text: str) -> None:
        if text != self._marked:
            self._marked = text
            for widget in self._widgets:
                widget.mark(text)

    def _place_of_picked(self, places: Sequence[tuple[str, int]]) -> int | None:
        """Where the last find, or the message picked since, stands among them."""
        picked = self.picked
        if picked is None:
            return None
        if self._found is not None and self._found[0] == picked.node_id and self._found in places:
            return places.index(self._found)
        return next((n for n, (node_id, _) in enumerate(places) if node_id == picked.node_id), None)

    async def reveal(self, node_id: str) -> MessageWidget | None:
        """The widget of that message, mounted if it was not."""
        async with self._changing:
            earlier = [entry.node_id for entry in self._entries[: self._first]]
            if node_id in earlier:
                await self._mount_earlier(earlier.index(node_id))
        return next((widget for widget in self._widgets if widget.entry.node_id == node_id), None)

    async def show(self, entries: Sequence[Entry]) -> None:
        """Show this conversation. Messages that are already there stay mounted, so adding one costs one."""
        async with self._changing:
            await self._show(entries)

    async def _show(self, entries: Sequence[Entry]) -> None:
        shown = self.entries
        same = 0
        while same < min(len(shown), len(entries)) and _same(shown[same], entries[same]):
            same += 1
        if same <= self._first:
            kept, first = 0, max(0, len(entries) - MOUNTED)
        else:
            kept, first = same - self._first, self._first
        gone, self._widgets = self._widgets[kept:], self._widgets[:kept]
        new = [self._widget(entry) for entry in entries[first + kept :]]
        self._entries, self._first = list(entries), first
        self._ids = frozenset(entry.node_id for entry in entries)
        with self.app.batch_update():
            for widget in gone:
                widget.forget_lines()
            if gone:
                await self._column.remove_children(gone)
            await self._column.mount_all(new)
            self._earlier.count(first)
        # Only now: whoever looks for a reply while this waits must not find one that is not composed yet.
        self._widgets += new
        if kept == 0:
            self.anchor()
        await self._prune()
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        """Bring more where the few that were mounted don't fill the view."""
        if self._first and self.max_scroll_y <= 0 and not self._bringing:
            self.post_message(EarlierRow.Wanted())

    async def _prune(self) -> None:
        extra = len(self._widgets) - MOUNTED
        if extra <= SLACK or not self.at_bottom:
            return
        gone, self._widgets = self._widgets[:extra], self._widgets[extra:]
        self._entries[self._first : self._first + extra] = [widget.entry for widget in gone]
        self._first += extra
        with self.app.batch_update():
            for widget in gone:
                widget.forget_lines()
            await self._column.remove_children(gone)
            self._earlier.count(self._first)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """A reader who reaches the top gets what is above it."""
        super().watch_scroll_y(old_value, new_value)
        if new_value <= 0 < old_value and self._first and not self._bringing:
            self.post_message(EarlierRow.Wanted())

    async def on_earlier_row_wanted(self, event: EarlierRow.Wanted) -> None:
        """Mount some earlier messages, and keep the line that is being read where it is."""
        event.stop()
        if not self._bringing and self._first:
            self._bringing = True
            async with self._changing:
                await self._bring_earlier()

    async def _bring_earlier(self) -> None:
        below, was_at_bottom = self.max_scroll_y - self.scroll_offset.y, self.at_bottom
        await self._mount_earlier(max(0, self._first - STEP))

        def stay() -> None:
            self.scroll_to(y=self.max_scroll_y - below, animate=False, immediate=True)
            if was_at_bottom:
                self.anchor()
            self._bringing = False

        self.call_after_refresh(stay)

    async def _mount_earlier(self, first: int) -> None:
        self.release_anchor()
        new = [self._widget(entry) for entry in self._entries[first : self._first]]
        await self._column.mount_all(new, after=self._earlier)
        self._first = first
        self._widgets[:0] = new
        self._earlier.count(first)

    def fold(self, *, unfolded: bool) -> None:
        """Fold or unfold every reasoning, now and from now on."""
        self.unfolded = unfolded
        for widget in self._replies:
            widget.reasoning.unfolded = unfolded

    def _widget(self, entry: Entry) -> MessageWidget:
        from gptoss_chat.tui.widgets.message import ReplyMessage, UserMessage

        widget: MessageWidget
        if entry.role == "user":
            widget = UserMessage(entry)
        else:
            widget = ReplyMessage(entry, unfolded=self.unfolded, live=self._live_of(entry.node_id))
        if self._marked:
            widget.mark(self._marked)
        return widget


def _same(shown: Entry, wanted: Entry) -> bool:
    """Whether the mounted message can stay. A reply that is being written is ahead of its row: it stays as it is."""
    if (shown.node_id, shown.version, shown.versions) != (wanted.node_id, wanted.version, wanted.versions):
        return False
    return wanted.status == shown.status and (wanted.status == "streaming" or wanted.text == shown.text)
