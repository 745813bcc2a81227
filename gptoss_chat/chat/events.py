"""What a turn tells the screen or the command line while it runs; it knows nothing of how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from gptoss_chat.engine.types import FinishReason, Usage

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


TurnEvent = Prefilling | ReasoningDelta | AnswerDelta | ToolCallDelta | Routed | TurnFinished
