"""The routing screen's ground: its parts, what is read for them and shown; it knows no keys.

It knows widgets and findings, nothing of the history: what brings the routes is given to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import numpy as np
from textual import work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.style import Style
from textual.widgets import Static

from gptoss_chat.errors import GptossChatError
from gptoss_chat.model.route import Route, route_text
from gptoss_chat.routing import Routes
from gptoss_chat.routing.findings import Findings
from gptoss_chat.text import printable
from gptoss_chat.tui.screens.routing_wishes import Wish
from gptoss_chat.tui.widgets.routes_marks import COLOURED_BY, Colouring, marks_of
from gptoss_chat.tui.widgets.routes_panel import RoutesPanel
from gptoss_chat.tui.widgets.routes_tabs import Tab
from gptoss_chat.tui.widgets.routes_text import TokenText
from gptoss_chat.tui.widgets.routes_views import ABOUT, VIEWS, Look, content_of, scope_line, token_line

SIDE_BY_SIDE_COLUMNS: Final = 120
DESCRIBES: Final = "It describes, and does not explain."


class RoutingGround(Screen[Wish | None]):
    """Text above or to the left, a view of its routing below or to the right.

    `load` brings the routes and `rival_of` another version of a reply; they may take a while and are called in a thread.
    `at_turn` is the reply to begin at.
    """

    DEFAULT_CSS = """
    RoutingGround { layout: vertical; }
    RoutingGround .line { height: 1; padding: 0 1; color: $text-muted; }
    RoutingGround #routes-title { color: $primary; text-style: bold; }
    RoutingGround #routes-about { color: $foreground; height: auto; max-height: 2; }
    RoutingGround #routes-keys { height: auto; max-height: 3; }
    RoutingGround #routes-tabs { height: 1; padding: 0 1; }
    RoutingGround .routes-tab { width: auto; height: 1; color: $text-muted; }
    RoutingGround .routes-tab:hover { color: $primary; text-style: underline; }
    RoutingGround .routes-tab.-on { color: $primary; text-style: bold reverse; }
    RoutingGround #routes-body { height: 1fr; layout: vertical; }
    RoutingGround TokenText, RoutingGround RoutesPanel {
        overflow-x: hidden; overflow-y: auto; scrollbar-gutter: stable; scrollbar-size-vertical: 1;
    }
    RoutingGround #routes-text { height: 2fr; min-height: 3; padding: 0 1; }
    RoutingGround #routes-text:focus { background-tint: transparent; }
    RoutingGround #routes-panel { height: 3fr; padding: 0 1; border-top: solid $border; }
    RoutingGround.-wide #routes-body { layout: horizontal; }
    RoutingGround.-wide #routes-text { height: 1fr; width: 1fr; }
    RoutingGround.-wide #routes-panel { height: 1fr; width: 82; border-top: none; border-left: solid $border; }
    RoutingGround.-full #routes-text, RoutingGround.-full #routes-title, RoutingGround.-full #routes-token,
    RoutingGround.-full #routes-keys { display: none; }
    RoutingGround.-full #routes-panel { width: 1fr; border: none; }
    """
    KEYS_LINE = Content()

    def __init__(
        self,
        load: Callable[[], Routes],
        *,
        rival_of: Callable[[str], Routes | None] = lambda _: None,
        at_turn: str | None = None,
    ) -> None:
        super().__init__()
        self._load = load
        self._rival_of = rival_of
        self._at_turn = at_turn
        self._findings: Findings | None = None
        self._one_at_a_time = asyncio.Lock()  # findings are not for several threads at once
        self.look = self._wanted = Look()
        self._shown: Look | None = None  # what the panel has
        self.colouring: Colouring = "expert"
        self.route: Route = ()

    def compose(self) -> ComposeResult:
        """A title, the tokens, a view, and what they are."""
        yield Static("Routing", id="routes-title", classes="line", markup=False)
        yield Static("", id="routes-token", classes="line", markup=False)
        with Container(id="routes-body"):
            yield TokenText()
            yield RoutesPanel()
        with Horizontal(id="routes-tabs"):
            yield from (Tab(number, view) for number, view in enumerate(VIEWS, 1))
            full = Content.styled(" f ", Style.from_meta({"@click": "screen.full_size"}))
            yield Static(full, id="routes-full", classes="routes-tab")  # in full size the line of keys is not there
        yield Static("", id="routes-scope", classes="line", markup=False)
        yield Static("Reading …", id="routes-about", classes="line", markup=False)
        yield Static(self.KEYS_LINE, id="routes-keys", classes="line")

    def on_mount(self) -> None:
        """Read off the loop, then show."""
        self._lay_out()
        self.query_one(TokenText).focus()
        self._read()

    def on_resize(self) -> None:
        """The width decides what stands where."""
        self._lay_out()

    def _lay_out(self) -> None:
        self.set_class(self.app.size.width >= SIDE_BY_SIDE_COLUMNS, "-wide")

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        try:
            routes = await asyncio.to_thread(self._load)
        except GptossChatError as error:
            self._say("#routes-about", str(error))
            return
        if not routes.tokens:
            self._say("#routes-about", "There are no tokens here.")
            return
        self._findings = Findings(routes, self._rival_of)
        first = 0
        if self._at_turn in routes.turn_ids:
            first = int(np.argmax(routes.turns_T == routes.turn_ids.index(self._at_turn)))
        layer = routes.layers // 2
        self.look = Look(token=first, layer=layer, expert=int(routes.experts_TLK[first, layer, 0]))
        turns = f"{len(routes.turn_ids)} turn{'s' if len(routes.turn_ids) != 1 else ''}"
        self._say(
            "#routes-title",
            f"Routing · {routes.model} · {routes.layers} × {routes.experts} experts, {routes.chosen} a token · "
            f"{turns}, {routes.tokens:,} tokens",
        )
        self.query_one(TokenText).show(routes.texts, first)
        self._show(marks=True)

    # What is shown -------------------------------------------------------------------------------------------------

    def _say(self, where: str, text: str) -> None:
        self.query_one(where, Static).update(Content(printable(text)))

    def _show(self, *, marks: bool = False) -> None:
        """Show what is looked at; `marks` where the colours of the text may have changed."""
        if self._findings is None:
            return
        routes = self._findings.routes
        self._say("#routes-token", token_line(routes, self.look.token))
        rules = f"{route_text(self.route)} · G answers again under this · " if self.route else ""
        self._say("#routes-scope", f"{rules}{scope_line(routes, self.look)} · text {COLOURED_BY[self.colouring]}")
        self._say("#routes-about", f"{ABOUT[self.look.view]} {DESCRIBES}")
        for tab in self.query(Tab):
            tab.set_class(tab.id == f"routes-tab-{self.look.view}", "-on")
        if marks:
            self.query_one(TokenText).mark(*marks_of(routes, self.look, self.colouring))
        self._wanted = self.look
        if self.look.view == "token":
            self._shown = self.look
            self.query_one(RoutesPanel).show(content_of(self._findings, self.look))
        else:
            self._analyse(self._findings)

    @work(group="analyse")
    async def _analyse(self, findings: Findings) -> None:
        """Show what is wanted by the time that what was wanted before is done: nothing piles up."""
        async with self._one_at_a_time:
            look = self._wanted
            if look is self._shown:
                return
            try:
                content = await asyncio.to_thread(content_of, findings, look)
            except GptossChatError as error:
                self._say("#routes-about", str(error))
                return
            if look is self._wanted:
                self._shown = look
                self.query_one(RoutesPanel).show(content)
