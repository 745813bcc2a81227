"""The panes as they were left, in a file beside the history; it knows nothing of how they are shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gptoss_chat.errors import GptossChatError, HistoryError

if TYPE_CHECKING:
    from gptoss_chat.history import Store
    from gptoss_chat.tui.arrangement import Arrangement


class ArrangementFile:
    """Written whenever the panes change; the window that wrote last is the one that is reopened."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, arrangement: Arrangement) -> None:
        """Keep it. Raises GptossChatError."""
        from gptoss_chat.tui.arrangement import to_json  # the first frame does not wait for it

        scratch = self._path.with_suffix(".new")
        try:
            scratch.write_text(to_json(arrangement), encoding="utf-8")
            scratch.replace(self._path)
        except OSError as error:
            raise GptossChatError(
                f"Can't write {self._path}: {error.strerror}.", "The panes will not reopen."
            ) from error

    def read(self, store: Store) -> Arrangement | None:
        """The panes whose conversations are still there; None where there are none, or where another conversation, which none
        of them shows, was the last one that was gone on with since. Raises HistoryError for the history itself."""
        from gptoss_chat.tui.arrangement import from_json

        try:
            saved_s = self._path.stat().st_mtime
            found = from_json(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):  # none yet, or none that can be read: the last conversation opens alone
            return None
        if found is None:
            return None
        ids = frozenset(place.conversation_id for place in found.places if place.conversation_id is not None)
        left = found.without(frozenset(id_ for id_ in ids if not _is_there(store, id_)))
        latest = store.conversations(limit=1)
        if latest and latest[0].id not in ids and latest[0].updated > saved_s:
            return None
        return left


def _is_there(store: Store, conversation_id: str) -> bool:
    try:
        return store.conversation(conversation_id).id == conversation_id
    except HistoryError:
        return False
