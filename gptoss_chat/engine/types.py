"""What the engine is asked and what it answers: token ids, numbers and routing; it knows nothing of text, nor torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from gptoss_chat.engine.sampling import SamplingParams as SamplingParams
from gptoss_chat.model.route import Route

if TYPE_CHECKING:  # the first painted frame does not wait for NumPy
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """Continue `prompt_ids`. `record_from` is the first position whose routing is wanted in the final record.

    `route` changes the router from that position on. What is computed with it is not kept for other requests.
    """

    prompt_ids: tuple[int, ...]
    sampling: SamplingParams = field(default_factory=SamplingParams)
    record_from: int = 0
    route: Route = ()


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"  # a stop token
    LENGTH = "length"  # max_tokens
    CONTEXT = "context"  # the model's context, or the cache's memory, is full
    CANCELLED = "cancelled"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Usage:
    """The counts and times of one answer. `prefill_s` and `decode_s` are its own time of the model: while several answers are
    computed in turns, more passes on the clock."""

    reused_tokens: int  # prompt tokens found in the KV cache
    prefilled_tokens: int  # prompt tokens computed now
    generated_tokens: int
    prefill_s: float
    decode_s: float
    context_tokens: int  # prompt + generated
    context_limit: int
    seed: int
    writing_s: float = 0.0  # from the first token to the last, on the clock

    @property
    def decode_tokens_per_s(self) -> float:
        """What the model does: tokens a second of its time, after the first one, which the prefill has paid for; else 0."""
        return (self.generated_tokens - 1) / self.decode_s if self.generated_tokens > 1 else 0.0

    @property
    def tokens_per_s(self) -> float:
        """What a reader sees: tokens a second on the clock, after the first one; 0 when there is no other."""
        return (self.generated_tokens - 1) / self.writing_s if self.writing_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class RouteRecord:
    """The experts chosen for a span of tokens, and how those that were drawn were drawn.

    token_ids: uint32 [T]; experts: uint8 [T, L, K]; weights: float16 [T, L, K]; start: position of the first token.
    entropy: float16 [T, L], bits, of the router's softmax over all experts. logprobs: float32 [T], of each token under the
    model (before temperature and filters), NaN where it was given and not drawn; alternative_ids uint32 and
    alternative_logprobs float32 [T, A]: the likeliest tokens in its place, the likeliest first, NaN where there are none.
    Rows of tokens that were never run through the model (the last sampled one) are absent, so T counts rows. Under rules
    that change how many experts a token gets, K is the most that a layer may choose, and never less than the model's own; the
    places that a layer leaves empty hold NO_EXPERT and weight 0.
    """

    start: int
    token_ids: NDArray[np.uint32]
    experts: NDArray[np.uint8]
    weights: NDArray[np.float16]
    entropy: NDArray[np.float16]
    logprobs: NDArray[np.float32]
    alternative_ids: NDArray[np.uint32]
    alternative_logprobs: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PrefillProgress:
    """`done` of `total` prompt tokens are in the cache, `reused` of them from earlier."""

    done: int
    total: int
    reused: int


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """One sampled token. `experts` [L, K] uint8 and `weights` [L, K] float16 are the routing of the token *before* it
    (the forward pass that produced it); alternatives are (id, logprob), most likely first."""

    token_id: int
    logprob: float
    alternatives: Sequence[tuple[int, float]]
    experts: NDArray[np.uint8]
    weights: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every answer. `error` is set when reason is ERROR."""

    reason: FinishReason
    usage: Usage
    routes: RouteRecord | None
    error: Exception | None = None


EngineEvent = PrefillProgress | TokenEvent | Finished
