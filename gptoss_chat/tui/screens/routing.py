"""The routing of stored turns: their tokens with a cursor over them, and what can be said of their experts.

It knows widgets and findings, nothing of the history: what brings the routes is given to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal

import numpy as np
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.style import Style
from textual.widgets import Static

from gptoss_chat.errors import GptossChatError
from gptoss_chat.model.route import Route, parse_route, route_text
from gptoss_chat.routing import Routes
from gptoss_chat.routing.findings import Findings, Scope
from gptoss_chat.routing.tokens import spelling_of_text
from gptoss_chat.text import printable
from gptoss_chat.tui.screens.routing_asking import InsteadScreen, RulesScreen
from gptoss_chat.tui.screens.routing_wishes import Branched, Steered, Wish, toggled, with_more
from gptoss_chat.tui.widgets.routes_marks import COLOURED_BY, COLOURINGS, Colouring, marks_of
from gptoss_chat.tui.widgets.routes_panel import RoutesPanel
from gptoss_chat.tui.widgets.routes_tabs import Tab
from gptoss_chat.tui.widgets.routes_text import TokenText
from gptoss_chat.tui.widgets.routes_views import (
    ABOUT,
    ALTERNATIVES,
    VIEWS,
    Look,
    View,
    content_of,
    picked,
    scope_line,
    token_line,
)

SIDE_BY_SIDE_COLUMNS: Final = 120
DESCRIBES: Final = "It describes, and does not explain."
# The texts of the line of keys; those with an action can be clicked.
KEYS: Final[tuple[tuple[str, str], ...]] = (
    ("Esc back", "close"), (" · ←→↑↓ token · 1-8 Tab view · ", ""),
    (",", "layer(-1)"), (" ", ""), (".", "layer(1)"), (" layer · ", ""),
    (";", "expert(-1)"), (" ", ""), ("'", "expert(1)"), (" expert · ", ""),
    ("Enter its first", "first_expert"), (" · ", ""), ("x colours", "colouring"), (" · ", ""),
    ("c channel", "channel"), (" · ", ""), ("t turn", "turn"), (" · ", ""), ("f full size", "full_size"), (" · ", ""),
    ("a another token", "instead(0)"), (" · ", ""), ("b ban", "rule('ban')"), (" · ", ""), ("p pin", "rule('pin')"),
    (" · ", ""), ("-", "more(-1)"), (" ", ""), ("+", "more(1)"), (" experts a token · ", ""),
    ("r rules", "rules"), (" · ", ""), ("g answer again", "regenerate"),
)  # fmt: skip


def keys_line() -> Content:
    """What the keys do, to read and to click."""
    parts = ((text, Style.from_meta({"@click": f"screen.{action}"}) if action else Style()) for text, action in KEYS)
    return Content.assemble(*parts)


class RoutingScreen(Screen[Wish | None]):
    """Text above or to the left, a view of its routing below or to the right.

    `load` brings the routes and `rival_of` another version of a reply; they may take a while and are called in a thread.
    `at_turn` is the reply to begin at.
    """

    DEFAULT_CSS = """
    RoutingScreen { layout: vertical; }
    RoutingScreen .line { height: 1; padding: 0 1; color: $text-muted; }
    RoutingScreen #routes-title { color: $primary; text-style: bold; }
    RoutingScreen #routes-about { color: $foreground; height: auto; max-height: 2; }
    RoutingScreen #routes-keys { height: auto; max-height: 3; }
    RoutingScreen #routes-tabs { height: 1; padding: 0 1; }
    RoutingScreen .routes-tab { width: auto; height: 1; color: $text-muted; }
    RoutingScreen .routes-tab:hover { color: $primary; text-style: underline; }
    RoutingScreen .routes-tab.-on { color: $primary; text-style: bold reverse; }
    RoutingScreen #routes-body { height: 1fr; layout: vertical; }
    RoutingScreen TokenText, RoutingScreen RoutesPanel {
        overflow-x: hidden; overflow-y: auto; scrollbar-gutter: stable; scrollbar-size-vertical: 1;
    }
    RoutingScreen #routes-text { height: 2fr; min-height: 3; padding: 0 1; }
    RoutingScreen #routes-text:focus { background-tint: transparent; }
    RoutingScreen #routes-panel { height: 3fr; padding: 0 1; border-top: solid $border; }
    RoutingScreen.-wide #routes-body { layout: horizontal; }
    RoutingScreen.-wide #routes-text { height: 1fr; width: 1fr; }
    RoutingScreen.-wide #routes-panel { height: 1fr; width: 82; border-top: none; border-left: solid $border; }
    RoutingScreen.-full #routes-text { display: none; }
    RoutingScreen.-full #routes-panel { width: 1fr; border: none; }
    """
    BINDINGS = [  # noqa: RUF012 - the toolkit's own form
        Binding("escape,q,f2", "close", "Back", show=False),
        Binding("tab", "next_view(1)", "Next view", show=False, priority=True),
        Binding("shift+tab", "next_view(-1)", "View before", show=False, priority=True),
        *(Binding(f"{number}", f"view('{view}')", view, show=False) for number, view in enumerate(VIEWS, 1)),
        Binding("comma", "layer(-1)", "Layer before", show=False),
        Binding("full_stop", "layer(1)", "Layer after", show=False),
        Binding("semicolon", "expert(-1)", "Expert before", show=False),
        Binding("apostrophe", "expert(1)", "Expert after", show=False),
        Binding("enter", "first_expert", "The token's first expert", show=False),
        Binding("x", "colouring", "Colours of the text", show=False),
        Binding("c", "channel", "Channel", show=False),
        Binding("t", "turn", "Turn", show=False),
        Binding("f", "full_size", "Full size", show=False),
        Binding("a", "instead(0)", "Another token here", show=False),
        Binding("b", "rule('ban')", "Ban the expert", show=False),
        Binding("p", "rule('pin')", "Pin the expert", show=False),
        Binding("minus", "more(-1)", "Fewer experts a token", show=False),
        Binding("plus,equals_sign", "more(1)", "More experts a token", show=False),
        Binding("r", "rules", "Write the rules", show=False),
        Binding("g", "regenerate", "Answer again under the rules", show=False),
    ]

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
        yield Static("", id="routes-scope", classes="line", markup=False)
        yield Static("Reading …", id="routes-about", classes="line", markup=False)
        yield Static(keys_line(), id="routes-keys", classes="line")

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

    # What the person does ------------------------------------------------------------------------------------------

    def on_token_text_moved(self, event: TokenText.Moved) -> None:
        """The cursor is on another token."""
        before, self.look = self.look, replace(self.look, token=event.token)
        if self._findings is None:
            return
        if self.look.view in ("turns", "versions"):
            turns_T = self._findings.routes.turns_T
            if turns_T[before.token] == turns_T[event.token]:
                self._say("#routes-token", token_line(self._findings.routes, event.token))
                return
        if self.look.view in ("token", "turns", "versions"):
            self._show()
        else:
            self._say("#routes-token", token_line(self._findings.routes, event.token))

    def on_routes_panel_picked(self, event: RoutesPanel.Picked) -> None:
        """An expert was clicked, or another token."""
        row, column = event.place
        if row == ALTERNATIVES:
            self.action_instead(column)
        else:
            self._choose(*picked(self.look, event.place))

    def on_tab_chosen(self, event: Tab.Chosen) -> None:
        """A view was clicked."""
        self.action_view(event.view)

    def action_close(self) -> None:
        """Back to where it was opened."""
        self.dismiss(None)

    def action_view(self, view: View) -> None:
        """Another view."""
        self.look = replace(self.look, view=view)
        self._show()

    def action_next_view(self, step: int) -> None:
        """The neighbouring view."""
        self.action_view(VIEWS[(VIEWS.index(self.look.view) + step) % len(VIEWS)])

    def action_layer(self, step: int) -> None:
        """Another layer; where the text is coloured by expert, its first expert of the token."""
        if self._findings is not None:
            routes = self._findings.routes
            layer = (self.look.layer + step) % routes.layers
            self._choose(layer, int(routes.experts_TLK[self.look.token, layer, 0]))

    def action_expert(self, step: int) -> None:
        """Another expert of the layer."""
        if self._findings is not None:
            self._choose(self.look.layer, (self.look.expert + step) % self._findings.routes.experts)

    def action_first_expert(self) -> None:
        """The weightiest expert of the token in the layer."""
        self.action_layer(0)

    def action_colouring(self) -> None:
        """Colour the text by something else."""
        self.colouring = COLOURINGS[(COLOURINGS.index(self.colouring) + 1) % len(COLOURINGS)]
        self._show(marks=True)

    def action_channel(self) -> None:
        """Analyse another channel's tokens, among those that there are; then all again."""
        if self._findings is not None:
            there: Sequence[int | None] = [None, *np.unique(self._findings.routes.channels_T).tolist()]
            channel = there[(there.index(self.look.scope.channel) + 1) % len(there)]
            self._rescope(replace(self.look.scope, channel=channel))

    def action_turn(self) -> None:
        """Analyse the cursor's turn alone; then all again."""
        if self._findings is not None:
            this = int(self._findings.routes.turns_T[self.look.token])
            self._rescope(replace(self.look.scope, turn=this if self.look.scope.turn is None else None))

    def action_full_size(self) -> None:
        """The view alone, or with the text again."""
        self.toggle_class("-full")
        if not self.has_class("-full"):
            self.query_one(TokenText).focus()

    def action_instead(self, at: int) -> None:
        """Ask what comes instead of the cursor's token, the alternative `at` to begin with, and go on from there."""
        if self._findings is None:
            return
        routes, token = self._findings.routes, self.look.token
        kept, reply_id = int(routes.reply_T[token]), routes.turn_ids[routes.turns_T[token]]
        if kept < 0:
            self._say("#routes-about", "Only the model's own tokens can be replaced: move on to the answer.")
            return
        others = routes.alternatives(token)

        def go_on(instead: int | str | None) -> None:
            if instead is not None:
                self.dismiss(
                    Branched(reply_id, kept, others[instead].token_id if isinstance(instead, int) else instead)
                )

        question = f"Go on from here with, instead of {spelling_of_text(routes.texts[token])}, as another version:"
        options = [f"{other.probability:7.2%}  {spelling_of_text(other.text)}" for other in others]
        self.app.push_screen(InsteadScreen(question, options, at), go_on)

    def action_rule(self, action: Literal["ban", "pin"]) -> None:
        """Ban or pin the chosen expert in its layer when the answer is made anew; again: no more."""
        self.route = toggled(self.route, action, self.look.layer, self.look.expert)
        self._show()

    def action_more(self, step: int) -> None:
        """More or fewer experts a token in the layer when the answer is made anew."""
        if self._findings is not None:
            routes = self._findings.routes
            usual = routes.chosen
            self.route = with_more(self.route, self.look.layer, step, usual=usual, experts=routes.experts)
            self._show()

    def action_rules(self) -> None:
        """Write the rules out."""

        def take(text: str | None) -> None:
            if text is None:
                return
            try:
                self.route = parse_route(text)
            except GptossChatError as error:
                self._say("#routes-about", str(error))
                return
            self._show()

        self.app.push_screen(RulesScreen(route_text(self.route)), take)

    def action_regenerate(self) -> None:
        """Back, and ask for another version of the cursor's turn under the rules."""
        if self._findings is not None and self.route:
            routes = self._findings.routes
            self.dismiss(Steered(routes.turn_ids[routes.turns_T[self.look.token]], self.route))

    def _rescope(self, scope: Scope) -> None:
        self.look = replace(self.look, scope=scope)
        self._show()

    def _choose(self, layer: int, expert: int) -> None:
        self.look = replace(self.look, layer=layer, expert=expert)
        self._show(marks=True)
