"""What a turn offers to call, and a call from the person's consent to its result; it knows nothing of prompts or threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from gptoss_chat.chat.events import CallState, ToolNotice, ToolUse
from gptoss_chat.chat.stored import tools_of, with_tools
from gptoss_chat.chat.turn import Turn, TurnOptions
from gptoss_chat.harmony.messages import FunctionTool
from gptoss_chat.history import Node, Store, ToolCall
from gptoss_chat.tools.toolbox import Toolbox
from gptoss_chat.tools.values import ERROR, Call, ToolError, ToolStoppedError

MOST_CALLS = 16  # in one turn: a model that goes in circles ends there
LOOK_S = 0.05  # between two looks at whether the turn shall end
REFUSED = f"{ERROR}the person did not allow this call"
TOO_MANY = f"{ERROR}too many calls, answer without another one"


class Caller:
    """Offers the tools of a toolbox, and calls them once the person has said yes. From any thread."""

    def __init__(self, store: Store, toolbox: Toolbox, closing: threading.Event) -> None:
        self._store = store
        self._toolbox = toolbox
        self._closing = closing
        self._allowed: set[tuple[str, str]] = set()  # conversation and tool; for as long as the program runs
        self._lock = threading.Lock()

    def offer(self, turn: Turn) -> tuple[FunctionTool, ...]:
        """The functions for the turn's prompt, which its row then keeps.

        They stand in the conversation's first message. So that this never changes by itself, they are those of the answers
        before, whatever the settings say by now, unless the turn names others. Raises ToolStoppedError and UsageError.
        """
        reply = self._store.node(turn.reply_node_id)
        known = tools_of(reply)
        if known is None and turn.options.tools is None:
            known = self._before(turn.conversation_id, turn.user_node_id, turn.reply_node_id)
        if known is None:
            offer = self._toolbox.offer(self._stopped(turn), turn.options.tools)
            turn.emit(*(ToolNotice(text) for text in offer.notices))
            known = offer.functions
        if known and tools_of(reply) is None:
            self._store.set_sampling(reply.id, with_tools(reply, known))
        return known

    def expected(
        self, conversation_id: str | None, leaf_id: str | None, options: TurnOptions
    ) -> tuple[FunctionTool, ...] | None:
        """What `offer` would find for a prompt after `leaf_id`; None where only a server that has not been asked yet could tell."""
        known = None
        if conversation_id is not None and options.tools is None:
            known = self._before(conversation_id, leaf_id)
        return self._toolbox.at_hand(options.tools) if known is None else known

    def result_of(self, turn: Turn, number: int, call: ToolCall, offered: Sequence[FunctionTool]) -> str | None:
        """What the turn's call `number` gives back, `error: ` and the reason where it gives nothing; None when it was stopped.

        Waits for the person's decision, and for the tool.
        """
        stopped = self._stopped(turn)
        about = ""
        try:
            if number >= MOST_CALLS:
                raise ToolError(TOO_MANY.removeprefix(ERROR))
            meant = self._toolbox.call(call.name, call.arguments, offered, stopped)
            about = meant.tool.about
            if self._may_run(turn, number, call, meant):
                turn.emit(ToolUse(number, call.name, call.arguments, CallState.RUNNING, about))
                result = meant.run(stopped)
            else:
                result = REFUSED
        except ToolError as error:
            result = f"{ERROR}{error}"
        except ToolStoppedError:
            return None
        turn.emit(ToolUse(number, call.name, call.arguments, CallState.DONE, about, result))
        return result

    def _may_run(self, turn: Turn, number: int, call: ToolCall, meant: Call) -> bool:
        allowance = (turn.conversation_id, meant.tool.function.name)
        with self._lock:
            if meant.tool.allow == "always" or allowance in self._allowed:
                return True
        turn.emit(ToolUse(number, call.name, call.arguments, CallState.ASKED, meant.tool.about))
        stopped = self._stopped(turn)
        while (decision := turn.decision(number, LOOK_S)) is None:
            if stopped():
                raise ToolStoppedError
        if decision == "always":
            with self._lock:
                self._allowed.add(allowance)
        return decision != "no"

    def _before(
        self, conversation_id: str, leaf_id: str | None, reply_id: str | None = None
    ) -> tuple[FunctionTool, ...] | None:
        """What the answer before a reply offered; at the root of the tree, the first answer of the conversation."""
        for node in self._near_first(conversation_id, leaf_id):
            if node.role == "assistant" and node.id != reply_id and (known := tools_of(node)) is not None:
                return known
        return None

    def _near_first(self, conversation_id: str, leaf_id: str | None) -> Iterator[Node]:
        """The messages up to a leaf, the nearest first; then, where somebody looks on, those of the whole tree."""
        if leaf_id is not None:
            yield from reversed(self._store.path_to(leaf_id))
        yield from self._store.nodes(conversation_id)

    def _stopped(self, turn: Turn) -> Callable[[], bool]:
        return lambda: turn.cancelled or self._closing.is_set()
