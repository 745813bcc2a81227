"""The list of keys; it knows nothing but the list."""

from __future__ import annotations

from textwrap import wrap

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from gptoss_chat.tui.key_map import KeyMap
from gptoss_chat.tui.keys import by_group

BOX_COLUMNS, FRAME_COLUMNS = 82, 7  # as the style sheet has them: the border, the padding and the scroll bar
KEY_COLUMNS = 23


class KeysScreen(ModalScreen[None]):
    """Every key and what it does."""

    BINDINGS = [Binding("escape,f1,q,enter", "dismiss", "Close", show=False)]  # noqa: RUF012 - the toolkit's own form

    def __init__(self, key_map: KeyMap) -> None:
        super().__init__()
        self._key_map = key_map
        self._table = Static("", markup=False)

    def compose(self) -> ComposeResult:
        """A table, by group."""
        with VerticalScroll(id="keys"):
            yield self._table

    def on_resize(self) -> None:
        """As wide as there is room."""
        self._table.update(self._lines(min(BOX_COLUMNS, int(self.app.size.width * 0.96)) - FRAME_COLUMNS))

    def _lines(self, columns: int) -> Content:
        """Keys in a column, and what they do beside it, wrapped there."""
        lines: list[Content | str | tuple[str, str]] = []
        for group, rows in by_group(self._key_map.actions).items():
            lines.append((f"{group}\n", "bold $primary"))
            for keys, text in rows:
                first, *rest = wrap(text, max(10, columns - KEY_COLUMNS)) or [""]
                lines += [(f"  {keys:<{KEY_COLUMNS - 3}} ", "$accent"), f"{first}\n"]
                lines += [f"{'':<{KEY_COLUMNS}}{line}\n" for line in rest]
            lines.append("\n")
        lines.append(("Esc closes", "$muted"))
        return Content.assemble(*lines)
