"""Draws the next token from the model's scores; it knows nothing of the cache, nor of text.

Legend: V vocabulary, N candidates, B bins of scores.

The draw is an inverse-CDF over candidates in the order of their ids, with one uniform number that depends only on the
seed and the token's position. Scores that differ in their last bits (another way of cutting the same prompt into
chunks) then give the same token but for the rarest of draws, and a stopped answer goes on as it would have gone on.

Of a large vocabulary only parts are looked into, where that is proven to draw the same token (`parts`); a GPU brings their sums
along with the scores.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gptoss_chat.engine.parts import Parts
from gptoss_chat.engine.rows import ALTERNATIVES
from gptoss_chat.engine.types import SamplingParams
from gptoss_chat.errors import GptossChatError, UsageError
from gptoss_chat.kernels.part_sums import ScoreSums, part_sums

FIRST_CANDIDATES = 64  # covers the nucleus of most steps
SMALL_VOCAB = 2**15  # from here on parts are looked into: less is gone through faster than parts are summed up
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
        # Kept between steps: a fresh megabyte at every step costs more in page faults than in arithmetic.
        self._weight_V = torch.empty(vocab)
        self._cdf_V = torch.empty(vocab, dtype=torch.float64)
        self._seen: set[int] = set(context_ids) if params.repetition_penalty != 1.0 else set()

    def sums(self) -> ScoreSums | None:
        """What `sample` has use for beside the scores of a step; None where it needs no more."""
        if self._vocab < SMALL_VOCAB:
            return None
        params = self._params
        filters = _filters(params, self._vocab)
        # Who draws from all tokens, or from a share of them, has to know what all weigh together.
        weighs = params.temperature > 0 and (not filters or filters[0][0] is _nucleus)
        return ScoreSums(1 / params.temperature if weighs else 1.0)

    def sample(self, logits_V: Tensor, position: int, sums: ScoreSums | None = None) -> Sample:
        """The token at `position`, given the scores (float32 [V], of the CPU) of the token before it and what came of `sums()`.

        Raises GptossChatError when the scores hold NaN or infinity.
        """
        parts, params = self._parts(logits_V, sums or self.sums()), self._params
        log_total = float(torch.logsumexp(logits_V, dim=0)) if parts is None else parts.log_total
        if not math.isfinite(log_total):
            raise GptossChatError(
                "The model's scores are not numbers.", "Its weights are probably damaged: verify or download it again."
            )
        penalises = params.repetition_penalty != 1.0
        token = self._token(
            self._penalised(logits_V) if penalises else logits_V, position, None if penalises else parts
        )
        if penalises:
            self._seen.add(token)
        count = min(max(params.logprobs, ALTERNATIVES), len(logits_V))
        scores, ids = logits_V.topk(count) if parts is None else parts.likeliest(count)
        alternatives = tuple((i, score - log_total) for i, score in zip(ids.tolist(), scores.tolist(), strict=True))
        return Sample(token, float(logits_V[token]) - log_total, alternatives)

    def _parts(self, logits_V: Tensor, sums: ScoreSums | None) -> Parts | None:
        if sums is None:
            return None
        sums_3X = part_sums(logits_V, sums.factor, self._weight_V) if sums.sums_3X is None else sums.sums_3X
        return Parts(logits_V, sums_3X, sums.factor)

    def _token(self, scores_V: Tensor, position: int, parts: Parts | None) -> int:
        if self._params.temperature == 0:
            return int(scores_V.argmax()) if parts is None else parts.first_best()
        fraction = uniform(self.seed, position)
        if parts is not None and not _filters(self._params, len(scores_V)):
            token = parts.draw(fraction)
            if token is not None:
                return token
        return self._draw(*candidates(scores_V, self._params, parts), fraction)

    def _draw(self, ids_N: Tensor | None, scaled_N: Tensor, fraction: float) -> int:
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


def candidates(scores_V: Tensor, params: SamplingParams, parts: Parts | None = None) -> tuple[Tensor | None, Tensor]:
    """The tokens that may be drawn: ids in rising order (int64 [N]; None: all), and their scores over temperature.

    The filters apply in transformers' order: temperature, top-k, top-p, min-p. With the `parts` of these scores the first of
    them looks only into some, where it can.
    """
    temperature, ids_N = params.temperature, None

    def scaled(scores_N: Tensor) -> Tensor:
        return scores_N / temperature if temperature != 1.0 else scores_N

    for keep, found, amount in _filters(params, len(scores_V)):
        if ids_N is not None:
            ids_N = ids_N[keep(scaled(scores_V[ids_N]), amount)]
            continue
        if parts is not None:
            ids_N = found(parts, temperature, amount)
        if ids_N is None:
            ids_N = keep(scaled(scores_V), amount)
    return ids_N, scaled(scores_V if ids_N is None else scores_V[ids_N])


_Filter = tuple[Callable[[Tensor, Any], Tensor], Callable[[Parts, float, Any], Tensor | None], float]


def _filters(params: SamplingParams, vocab: int) -> list[_Filter]:
    """Those that do something, in their order: of all scores, of their parts, and how much of it."""
    filters: list[_Filter] = []
    if 0 < params.top_k < vocab:
        filters.append((_top_k, Parts.top_k, params.top_k))
    if params.top_p < 1:
        filters.append((_nucleus, Parts.nucleus, params.top_p))
    if params.min_p > 0:
        filters.append((_likely, Parts.at_least, params.min_p))
    return filters


def _top_k(scaled_N: Tensor, k: int) -> Tensor:
    """Indices, in rising order, of the k highest."""
    return scaled_N.topk(k, sorted=False).indices.sort().values


def _likely(scaled_N: Tensor, min_p: float) -> Tensor:
    """Indices, in rising order, of the tokens at least `min_p` as likely as the likeliest."""
    return torch.nonzero(scaled_N >= scaled_N.max() + math.log(min_p)).squeeze(1)


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
