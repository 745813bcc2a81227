"""A session joins the history, the prompt format and the engine; it knows nothing of screens or tensors.

Its own thread loads the models and gives each turn a thread, which feeds the engine, reads its tokens, writes the history and
fills the turn's queue. A reader who is slow, or gone, slows nothing and loses nothing.
"""

from __future__ import annotations

import dataclasses
import logging
import queue
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from gptoss_chat.chat.ahead import ReadAhead, Wish
from gptoss_chat.chat.stored import Branching, options_of, settings_text
from gptoss_chat.chat.threads import Job, TurnThreads
from gptoss_chat.chat.turn import Turn, TurnOptions
from gptoss_chat.errors import GptossChatError, HistoryError, UsageError
from gptoss_chat.history import Store

if TYPE_CHECKING:  # met on other threads: the first frame does not wait for them
    from gptoss_chat.chat.loading import LoadedModel, Loader
    from gptoss_chat.tools.toolbox import Toolbox

KEEP_DELETED_S = 30 * 86_400.0  # a deleted conversation can be brought back for this long
_log = logging.getLogger(__name__)


class ModelState(StrEnum):
    """Where the model stands."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class Session:
    """Conversations on one model.

    `store` is the history; `load` brings the model (called once, on the session's thread, after `start`); `on_change` is called
    from that thread whenever state or progress changed. `toolbox` holds the tools that may be offered; without one, those that
    come with the program. Nothing heavy is imported before `start`.
    """

    def __init__(
        self, store: Store, load: Loader, *, model_name: str, date: Callable[[], str], toolbox: Toolbox | None = None
    ) -> None:
        self.store = store
        self.model_name = model_name
        self.state = ModelState.LOADING
        self.progress = 0.0
        self.error: Exception | None = None
        self.on_change: Callable[[], None] | None = None
        self._load = load
        self._date = date
        self._model: LoadedModel | None = None
        self._jobs: queue.Queue[Job | _Change | None] = queue.Queue()
        self._closing = threading.Event()
        self._turns = TurnThreads(store, self._loaded_or_error, toolbox, self._closing)
        self._ahead = ReadAhead(store, date, self._turns.tool_caller)
        self._thread = threading.Thread(target=self._work, name="chat", daemon=True)

    def start(self) -> None:
        """Begin to load the model. Prompts may be asked before it is ready: they wait."""
        self._thread.start()

    def close(self) -> None:
        """Stop what runs, keep what was written, and end the threads. Store and toolbox stay open: they are the caller's."""
        self._closing.set()
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self._turns.wait(timeout_s=10)
        self._ahead.wait(timeout_s=10)
        if self._model is not None:
            self._model.engine.close()

    @property
    def loaded(self) -> LoadedModel | None:
        """The model, once it can answer."""
        return self._model

    @property
    def backend(self) -> str:
        """What computes, in words; empty until the model is loaded."""
        return self._model.engine.backend if self._model else ""

    @property
    def notice(self) -> str:
        """What the reader should know of how the model runs here; usually nothing."""
        return self._model.notice if self._model else ""

    @property
    def warm_error(self) -> Exception | None:
        """Why reading ahead failed, when it did: the next prompt will be slower, or meet the same error."""
        return self._model.engine.warm_error if self._model else None

    @property
    def context_limit(self) -> int:
        """Tokens that fit the model's context; 0 until the model is loaded."""
        return self._model.engine.context_limit if self._model else 0

    @property
    def kv_bytes_used(self) -> int:
        """Bytes of the KV cache in use."""
        return self._model.engine.kv_bytes_used if self._model else 0

    def count_tokens(self, text: str) -> int | None:
        """How many tokens `text` takes; None until the model is loaded."""
        return len(self._model.encoding.encode_text(text)) if self._model else None

    def use(self, name: str, load: Loader) -> None:
        """Change to another model. What was asked before is still answered by the present one; then its memory is freed."""
        self.model_name = name
        self._jobs.put(_Change(load))

    def read_ahead(self, conversation_id: str | None, leaf_id: str | None, options: TurnOptions) -> None:
        """A prompt may come after `leaf_id`, or begin a new conversation (None): the model reads what will stand before it while
        it has nothing else to do. At once; nothing happens before the model is loaded, or where an answer is still being written.
        """
        if self._model is not None and not (leaf_id is not None and self._turns.writes(leaf_id)):
            self._ahead.wish(self._model, Wish(conversation_id, leaf_id, options))

    def ask(self, conversation_id: str | None, text: str, options: TurnOptions) -> Turn:
        """Add a prompt at the leaf of a conversation (None begins a new one) and queue its answer."""
        if not text.strip():
            raise UsageError("The prompt is empty.", "Type something first.")
        from gptoss_chat.chat.prompt import title_of

        if conversation_id is None:
            conversation_id = self.store.new_conversation(title_of(text), model=self.model_name, date=self._date()).id
        parent_id = self.store.conversation(conversation_id).leaf_id
        user = self.store.add_user(conversation_id, parent_id, text)
        return self._reply_to(conversation_id, user.id, options)

    def edit(self, user_node_id: str, text: str, options: TurnOptions) -> Turn:
        """Ask again with other words: a sibling of the prompt `user_node_id`; the old one stays."""
        old = self.store.node(user_node_id)
        user = self.store.add_user(old.conversation_id, old.parent_id, text)
        return self._reply_to(old.conversation_id, user.id, options)

    def regenerate(self, reply_node_id: str, options: TurnOptions) -> Turn:
        """Another answer to the same prompt: a sibling of `reply_node_id`; the old one stays."""
        old = self.store.node(reply_node_id)
        if old.role != "assistant" or old.parent_id is None:
            raise UsageError("Only an answer can be regenerated.", "Pick an answer.")
        return self._reply_to(old.conversation_id, old.parent_id, options)

    def resume(self, reply_node_id: str, options: TurnOptions) -> Turn:
        """Go on with an answer that was stopped, in place: its tokens so far are the beginning of the new ones."""
        node = self.store.node(reply_node_id)
        if node.role != "assistant" or node.parent_id is None or node.status == "complete":
            raise UsageError("This answer is complete.", "Only a stopped answer can be gone on with.")
        if self._turns.writes(reply_node_id):
            raise UsageError("This answer is being written.", "Stop it first.")
        # Rules for the router are part of the answer: it goes on under those it began with.
        options = dataclasses.replace(options, route=options_of(node, options).route)
        self.store.reopen_reply(reply_node_id)
        turn = Turn(node.conversation_id, node.parent_id, node.id, options)
        self._jobs.put(Job(turn, tuple(node.raw_ids), node.id))
        return turn

    def branch(self, branching: Branching, options: TurnOptions) -> Turn:
        """Another answer that begins as an earlier one does and leaves it at a token: a sibling; the old one stays.

        With the options of the earlier one (`options_of`), the keys and values of what precedes the token are in the cache,
        unless it was long ago or changed the router. Raises UsageError where nothing can follow.
        """
        node = self.store.node(branching.reply_id)
        if node.role != "assistant" or node.parent_id is None or not 0 <= branching.kept <= len(node.raw_ids):
            raise UsageError("Only an answer's own tokens can be replaced.", "Pick a token of an answer.")
        if node.model != self.model_name or self._model is None:
            raise UsageError(f"That answer is of the model '{node.model}', which is not loaded.", "Change to it first.")
        stop_ids = self._model.encoding.stop_ids
        if not branching.token_ids or stop_ids & set(branching.token_ids):
            raise UsageError("The answer would end there.", "Pick a token that something can follow.")
        begun_ids = (*node.raw_ids[: branching.kept], *branching.token_ids)
        return self._reply_to(node.conversation_id, node.parent_id, options, branching, begun_ids)

    def _reply_to(
        self,
        conversation_id: str,
        user_node_id: str,
        options: TurnOptions,
        branching: Branching | None = None,
        begun_ids: tuple[int, ...] = (),
    ) -> Turn:
        settings = settings_text(options, branching)
        reply = self.store.begin_reply(conversation_id, user_node_id, self.model_name, options.effort, settings)
        if begun_ids:  # a process that ends before the first save leaves what can be gone on with
            self.store.save_partial(reply.id, "", "", begun_ids)
        turn = Turn(conversation_id, user_node_id, reply.id, options)
        self._jobs.put(Job(turn, begun_ids, branching.reply_id if branching else reply.id))
        return turn

    def _loaded_or_error(self) -> LoadedModel:
        if self._model is None:
            raise self.error or GptossChatError("The model is not loaded.", "Start again.")
        return self._model

    # The session's thread --------------------------------------------------------------------------------------------

    def _work(self) -> None:
        self._load_model(self._load)
        self._purge()
        while (job := self._jobs.get()) is not None:
            match job:
                case Job():
                    self._turns.begin(job)
                case _Change(load=load):
                    self._turns.wait()  # for all that was asked before
                    if not self._closing.is_set():
                        self._load_model(load)
                case _:
                    assert_never(job)

    def _load_model(self, load: Loader) -> None:
        from gptoss_chat.chat.hurry import share_python
        from gptoss_chat.chat.loading import collect_spared, spare_collector

        old, self._model = self._model, None
        self.state, self.progress, self.error = ModelState.LOADING, 0.0, None
        try:
            if old is not None:
                old.engine.close()
                del old  # its weights go before the new ones come
                collect_spared()
            self._model = load(self._on_progress)
            spare_collector()
            share_python()
            self.state, self.progress = ModelState.READY, 1.0
        except Exception as error:  # noqa: BLE001 - whatever went wrong is told to the reader, in every waiting turn
            if not isinstance(error, GptossChatError):
                _log.exception("loading %s", self.model_name)
            self.state, self.error = ModelState.FAILED, error
        self._changed()

    def _purge(self) -> None:
        try:
            self.store.purge(older_than_s=KEEP_DELETED_S)
        except HistoryError:  # the reader meets the same error, and is told, at the first thing they ask for
            _log.exception("purging deleted conversations")

    def _on_progress(self, progress: float) -> None:
        self.progress = progress
        self._changed()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()


@dataclasses.dataclass(frozen=True, slots=True)
class _Change:
    load: Loader
