"""Panes come and go, one prompt goes to all of them to be compared, and the tree; it knows no prompt's syntax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual import work

from gptoss_chat.chat.turn import Turn
from gptoss_chat.tui.key_map import key_of
from gptoss_chat.tui.screens.listing import ListingScreen
from gptoss_chat.tui.shares import beside, fit_stacked, halved, without
from gptoss_chat.tui.widgets.divider import Divider
from gptoss_chat.tui.widgets.pane import Pane
from gptoss_chat.tui.widgets.pane_heading import PaneHeading

if TYPE_CHECKING:
    from gptoss_chat.tui.arrangement import Arrangement, Asking
    from gptoss_chat.tui.screens.tree import Chosen


class SplittingScreen(ListingScreen):
    """Splitting, closing and comparing. `arrangement` is how the panes were left, `keep` notes how they are by now."""

    arrangement: Arrangement | None = None
    keep: Callable[[Arrangement], None] | None = None
    _seen: Arrangement | None = None
    _kept: Arrangement | None = None

    # As they were left ---------------------------------------------------------------------------------------------

    async def reopen(self) -> None:
        """Bring back the panes, in the place of the first. The caller holds the order, and reloads them."""
        left, first = self.arrangement, self.pane
        if left is None or len(self.panes) > 1 or first.conversation_id != left.places[0].conversation_id:
            return  # nothing to bring back, or the person was faster
        first.leaf_id = left.places[0].leaf_id
        for place in left.places[1:]:
            new = self.new_pane(first.options, place.conversation_id, unfolded=first.transcript.unfolded)
            new.leaf_id, new.preset = place.leaf_id, first.preset
            divider = Divider()
            await self.query_one("#panes").mount(divider, new)
            self.panes.append(new)
            self.dividers.append(divider)
        for pane, place in zip(self.panes, left.places, strict=True):
            await self.ask_as(pane, place.asking)
        self.stacked, self.comparing = left.stacked, left.comparing and len(left.places) > 1
        self.activate(self.panes[left.active])
        self.share_out([place.share for place in left.places])
        self._show_comparing()
        self.prompt.focus()

    def keep_arrangement(self) -> None:
        """Note the panes, once they have stood still for a moment; an empty chat leaves what was noted as it is."""
        from gptoss_chat.tui.arrangement import Arrangement, Place

        places = tuple(
            Place(pane.conversation_id, pane.leaf_id, pane.share, self.asking_of(pane)) for pane in self.panes
        )
        now = Arrangement(places, self.stacked, self.panes.index(self.pane), self.comparing)
        if self.keep is not None and now == self._seen != self._kept and not now.is_empty:
            self._kept = now
            self._keep(self.keep, now)
        self._seen = now

    def asking_of(self, pane: Pane) -> Asking:
        """What a pane asks with, as far as that was changed since the start."""
        raise NotImplementedError

    async def ask_as(self, pane: Pane, asking: Asking) -> None:
        """Let a pane ask with that."""
        raise NotImplementedError

    @work(group="keep")
    async def _keep(self, keep: Callable[[Arrangement], None], now: Arrangement) -> None:
        async with self.order:
            await self.done(keep, now)

    # Coming and going ----------------------------------------------------------------------------------------------

    def action_split(self) -> None:
        """Another pane beside the one with the keys, on the same conversation."""
        self._split(stacked=False, leaf_id=self.pane.leaf_id)

    def action_stack(self) -> None:
        """Another pane under the one with the keys, on the same conversation."""
        self._split(stacked=True, leaf_id=self.pane.leaf_id)

    @work(group="panes")
    async def _split(self, *, stacked: bool, leaf_id: str | None) -> None:
        await self.split(stacked=stacked, leaf_id=leaf_id)

    @work(group="panes")
    async def action_tree(self) -> None:
        """Show the conversation's tree, and go where is chosen."""
        from gptoss_chat.tui.screens.tree import TreeScreen
        from gptoss_chat.tui.tree import tree_lines

        pane = self.pane
        if pane.conversation_id is None:
            pane.notice.show("This conversation has no message yet.")
            return
        nodes = await self.told(self.session.store.nodes, pane.conversation_id)
        if not nodes:
            return
        chosen = await self.app.push_screen_wait(TreeScreen(tree_lines(nodes, pane.leaf_id)))
        if chosen is not None:
            await self._go_to(pane, chosen)

    async def _go_to(self, pane: Pane, chosen: Chosen) -> None:
        """Show that message on the branch that it is on, else on the one that was written last under it."""
        leaf_id = pane.leaf_id
        if not pane.transcript.holds(chosen.node_id):
            leaf_id = await self.told(self.session.store.leaf_under, chosen.node_id)
            if leaf_id is None:
                return
        if chosen.where == "here":
            async with self.order:
                pane.leaf_id = leaf_id
                await self.reload(pane)
        else:
            self.activate(pane)
            pane = await self.split(stacked=chosen.where == "under", leaf_id=leaf_id) or pane
        if pane.transcript.holds(chosen.node_id) and pane.leaf_id != chosen.node_id:
            await pane.transcript.pick_node(chosen.node_id)

    async def split(self, *, stacked: bool, leaf_id: str | None) -> Pane | None:
        """Another pane behind the one with the keys, on the branch that ends with `leaf_id`; it gets the keys.

        It begins with the settings of the old one; from then on each has its own. None, and a notice, where it has no room.
        """
        async with self.order:  # the key may be pressed again before the first pane is there
            old, count = self.pane, len(self.panes) + 1
            size = self.app.size
            if not fit_stacked(size.height - 1, count) and (stacked or not beside(size.width, count)):
                old.notice.show(f"There is no room for another pane here. {key_of(self.app, 'close_pane')} closes one.")
                return None
            new = self.new_pane(old.options, old.conversation_id, unfolded=old.transcript.unfolded)
            new.leaf_id, new.preset = leaf_id, old.preset
            divider = Divider()
            place = self.panes.index(old)
            shares = halved([pane.share for pane in self.panes], place)
            await self.query_one("#panes").mount(divider, new, after=old)
            self.panes.insert(place + 1, new)
            self.dividers.insert(place, divider)
            self.stacked = stacked
            self.activate(new)
            self.share_out(shares)
            await self.give_map(new)
            await self.reload(new)
        self._show_comparing()
        new.prompt.focus()
        return new

    @work(group="panes")
    async def action_close_pane(self) -> None:
        """Close the pane with the keys; its conversation stays, and an answer in it goes on."""
        pane = self.pane
        async with self.order:  # nothing is shown in it any more once it goes
            if pane not in self.panes:  # closed already, by a press before this one
                return
            if len(self.panes) == 1:
                pane.notice.show(f"This is the only pane. {key_of(self.app, 'app.quit')} leaves.")
                return
            place = self.panes.index(pane)
            shares = without([pane.share for pane in self.panes], place)
            divider = self.dividers.pop(max(0, place - 1))
            self.activate(self.panes[place - 1] if place else self.panes[1])
            self.panes.remove(pane)
            if len(self.panes) == 1:
                self.comparing = False
            self.share_out(shares)
            self.prompt.focus()
            self._show_comparing()
            await self.query_one("#panes").remove_children([pane, divider])

    def on_pane_heading_clicked(self, event: PaneHeading.Clicked) -> None:
        """A button of a heading: the click has given its pane the keys."""
        if event.what == "close":
            self.action_close_pane()
        else:
            self.action_compare()

    # Comparing -----------------------------------------------------------------------------------------------------

    def action_compare(self) -> None:
        """Send every prompt to all panes from now on, or no more."""
        if len(self.panes) == 1:
            self.notice.show("There is one pane only. /split makes another, with settings of its own.")
            return
        self.comparing = not self.comparing
        self._show_comparing()

    def _show_comparing(self) -> None:
        self.show_heads()
        for pane in self.panes:
            pane.prompt.tell_panes(len(self.panes) if self.comparing else 0)

    @work(group="history")
    async def ask_in(self, panes: Sequence[Pane], text: str) -> None:
        """Ask in each pane, in its conversation and with its settings.

        Panes that show the same branch get versions of one answer: the prompt stands in the history once.
        """
        asked: dict[tuple[str | None, str | None], Turn] = {}
        async with self.order:
            for pane in panes:
                place = (pane.conversation_id, pane.leaf_id)
                turn = await self.begin_in(pane, partial(self._turn, pane, asked.get(place), text))
                if turn is not None:
                    asked.setdefault(place, turn)

    def _turn(self, pane: Pane, first: Turn | None, text: str) -> Turn:
        session = self.session
        if first is not None:
            return session.regenerate(first.reply_node_id, pane.options)
        if pane.conversation_id is not None and pane.leaf_id is not None:
            session.store.set_leaf(pane.conversation_id, pane.leaf_id)  # another pane may have moved it
        return session.ask(pane.conversation_id, text, pane.options)
