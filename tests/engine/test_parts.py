"""Draws that look into a few parts of a vocabulary against those that go through all of it: the same token, always."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gptoss_chat.engine import sampler
from gptoss_chat.engine.parts import NUCLEUS, Parts
from gptoss_chat.engine.sampler import Sample, Sampler, uniform
from gptoss_chat.engine.types import SamplingParams
from gptoss_chat.errors import GptossChatError
from gptoss_chat.kernels.part_sums import PART, part_sums

VOCAB = 2**15 + 200  # the last part is not whole


def scores(seed: int, spread: float = 3.0, vocab: int = VOCAB) -> Tensor:
    return spread * torch.randn(vocab, generator=torch.Generator().manual_seed(seed))


@contextmanager
def going_through_all() -> Iterator[None]:
    """Every vocabulary counts as small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler, "SMALL_VOCAB", 1 << 30)
        yield


def both_ways(params: SamplingParams, logits_V: Tensor, positions: range) -> tuple[list[Sample], list[Sample]]:
    by_parts = Sampler(params, len(logits_V), range(5))
    assert by_parts.sums() is not None
    found = [by_parts.sample(logits_V, position) for position in positions]
    with going_through_all():
        whole = Sampler(params, len(logits_V), range(5))
        assert whole.sums() is None
        return found, [whole.sample(logits_V, position) for position in positions]


@given(
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.01, 1.0, 3.0, 8.0, 20.0]),
    offset=st.sampled_from([0.0, -40.0, 900.0]),
    grid=st.sampled_from([0.0, 0.25, 2.0]),
    masked=st.sampled_from([0.0, 0.3, 0.9999]),
    temperature=st.sampled_from([0.0, 1e-6, 1e-3, 0.3, 1.0, 1.7, 50.0]),
    top_k=st.sampled_from([0, 0, 1, 5, 200, 5000]),
    top_p=st.sampled_from([1.0, 1.0, 1e-7, 0.3, 0.9, 0.999]),
    min_p=st.sampled_from([0.0, 0.0, 0.05, 0.7]),
    penalty=st.sampled_from([1.0, 1.0, 1.3]),
    logprobs=st.sampled_from([0, 5, 20]),
)
@settings(max_examples=60, deadline=None)
def test_parts_give_the_token_that_all_scores_give(
    seed: int,
    spread: float,
    offset: float,
    grid: float,
    masked: float,
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    penalty: float,
    logprobs: int,
) -> None:
    """Sharp and flat scores, ties by the hundred, most of the vocabulary banned, every filter, the likeliest alternatives."""
    logits_V = scores(seed, spread) + offset
    if grid:
        logits_V = (logits_V / grid).round() * grid
    logits_V[torch.rand(VOCAB, generator=torch.Generator().manual_seed(seed)) < masked] = -math.inf
    logits_V[seed % VOCAB] = offset + 1.0  # one at least is left
    params = SamplingParams(temperature, top_p, top_k, min_p, penalty, seed=seed, logprobs=logprobs)
    found, whole = both_ways(params, logits_V, range(6))
    assert [sample.token_id for sample in found] == [sample.token_id for sample in whole]
    for one, other in zip(found, whole, strict=True):
        # Of scores about 900 the last bit is 6e-5.
        assert one.logprob == pytest.approx(other.logprob, abs=3e-4)
        one_s, other_s = ([logprob for _, logprob in sample.alternatives] for sample in (one, other))
        assert one_s == pytest.approx(other_s, abs=3e-4)
        if not (grid or offset):  # of those that tie, as banned ones do, either may stand first
            one_ids, other_ids = (
                [i for i, logprob in sample.alternatives if logprob > -math.inf] for sample in (one, other)
            )
            assert one_ids == other_ids


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(),
        SamplingParams(temperature=0.7),
        SamplingParams(top_p=0.9),
        SamplingParams(top_k=40, top_p=0.95, min_p=0.01),
        SamplingParams(min_p=0.05, temperature=1.3),
    ],
    ids=["plain", "temperature", "top_p", "top_k", "min_p"],
)
def test_most_draws_look_into_parts_only(params: SamplingParams, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of scores as a model has them, few draws hang on last bits; the whole vocabulary is then seldom gone through."""
    drawn = Sampler._draw
    sizes: list[int] = []

    def counted(self: Sampler, ids_N: Tensor | None, scaled_N: Tensor, fraction: float) -> int:
        sizes.append(VOCAB if ids_N is None else 0)
        return drawn(self, ids_N, scaled_N, fraction)

    def never(*_args: object) -> Tensor:
        raise AssertionError("all scores were gone through")

    monkeypatch.setattr(Sampler, "_draw", counted)
    logits_V = scores(1)
    logits_V[torch.arange(40) * 700] += torch.linspace(8, 16, 40)  # a peak over the noise
    by_parts = Sampler(params, VOCAB, ())
    if params.top_p < 1 or params.top_k or params.min_p:
        for name in "_top_k", "_nucleus", "_likely":
            plain = getattr(sampler, name)
            monkeypatch.setattr(
                sampler, name, lambda scaled_N, amount, plain=plain: never() if len(scaled_N) == VOCAB else plain(scaled_N, amount)
            )  # fmt: skip
    for position in range(300):
        by_parts.sample(logits_V, position)
    assert sum(size == VOCAB for size in sizes) < 15


@pytest.mark.parametrize("fault", [math.nan, math.inf])
@pytest.mark.parametrize("at", [0, 20_000, VOCAB - 1])
def test_scores_that_are_no_numbers_are_told(fault: float, at: int) -> None:
    """Wherever it is; and where nothing but minus infinity is left."""
    logits_V = scores(3)
    logits_V[at] = fault
    for params in SamplingParams(), SamplingParams(temperature=0), SamplingParams(top_p=0.5):
        with pytest.raises(GptossChatError, match="not numbers"):
            Sampler(params, VOCAB, ()).sample(logits_V, 0)
        with pytest.raises(GptossChatError, match="not numbers"):
            Sampler(params, VOCAB, ()).sample(torch.full((VOCAB,), -math.inf), 0)


@pytest.mark.parametrize("temperature", [0.4, 1.0])
def test_sums_that_are_off_by_their_last_bits_change_no_token(temperature: float) -> None:
    """As a GPU's are, whose exponentials are less exact: every sum off by up to 2^-20 at random, as far as is allowed for."""
    params = SamplingParams(temperature, seed=4)
    random = torch.Generator().manual_seed(8)
    for step in range(200):
        logits_V, by_parts = scores(step, 2.0), Sampler(params, VOCAB, ())
        sums = by_parts.sums()
        assert sums is not None
        exact_3X = part_sums(logits_V, sums.factor)
        off_3X = 1 + 2.0**-20 * (2 * torch.rand(exact_3X.shape, generator=random) - 1)
        off_3X[0] = 1
        sums.sums_3X = exact_3X * off_3X
        found = by_parts.sample(logits_V, step, sums)
        with going_through_all():
            assert found.token_id == Sampler(params, VOCAB, ()).sample(logits_V, step).token_id


def test_draw_at_the_edge_of_two_tokens_is_left_open() -> None:
    """Where a share ends within what the sums may be off by, parts alone do not say."""
    logits_V = torch.zeros(4 * PART)
    parts = Parts(logits_V, part_sums(logits_V, 1.0), 1.0)
    assert parts.draw(0.5) is None
    assert parts.draw(0.5 + 1e-9) is None
    assert parts.draw(0.501) == 2 * PART
    assert parts.top_k(1.0, 2) is None
    assert parts.nucleus(1.0, 0.5) is None
    assert NUCLEUS[0] > 4


@pytest.mark.parametrize("vocab", [32768, 33000])
@pytest.mark.parametrize("count", [1, 5, 10, 600])
def test_likeliest_tokens_are_those_of_a_full_sort(vocab: int, count: int) -> None:
    """For sizes that are whole parts and that are not, also where the best stand together or at the end."""
    scores_V = scores(vocab, 1.0, vocab)
    scores_V[-1] = 9
    scores_V[:4] += 20
    values, ids = Parts(scores_V, part_sums(scores_V, 1.0), 1.0).likeliest(count)
    order = scores_V.argsort(descending=True)[:count]
    assert ids.tolist() == order.tolist()
    assert values.tolist() == scores_V[order].tolist()


def test_uniform_numbers_reach_every_part() -> None:
    """The seed's numbers, not the parts, decide: each quarter of a flat vocabulary is drawn from."""
    logits_V, by_parts = torch.zeros(VOCAB), Sampler(SamplingParams(seed=2), VOCAB, ())
    for position in range(40):
        assert by_parts.sample(logits_V, position).token_id == int(uniform(2, position) * VOCAB)
