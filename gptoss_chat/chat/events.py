"""What a turn tells the screen or the command line while it runs; it knows nothing of how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from gptoss_chat.engine.types import FinishReason, Usage
from gptoss_chat.history.values import ToolCall

if TYPE_CHECKING:  # the first painted frame does not wait for NumPy
    import numpy as np
    from numpy.typing import NDArray


class TurnStatus(StrEnum):
    """How a reply stands in the history."""

    COMPLETE = "complete"
    STOPPED = "stopped"  # by the reader, a limit, or the end of the process: can be gone on with
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Prefilling:
    """`done` of `total` prompt tokens are ready, `reused` of them straight from the KV cache."""

    done: int
    total: int
    reused: int


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of the analysis channel."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """More of the arguments of a call to `recipient`."""

    recipient: str
    text: str


class CallState(StrEnum):
    """How far a tool call has got."""

    ASKED = "asked"  # it waits for the person: Turn.decide
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The reply's call number `number` (from 0) is in another state. `about` is what would run, in words for the person;
    `result` is what it gave back once it is done, and begins with `error: ` where it gave nothing."""

    number: int
    name: str
    arguments: str
    state: CallState
    about: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class ToolNotice:
    """What the person should know of the tools on offer, such as a server that did not start."""

    text: str


@dataclass(frozen=True, slots=True)
class Routed:
    """One decoded token with its routing: experts uint8 [L, K], weights float16 [L, K], and alternatives (id, logprob)."""

    token_id: int
    token_text: str
    logprob: float
    alternatives: Sequence[tuple[int, float]]
    experts: NDArray[np.uint8]
    weights: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """The last event of every turn. `usage` is None when the engine never began."""

    status: TurnStatus
    reason: FinishReason
    answer: str
    reasoning: str
    usage: Usage | None
    error: Exception | None = None
    calls: tuple[ToolCall, ...] = ()


TurnEvent = Prefilling | ReasoningDelta | AnswerDelta | ToolCallDelta | ToolUse | ToolNotice | Routed | TurnFinished
