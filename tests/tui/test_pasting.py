"""A paste arrives whole, with escapes in it, however the terminal's bytes are cut."""

from __future__ import annotations

import pytest
from textual import events
from textual.drivers.linux_driver import LinuxDriver

from gptoss_chat.tui.pasting import WholePastes, keep_pastes_whole

RED = "one\r\x1b[31mred\x1b[0m and thirty more characters behind it\rtwo \x1b\x1b[20 \x1b[13u"
SENT = f"a\x1b[200~{RED}\x1b[201~b\x1b[A\x1b[200~\x1b[201~\x1b[200~again\x1b[201~"


def told(pieces: list[str]) -> list[str]:
    """The pastes, and the names of the keys, that come of these reads."""
    parser = WholePastes()
    found = [event for piece in pieces for event in parser.feed(piece)]
    return [event.text if isinstance(event, events.Paste) else getattr(event, "key", "?") for event in found]


@pytest.mark.parametrize("cut", range(1, len(SENT)))
def test_paste_with_escapes_is_one_paste(cut: int) -> None:
    """Its line ends are no Enter, and its escapes no keys; keys before and after it are keys."""
    assert told([SENT[:cut], SENT[cut:]]) == ["a", RED, "b", "up", "", "again"]


def test_paste_in_single_characters_is_one_paste() -> None:
    """The marks, too, may come in pieces."""
    assert told(list(SENT)) == ["a", RED, "b", "up", "", "again"]


def test_paste_in_the_middle_waits_for_its_end() -> None:
    """A mark that was begun and is none is text."""
    assert told(["\x1b[200~a\x1b[20", "2~b\x1b[201~"]) == ["a\x1b[202~b"]


def test_terminals_are_read_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toolkit's driver makes its parser by a name that is ours by then."""
    monkeypatch.setattr("textual.drivers.linux_driver.XTermParser", None)
    keep_pastes_whole()
    assert LinuxDriver.run_input_thread.__globals__["XTermParser"] is WholePastes
    assert "XTermParser" in LinuxDriver.run_input_thread.__code__.co_names
