"""The list of keys; it knows nothing but the list."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from gptoss_chat.tui.key_map import KeyMap
from gptoss_chat.tui.keys import by_group


class KeysScreen(ModalScreen[None]):
    """Every key and what it does."""

    BINDINGS = [Binding("escape,f1,q,enter", "dismiss", "Close", show=False)]  # noqa: RUF012 - the toolkit's own form

    def __init__(self, key_map: KeyMap) -> None:
        super().__init__()
        self._key_map = key_map

    def compose(self) -> ComposeResult:
        """A table, by group."""
        with VerticalScroll(id="keys"):
            lines: list[Content | str | tuple[str, str]] = []
            for group, rows in by_group(self._key_map.actions).items():
                lines.append((f"{group}\n", "bold $primary"))
                lines += [Content.assemble((f"  {keys:<21}", "$accent"), f"{text}\n") for keys, text in rows]
                lines.append("\n")
            lines.append(("Esc closes", "$muted"))
            yield Static(Content.assemble(*lines), markup=False)
