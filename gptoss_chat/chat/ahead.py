"""What a prompt will begin with, read by the model before it comes; it knows nothing of screens, nor of what will be asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.errors import GptossChatError
from gptoss_chat.history import Node, Store

if TYPE_CHECKING:  # met on a thread: the first frame does not wait for it
    from gptoss_chat.chat.calling import Caller
    from gptoss_chat.chat.loading import LoadedModel

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """A prompt that may come: after `leaf_id` of a conversation, or as the first of a new one (None)."""

    conversation_id: str | None
    leaf_id: str | None
    options: TurnOptions


class ReadAhead:
    """Lets an idle model prefill the messages before a prompt: the newest wish counts, and what is left of others is dropped.

    `date` is the one that a new conversation would get, and `caller` says which tools it would offer.
    """

    def __init__(self, store: Store, date: Callable[[], str], caller: Callable[[], Caller]) -> None:
        self._store = store
        self._date = date
        self._caller = caller
        self._newest: tuple[LoadedModel, Wish] | None = None
        self._thread: threading.Thread | None = None

    def wish(self, model: LoadedModel, wish: Wish) -> None:
        """Begin, on a thread of its own; at once, and for nothing where it is the newest wish already."""
        new = (model, wish)
        if new != self._newest:
            self._newest = new
            self._thread = threading.Thread(target=self._read, args=new, name="ahead", daemon=True)
            self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Until the history is not read any more."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _read(self, model: LoadedModel, wish: Wish) -> None:
        from gptoss_chat.chat.prompt import messages_of
        from gptoss_chat.harmony import render

        mine = (model, wish)
        try:
            tools = self._caller().expected(wish.conversation_id, wish.leaf_id, wish.options)
            if tools is None:
                return
            path: list[Node] = []
            if wish.leaf_id is not None:
                path = self._store.path_to(wish.leaf_id)
            known = None if wish.conversation_id is None else self._store.conversation(wish.conversation_id)
            date = self._date() if known is None else known.date
            messages = messages_of(path, date=date, options=wish.options, tools=tools)
            ids = render(model.encoding, messages, generate=False)
        except GptossChatError:  # the prompt itself will meet the same, and its reader is told
            _log.info("nothing is read ahead", exc_info=True)
            return
        model.engine.warm(ids, lambda: self._newest == mine)
