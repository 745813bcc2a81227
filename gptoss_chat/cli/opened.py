"""The person's history, opened for one command; it knows nothing of what the command does with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gptoss_chat.text import printable

if TYPE_CHECKING:
    from gptoss_chat.history import Store


@contextmanager
def opened_store() -> Iterator[Store]:
    """The history, closed at the end; a damaged one that had to be set aside is told on stderr."""
    from gptoss_chat.history import Store
    from gptoss_chat.paths import Paths

    store = Store.open(Paths.of_user().history_db)
    try:
        if store.notice:
            print(printable(store.notice), file=sys.stderr)
        yield store
    finally:
        store.close()
