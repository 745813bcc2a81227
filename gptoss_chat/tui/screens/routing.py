"""The routing of stored turns: the keys of its screen, and what they do to the view; it knows nothing of the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

import numpy as np
from textual.binding import Binding
from textual.content import Content
from textual.style import Style

from gptoss_chat.errors import GptossChatError
from gptoss_chat.model.route import parse_route, route_text
from gptoss_chat.routing.findings import Scope
from gptoss_chat.routing.tokens import spelling_of_text
from gptoss_chat.tui.screens.routing_asking import InsteadScreen, RulesScreen
from gptoss_chat.tui.screens.routing_ground import RoutingGround
from gptoss_chat.tui.screens.routing_wishes import Branched, Steered, toggled, with_more
from gptoss_chat.tui.widgets.routes_marks import COLOURINGS
from gptoss_chat.tui.widgets.routes_panel import RoutesPanel
from gptoss_chat.tui.widgets.routes_tabs import Tab
from gptoss_chat.tui.widgets.routes_text import TokenText
from gptoss_chat.tui.widgets.routes_views import ALTERNATIVES, VIEWS, View, picked, token_line

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


class RoutingScreen(RoutingGround):
    """The screen with its keys."""

    KEYS_LINE = keys_line()
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
