"""Draws the next token from the model's scores; it knows nothing of the cache, nor of text.

Legend: V vocabulary, N candidates, B bins of scores, C scores of a part of the vocabulary.

The draw is an inverse-CDF over candidates in the order of their ids, with one uniform number that depends only on the
seed and the token's position. Scores that differ in their last bits (another way of cutting the same prompt into
chunks) then give the same token but for the rarest of draws, and a stopped answer goes on as it would have gone on.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import struct
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from gptoss_chat.engine.rows import ALTERNATIVES
from gptoss_chat.engine.types import SamplingParams
from gptoss_chat.errors import GptossChatError, UsageError

FIRST_CANDIDATES = 64  # covers the nucleus of most steps
PART = 128  # scores; the likeliest tokens are sought part by part ...
SMALL_VOCAB = 2**15  # ... from here on: 0.14 against 0.5 ms for 201,088 scores, but 0.1 against 0.02 for 4,096
BINS = 8192  # of scores, when it does not
FLOAT32_EXP_RANGE = 104.0  # exp of anything further below the peak is 0 in float32


@dataclass(frozen=True, slots=True)
class Sample:
    """A drawn token, its log-probability under the model, and the likeliest tokens with theirs: ALTERNATIVES, or as many as
    `logprobs` asks for.

    Of the model, before temperature and filters: what greedy drawing or a narrow filter leaves would say nothing.
    """

    token_id: int
    logprob: float
    alternatives: tuple[tuple[int, float], ...]


class Sampler:
    """Draws tokens by `params`. `context_ids` are the tokens so far, which the repetition penalty looks at."""

    def __init__(self, params: SamplingParams, vocab: int, context_ids: Iterable[int]) -> None:
        self._params = params
        self._vocab = vocab
        self.seed = fresh_seed() if params.seed is None else params.seed
        self._weight_V: Tensor | None = None
        self._cdf_V = torch.empty(0, dtype=torch.float64)
        self._seen: set[int] = set(context_ids) if params.repetition_penalty != 1.0 else set()

    def sample(self, logits_V: Tensor, position: int) -> Sample:
        """The token at `position`, given the scores (float32 [V]) of the token before it.

        Raises GptossChatError when the scores hold NaN or infinity.
        """
        log_total = float(torch.logsumexp(logits_V, dim=0))
        if not math.isfinite(log_total):
            raise GptossChatError(
                "The model's scores are not numbers.", "Its weights are probably damaged: verify or download it again."
            )
        params = self._params
        scores_V = self._penalised(logits_V) if params.repetition_penalty != 1.0 else logits_V
        token = (
            int(scores_V.argmax()) if params.temperature == 0 else self._draw(scores_V, uniform(self.seed, position))
        )
        if params.repetition_penalty != 1.0:
            self._seen.add(token)
        scores, ids = likeliest(logits_V, max(params.logprobs, ALTERNATIVES))
        alternatives = tuple(zip(ids.tolist(), (scores - log_total).tolist(), strict=True))
        return Sample(token, float(logits_V[token]) - log_total, alternatives)

    def _draw(self, scores_V: Tensor, fraction: float) -> int:
        ids_N, scaled_N = candidates(scores_V, self._params)
        if self._weight_V is None or self._weight_V.device != scaled_N.device:
            # Kept between steps: a fresh megabyte at every step costs more in page faults than in arithmetic.
            self._weight_V = torch.empty_like(scores_V)
            self._cdf_V = torch.empty_like(scores_V, dtype=torch.float64)
        weight_N, cdf_N = self._weight_V[: len(scaled_N)], self._cdf_V[: len(scaled_N)]
        torch.sub(scaled_N, scaled_N.max(), out=weight_N).exp_()
        torch.cumsum(weight_N, 0, dtype=torch.float64, out=cdf_N)
        # side "right": the first token whose cumulative weight exceeds the target, so one of weight 0 is never drawn.
        index = int(torch.searchsorted(cdf_N, cdf_N[-1:] * fraction, right=True))
        return index if ids_N is None else int(ids_N[index])

    def _penalised(self, logits_V: Tensor) -> Tensor:
        """Scores of tokens seen before divided (positive) or multiplied (negative) by the penalty (CTRL, 2019)."""
        seen_N = torch.tensor(sorted(self._seen), dtype=torch.int64, device=logits_V.device)
        seen_scores_N = logits_V[seen_N]
        penalty = self._params.repetition_penalty
        penalised_N = torch.where(seen_scores_N > 0, seen_scores_N / penalty, seen_scores_N * penalty)
        return logits_V.index_copy(0, seen_N, penalised_N)


def likeliest(logits_V: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` highest scores (or all, where there are fewer) and their ids, the highest first.

    They stand in the `count` parts of the vocabulary with the highest maxima, so only these parts are looked into.
    """
    whole = len(logits_V) // PART
    if len(logits_V) < SMALL_VOCAB or whole < 2 * count:
        top = logits_V.topk(min(count, len(logits_V)))
        return top.values, top.indices
    parts_XC = logits_V[: whole * PART].view(whole, PART)
    best_N = parts_XC.amax(dim=1).topk(count).indices
    ids_NC = best_N[:, None] * PART + torch.arange(PART, device=logits_V.device)
    ids_N = torch.cat([ids_NC.flatten(), torch.arange(whole * PART, len(logits_V), device=logits_V.device)])
    top = logits_V[ids_N].topk(count)
    return top.values, ids_N[top.indices]


def check(params: SamplingParams) -> None:
    """Raises UsageError for values that make no sense."""
    rules = (
        (math.isfinite(params.temperature) and params.temperature >= 0, "temperature", "0 (greedy) or more"),
        (0 < params.top_p <= 1, "top_p", "more than 0 and at most 1"),
        (params.top_k >= 0, "top_k", "0 (off) or more"),
        (0 <= params.min_p < 1, "min_p", "at least 0 (off) and less than 1"),
        (0 < params.repetition_penalty < math.inf, "repetition_penalty", "more than 0"),
        (params.max_tokens is None or params.max_tokens >= 0, "max_tokens", "0 or more"),
        (params.logprobs >= 0, "logprobs", "0 or more"),
    )
    for holds, name, allowed in rules:
        if not holds:
            raise UsageError(f"{name} is {getattr(params, name)}; it must be {allowed}.")


def fresh_seed() -> int:
    """A new seed, short enough to be typed again."""
    return secrets.randbelow(2**31)


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1) with 53 random bits, the same on every machine for the same seed and position."""
    digest = hashlib.blake2b(struct.pack("<QQ", seed % 2**64, position), digest_size=8).digest()
    return float(int.from_bytes(digest, "little") >> 11) * 2.0**-53


def candidates(scores_V: Tensor, params: SamplingParams) -> tuple[Tensor | None, Tensor]:
    """The tokens that may be drawn: ids in rising order (int64 [N]; None: all), and their scores over temperature.

    The filters apply in transformers' order: temperature, top-k, top-p, min-p.
    """
    scaled_V = scores_V / params.temperature if params.temperature != 1.0 else scores_V
    ids_N: Tensor | None = None
    if 0 < params.top_k < len(scaled_V):
        ids_N = scaled_V.topk(params.top_k, sorted=False).indices.sort().values
    if params.top_p < 1:
        scaled_N = scaled_V if ids_N is None else scaled_V[ids_N]
        nucleus = _nucleus(scaled_N, params.top_p)
        ids_N = nucleus if ids_N is None else ids_N[nucleus]
    if params.min_p > 0:
        scaled_N = scaled_V if ids_N is None else scaled_V[ids_N]
        likely = torch.nonzero(scaled_N >= scaled_N.max() + math.log(params.min_p)).squeeze(1)
        ids_N = likely if ids_N is None else ids_N[likely]
    if ids_N is None:
        return None, scaled_V
    return ids_N, scaled_V[ids_N]


def _nucleus(scaled_N: Tensor, top_p: float) -> Tensor:
    """Indices, in rising order, of the smallest set of likeliest tokens whose probabilities reach `top_p`.

    Nothing is sorted but the few likeliest tokens or, when they do not suffice, those with scores close to the edge.
    """
    below_N = scaled_N.max() - scaled_N
    weight_N = (-below_N).exp_().to(torch.float64)
    target = float(weight_N.sum()) * top_p
    top = scaled_N.topk(min(FIRST_CANDIDATES, len(scaled_N))).indices
    reached_N = weight_N[top].cumsum(0)
    if len(top) == len(scaled_N) or float(reached_N[-1]) >= target:
        return top[reached_N - weight_N[top] < target].sort().values
    bin_N = (below_N * (BINS / FLOAT32_EXP_RANGE)).clamp_(max=BINS - 1).long()
    reached_B = torch.bincount(bin_N, weights=weight_N, minlength=BINS).cumsum(0)
    edge_bin = min(int(torch.searchsorted(reached_B, target)), BINS - 1)
    edge = torch.nonzero(bin_N == edge_bin).squeeze(1)
    edge = edge[below_N[edge].argsort(stable=True)]
    before_N = reached_B[edge_bin] - weight_N[edge].flip(0).cumsum(0).flip(0)
    chosen_N = bin_N < edge_bin
    chosen_N[edge[before_N < target]] = True
    return torch.nonzero(chosen_N).squeeze(1)
