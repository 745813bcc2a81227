"""The sampler against a plain softmax over the whole vocabulary."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss_chat.engine.sampler import Sampler, candidates, uniform
from gptoss_chat.engine.types import SamplingParams

VOCAB = 700


def scores(seed: int = 0, spread: float = 3.0, vocab: int = VOCAB) -> torch.Tensor:
    return spread * torch.randn(vocab, generator=torch.Generator().manual_seed(seed))


def reference(logits: torch.Tensor, params: SamplingParams) -> list[float]:
    """Probabilities by full sorts in float64: temperature, top-k, top-p, min-p, each renormalised."""
    p = (logits.double() / params.temperature).softmax(0)
    if params.top_k:
        kept = p.sort(descending=True).indices[: params.top_k]
        p = torch.zeros_like(p).scatter(0, kept, p[kept])
        p /= p.sum()
    if params.top_p < 1:
        ordered, index = p.sort(descending=True)
        kept = index[ordered.cumsum(0) - ordered < params.top_p]
        p = torch.zeros_like(p).scatter(0, kept, p[kept])
        p /= p.sum()
    if params.min_p:
        p = torch.where(p >= params.min_p * p.max(), p, 0)
        p /= p.sum()
    return p.tolist()


def drawn(logits: torch.Tensor, params: SamplingParams) -> list[float]:
    """The exact probabilities with which the sampler draws."""
    ids, scaled = candidates(logits, params)
    p = torch.zeros(len(logits), dtype=torch.float64)
    p[slice(None) if ids is None else ids] = scaled.double().softmax(0)
    return p.tolist()


@given(
    seed=st.integers(0, 1000),
    spread=st.sampled_from([0.01, 1.0, 3.0, 20.0]),
    temperature=st.sampled_from([0.3, 1.0, 1.7]),
    top_p=st.sampled_from([1e-6, 0.1, 0.5, 0.9, 0.99, 1.0]),
    top_k=st.sampled_from([0, 1, 5, 100, 699, 700, 5000]),
    min_p=st.sampled_from([0.0, 0.02, 0.5, 0.99]),
)
@settings(max_examples=150, deadline=None)
def test_probabilities_equal_the_plain_softmax(
    seed: int, spread: float, temperature: float, top_p: float, top_k: int, min_p: float
) -> None:
    """Every combination of filters leaves the same tokens with the same probabilities."""
    params = SamplingParams(temperature=temperature, top_p=top_p, top_k=top_k, min_p=min_p)
    logits = scores(seed, spread)
    assert drawn(logits, params) == pytest.approx(reference(logits, params), abs=2e-5)


@pytest.mark.parametrize("params", [SamplingParams(), SamplingParams(top_p=0.8), SamplingParams(top_k=6, min_p=0.05)])
def test_frequencies_fit_the_distribution(params: SamplingParams) -> None:
    """Chi-square of 8,000 draws at successive positions stays below the 99.9 % bound."""
    logits, draws = scores(4, 1.5, vocab=12), 8_000
    sampler = Sampler(params, 12, ())
    counts = [0] * 12
    for position in range(draws):
        counts[sampler.sample(logits, position).token_id] += 1
    want = reference(logits, params)
    assert all(count == 0 for count, p in zip(counts, want, strict=True) if p == 0)
    chi_square = sum((c - draws * p) ** 2 / (draws * p) for c, p in zip(counts, want, strict=True) if p > 0)
    assert chi_square < 31.3  # 11 degrees of freedom


def test_same_seed_and_position_draw_the_same_token() -> None:
    """The draw depends on nothing else: not on the draws before it."""
    params = SamplingParams(seed=11)
    one, two = Sampler(params, VOCAB, ()), Sampler(params, VOCAB, ())
    for position in range(5):
        one.sample(scores(9), position)
    assert one.sample(scores(3), 40) == two.sample(scores(3), 40)
    assert len({Sampler(params, VOCAB, ()).sample(scores(3), at).token_id for at in range(50)}) > 10


def test_uniform_is_fixed_for_ever_and_even() -> None:
    """Recorded texts can be repeated: these numbers must not change."""
    assert (uniform(0, 0), uniform(7, 123)) == (0.0564663990004608, 0.01911069159000245)
    values = [uniform(5, position) for position in range(4000)]
    assert all(0 <= value < 1 for value in values)
    assert abs(sum(values) / 4000 - 0.5) < 0.02


def test_last_bits_of_the_scores_rarely_change_the_draw() -> None:
    """Scores off by 1e-5 draw the same token in at least 998 of 1,000 steps, near-ties included."""
    sampler = Sampler(SamplingParams(seed=1, top_p=0.95), VOCAB, ())
    same = 0
    for step in range(1000):
        logits = scores(step, 2.0)
        near = logits + 1e-5 * scores(step + 5000, 1.0)
        same += sampler.sample(logits, step).token_id == sampler.sample(near, step).token_id
    assert same >= 998


def test_temperature_zero_is_greedy_and_first_of_equals() -> None:
    """The likeliest token, whatever the seed and filters."""
    logits = scores(1)
    for seed in range(5):
        params = SamplingParams(temperature=0, seed=seed, top_p=0.3, top_k=9)
        assert Sampler(params, VOCAB, ()).sample(logits, seed).token_id == int(logits.argmax())


def test_logprobs_are_those_of_the_model_before_filters() -> None:
    """Chosen token and alternatives carry the plain log-softmax, most likely first."""
    logits = scores(2)
    params = SamplingParams(temperature=0.5, top_k=3, seed=4, logprobs=5)
    sample = Sampler(params, VOCAB, ()).sample(logits, 0)
    want = logits.log_softmax(0)
    assert sample.logprob == pytest.approx(float(want[sample.token_id]), abs=1e-5)
    order = want.sort(descending=True)
    assert [token for token, _ in sample.alternatives] == order.indices[:5].tolist()
    assert [logprob for _, logprob in sample.alternatives] == pytest.approx(order.values[:5].tolist(), abs=1e-5)


def test_repetition_penalty_counts_prompt_and_answer() -> None:
    """Positive scores of seen tokens are divided, negative ones multiplied; drawn tokens count as seen."""
    logits = torch.tensor([3.0, 2.9, 2.8, -1.0])
    sampler = Sampler(SamplingParams(temperature=0, repetition_penalty=2.0), 4, (0,))
    assert [sampler.sample(logits, position).token_id for position in range(3)] == [1, 2, 0]
    assert logits.tolist() == pytest.approx([3.0, 2.9, 2.8, -1.0])  # the model's tensor is left alone
    negative = torch.tensor([-1.0, -1.5])
    assert Sampler(SamplingParams(temperature=0, repetition_penalty=2.0), 2, (0,)).sample(negative, 0).token_id == 1


def test_tokens_of_weight_zero_are_never_drawn() -> None:
    """Masked scores of minus infinity stay out at every position of the distribution."""
    logits = torch.full((50,), -math.inf)
    logits[[7, 30]] = 0.0
    sampler = Sampler(SamplingParams(seed=2), 50, ())
    assert {sampler.sample(logits, position).token_id for position in range(200)} == {7, 30}
