"""A paste is one piece of text, whatever is in it; it knows the toolkit's parser of terminal input, no widgets.

Textual 8 looks for keys behind every escape character, in a paste too: pasted terminal output falls apart, and a line end in it
may send the prompt. So escapes in a paste are hidden from it, and put back into the paste that it reports.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual._xterm_parser import XTermParser
from textual.message import Message

START, END, ESCAPE = "\x1b[200~", "\x1b[201~", "\x1b"
HIDDEN = "\U0010ffff"  # no character, so in no text


class WholePastes(XTermParser):
    """The toolkit's parser, with escapes in pastes as the text that they are."""

    def __init__(self, debug: bool = False) -> None:
        self._seen = ""  # the newest characters outside a paste: its mark may come in two reads
        self._inside = False
        self._held = ""  # what may be the beginning of the mark at the end
        super().__init__(debug)

    def feed(self, data: str) -> Iterable[Message]:
        """As the toolkit's; no data is the end."""
        shielded = self._shielded(data)
        if data and not shielded:  # the end is not meant
            return
        for event in super().feed(shielded):
            yield events.Paste(event.text.replace(HIDDEN, ESCAPE)) if isinstance(event, events.Paste) else event

    def _shielded(self, data: str) -> str:
        data, self._held = self._held + data, ""
        done = ""
        while data:
            if not self._inside:
                before, data = self._up_to_start(data)
                done += before
                continue
            text, end, data = data.partition(END)
            if end:
                self._inside = False
            else:
                kept = next((size for size in range(len(END) - 1, 0, -1) if text.endswith(END[:size])), 0)
                text, self._held = text[: len(text) - kept], text[len(text) - kept :]
            done += text.replace(ESCAPE, HIDDEN) + end
        return done

    def _up_to_start(self, data: str) -> tuple[str, str]:
        """What stands outside a paste, with the mark that begins one, and the rest."""
        seen = self._seen + data
        at = seen.find(START)
        if at < 0:
            self._seen = seen[1 - len(START) :]
            return data, ""
        self._inside, self._seen = True, ""
        size = at + len(START) - (len(seen) - len(data))
        return data[:size], data[size:]


def keep_pastes_whole() -> None:
    """Let the toolkit read terminals so from now on; where it has no such driver, as on Windows, nothing is changed."""
    try:
        from textual.drivers import linux_driver
    except ImportError:
        return
    linux_driver.XTermParser = WholePastes  # type: ignore[attr-defined] # it makes its own parser: there is no other place
