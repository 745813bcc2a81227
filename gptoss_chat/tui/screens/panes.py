"""The panes of the chat screen: which there are, which has the keys, and how they share the room; it knows no history.

What a key of the chat does is done in the pane that has the keys, so that pane's parts are at hand here by their names.
"""

from __future__ import annotations

from textual import events
from textual.containers import Container
from textual.css.scalar import Scalar, Unit
from textual.screen import Screen

from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.tui.shares import COLUMNS_LEAST, ROWS_LEAST, beside, fit_stacked, moved
from gptoss_chat.tui.widgets.below import NewBelow
from gptoss_chat.tui.widgets.conversations import ConversationList
from gptoss_chat.tui.widgets.divider import Divider
from gptoss_chat.tui.widgets.find import FindBar
from gptoss_chat.tui.widgets.menu import Menu
from gptoss_chat.tui.widgets.notice import Notice
from gptoss_chat.tui.widgets.pane import NARROW_COLUMNS, Pane
from gptoss_chat.tui.widgets.pane_heading import Head
from gptoss_chat.tui.widgets.prompt import Prompt
from gptoss_chat.tui.widgets.transcript import Transcript

LIST_FROM_COLUMNS = 80
LIST_COLUMNS, LIST_COLUMNS_WIDE = 26, 34  # as the style sheet has them
LIST_BESIDE_COLUMNS = 54  # of each pane, for the list to be shown without a wish
MAP_FROM_COLUMNS = 120
WIDE_COLUMNS = 160
RESIZE_STEP = 0.05


class PanesScreen(Screen[None]):
    """One pane at least; `pane` is the one that has the keys."""

    def __init__(self, first: Pane) -> None:
        super().__init__()
        self.pane = first
        self.panes = [first]
        self.dividers: list[Divider] = []  # behind each pane but the last
        self.stacked = False  # what was asked for; a narrow screen stacks in any case
        self.comparing = False
        self.list_wanted: bool | None = None  # None: as the width says
        self.lists = ConversationList()

    # The parts of the pane that has the keys -------------------------------------------------------------------------

    @property
    def options(self) -> TurnOptions:
        """What it asks with."""
        return self.pane.options

    @options.setter
    def options(self, options: TurnOptions) -> None:
        self.pane.options = options

    @property
    def conversation_id(self) -> str | None:
        """What it shows; None: an empty conversation."""
        return self.pane.conversation_id

    @property
    def transcript(self) -> Transcript:
        """Its messages."""
        return self.pane.transcript

    @property
    def prompt(self) -> Prompt:
        """Its prompt."""
        return self.pane.prompt

    @property
    def below(self) -> NewBelow:
        """Its mark for what is new."""
        return self.pane.below

    @property
    def notice(self) -> Notice:
        """Its line for what went wrong."""
        return self.pane.notice

    @property
    def menu(self) -> Menu:
        """Its completions."""
        return self.pane.menu

    @property
    def find_bar(self) -> FindBar:
        """Its find bar."""
        return self.pane.find_bar

    # Which pane has the keys -----------------------------------------------------------------------------------------

    def activate(self, pane: Pane) -> None:
        """Mean `pane` by the keys from now on."""
        if pane is self.pane or pane not in self.panes:
            return
        self.pane = pane
        self.lay_out()
        self.show_heads()
        self.pane_changed()

    def pane_changed(self) -> None:
        """Another pane has the keys."""

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The pane that holds what has the keys is the one meant."""
        for pane in self.panes:
            if pane in event.widget.ancestors:
                self.activate(pane)

    def on_pane_touched(self, event: Pane.Touched) -> None:
        """A click gives a pane the keys."""
        if event.pane is not self.pane:
            self.activate(event.pane)
            event.pane.prompt.focus()

    def action_next_pane(self, step: int = 1) -> None:
        """The keys go to the next pane, or the one before; the panes are a ring."""
        pane = self.panes[(self.panes.index(self.pane) + step) % len(self.panes)]
        self.activate(pane)
        pane.prompt.focus()

    # How they share the room -----------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """The size decides what has room; the shares stay."""
        self.lay_out()

    def lay_out(self) -> None:
        """Show the parts that are wanted, or have room."""
        width, count = self.app.size.width, len(self.panes)
        wide = width >= WIDE_COLUMNS
        beside_list = LIST_COLUMNS if self.stacked or count == 1 else LIST_COLUMNS + LIST_BESIDE_COLUMNS * count
        from_columns = max(LIST_FROM_COLUMNS, beside_list)
        self.lists.display = width >= from_columns if self.list_wanted is None else self.list_wanted
        self.set_class(width < NARROW_COLUMNS, "-narrow")
        self.set_class(wide, "-wide")
        list_columns = LIST_COLUMNS_WIDE if wide else LIST_COLUMNS
        room = width - list_columns if self.lists.display and width >= NARROW_COLUMNS else width
        across = not self.stacked and beside(room, count)
        one_only = not across and not fit_stacked(self.app.size.height - 1, count)
        holder = self.query_one("#panes", Container)
        holder.set_class(across, "-across")
        whole = sum(pane.share for pane in self.panes)
        for pane in self.panes:
            share = Scalar(pane.share, Unit.FRACTION, Unit.WIDTH)
            pane.styles.width, pane.styles.height = (share, "1fr") if across else ("1fr", share)
            pane.display = pane is self.pane or not one_only
            columns = int((room - len(self.dividers)) * pane.share / whole) if across else room
            pane.lay_out(columns, map_has_room=width >= MAP_FROM_COLUMNS)
        for divider in self.dividers:
            divider.display = not one_only

    def share_out(self, shares: list[float]) -> None:
        """Give the panes these shares."""
        for pane, share in zip(self.panes, shares, strict=True):
            pane.share = share
        self.lay_out()

    def action_resize_pane(self, step: int) -> None:
        """A little more, or less, for the pane with the keys, from the pane after it, else from the one before."""
        if len(self.panes) > 1:
            place = self.panes.index(self.pane)
            last = place == len(self.panes) - 1
            self._move(place - 1 if last else place, (-step if last else step) * RESIZE_STEP)

    def on_divider_dragged(self, event: Divider.Dragged) -> None:
        """The mouse moves a border."""
        if event.divider in self.dividers:
            self._move(self.dividers.index(event.divider), event.cells / self._cells())

    def _move(self, border: int, by: float) -> None:
        least = COLUMNS_LEAST / 2 if self._across else ROWS_LEAST - 2
        self.share_out(moved([pane.share for pane in self.panes], border, by, least / self._cells()))

    @property
    def _across(self) -> bool:
        return self.query_one("#panes").has_class("-across")

    def _cells(self) -> int:
        size = self.query_one("#panes").size
        return max(1, size.width if self._across else size.height)

    # What their headings say -----------------------------------------------------------------------------------------

    def show_heads(self) -> None:
        """A heading tells the panes apart; one alone needs none."""
        hidden = not all(pane.display for pane in self.panes)  # there is room for one at a time
        for place, pane in enumerate(self.panes, start=1):
            number = f"{place}/{len(self.panes)}" if hidden else f"{place}"
            pane.heading.display = len(self.panes) > 1
            settings = [pane.preset_shown] if pane.preset is not None else []
            settings += [f"{pane.options.effort} effort", *pane.changes_shown]
            pane.heading.head = Head(number, pane.title, tuple(settings), pane is self.pane, self.comparing)
