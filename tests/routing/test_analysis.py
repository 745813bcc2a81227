"""Every analysis equals a plain loop over the same numbers."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from itertools import product

import numpy as np
import pytest

from gptoss_chat.model.route import NO_EXPERT
from gptoss_chat.routing import CHANNELS, analysis
from gptoss_chat.routing.difference import difference
from tests.routing.examples import CHOSEN, EXPERTS, LAYERS, example_routes

ROUTES = example_routes()
CHOICES = ROUTES.experts_TLK.tolist()
ANALYSIS = ROUTES.channels_T == CHANNELS.index("analysis")
FINAL = ROUTES.channels_T == CHANNELS.index("final")
CELLS = list(product(range(LAYERS), range(EXPERTS)))


def tokens_with(layer: int, expert: int) -> set[int]:
    """The tokens that chose an expert, by a plain search."""
    return {t for t, layers in enumerate(CHOICES) if expert in layers[layer]}


def test_load_equals_a_plain_count() -> None:
    """Counts, the shares made of them, and the mass of weights."""
    counts = analysis.load_counts(ROUTES.experts_TLK, EXPERTS)
    mass = analysis.load_mass(ROUTES.experts_TLK, ROUTES.weights_TLK, EXPERTS)
    shares = analysis.shares(counts)
    for layer, expert in CELLS:
        assert counts[layer, expert] == len(tokens_with(layer, expert))
        assert shares[layer, expert] == pytest.approx(len(tokens_with(layer, expert)) / (ROUTES.tokens * CHOSEN))
        given = sum(
            float(ROUTES.weights_TLK[t, layer, CHOICES[t][layer].index(expert)]) for t in tokens_with(layer, expert)
        )
        assert mass[layer, expert] == pytest.approx(given)
    assert mass.sum(axis=1) == pytest.approx([ROUTES.tokens] * LAYERS, rel=1e-2)


def test_entropy_equals_its_formula() -> None:
    """Of the load of each layer, and of each token's weights; the extremes are exact."""
    shares = analysis.shares(analysis.load_counts(ROUTES.experts_TLK, EXPERTS))
    plain = [-sum(p * math.log2(p) for p in row if p > 0) for row in shares.tolist()]
    assert analysis.entropy_bits(shares) == pytest.approx(plain)
    assert analysis.entropy_bits(np.eye(4)).tolist() == [0.0] * 4
    assert analysis.entropy_bits(np.full((1, 16), 1 / 16)).tolist() == [4.0]
    gates = analysis.gate_entropy_bits(ROUTES.weights_TLK)
    for t, layer in product((0, 9, ROUTES.tokens - 1), range(LAYERS)):
        weights = ROUTES.weights_TLK[t, layer].astype(float)
        weights /= weights.sum()
        assert gates[t, layer] == pytest.approx(-sum(w * math.log2(w) for w in weights.tolist()))


def test_channels_differ_as_a_plain_count_says() -> None:
    """Rate difference and nPMI of analysis against final."""
    spoken = ANALYSIS | FINAL
    difference = analysis.rate_difference(ROUTES.experts_TLK, ANALYSIS, FINAL, EXPERTS)
    npmi = analysis.npmi(ROUTES.experts_TLK[spoken], ANALYSIS[spoken], EXPERTS)
    thinking, talking = set(np.flatnonzero(ANALYSIS).tolist()), set(np.flatnonzero(FINAL).tolist())
    both = thinking | talking
    assert thinking
    assert talking
    seen = set()
    for layer, expert in CELLS:
        chose = tokens_with(layer, expert)
        rates = len(chose & thinking) / len(thinking), len(chose & talking) / len(talking)
        assert difference[layer, expert] == pytest.approx(rates[0] - rates[1])
        p_e, p_i, p_both = (len(s) / len(both) for s in (chose & both, thinking, chose & thinking))
        never = -1.0 if p_e else 0.0
        plain = math.log(p_both / (p_e * p_i)) / -math.log(p_both) if p_both else never
        seen.add(plain)
        assert npmi[layer, expert] == pytest.approx(plain)
    assert len(seen) > 10


def test_npmi_says_nothing_of_one_group() -> None:
    """Everything inside, or nothing, distinguishes no expert."""
    for inside in (np.zeros(ROUTES.tokens, bool), np.ones(ROUTES.tokens, bool)):
        assert not analysis.npmi(ROUTES.experts_TLK, inside, EXPERTS).any()


def test_vocabulary_equals_a_plain_count() -> None:
    """Counts, share and order of an expert's tokens; an expert that was never chosen has none."""
    ids = ROUTES.token_ids_T.tolist()
    everywhere = Counter(ids)
    for layer, expert in CELLS:
        went = tokens_with(layer, expert)
        there = Counter(ids[t] for t in went)
        rate = len(went) / len(ids)
        plain = sorted(there, key=lambda i: (-(there[i] - everywhere[i] * rate), -there[i], i))
        uses = analysis.vocabulary(ROUTES.experts_TLK, ROUTES.token_ids_T, layer, expert, top=1000)
        # Ties of the excess may differ in their last bits.
        assert sorted(use.token_id for use in uses) == sorted(plain)
        for use in uses:
            assert (use.chosen, use.occurrences) == (there[use.token_id], everywhere[use.token_id])
            assert use.share == there[use.token_id] / everywhere[use.token_id]
        excess = [use.chosen - use.occurrences * rate for use in uses]
        assert excess == pytest.approx(sorted(excess, reverse=True))
    assert analysis.vocabulary(ROUTES.experts_TLK[:0], ROUTES.token_ids_T[:0], 0, 0) == []


def test_co_activation_equals_a_plain_count() -> None:
    """Pairs, the load on the diagonal, and the shares of a row."""
    pairs = analysis.co_activation(ROUTES.experts_TLK, EXPERTS)
    share = analysis.co_activation_shares(pairs)
    for layer, a in CELLS:
        for b in range(EXPERTS):
            both = len(tokens_with(layer, a) & tokens_with(layer, b))
            assert pairs[layer, a, b] == both
            own = len(tokens_with(layer, a))
            assert share[layer, a, b] == pytest.approx(both / own if own else 0)


def test_locality_equals_a_plain_count() -> None:
    """Shared experts and repeated first ones of neighbours in one turn, and both chances."""
    found = analysis.locality(ROUTES.experts_TLK, ROUTES.turns_T, EXPERTS)
    neighbours = [(t, t + 1) for t in range(ROUTES.tokens - 1) if ROUTES.turns_T[t] == ROUTES.turns_T[t + 1]]
    assert found.pairs == len(neighbours) == ROUTES.tokens - 2
    for layer in range(LAYERS):
        shared = sum(len(set(CHOICES[a][layer]) & set(CHOICES[b][layer])) for a, b in neighbours)
        first = sum(CHOICES[a][layer][0] == CHOICES[b][layer][0] for a, b in neighbours)
        assert found.shared_L[layer] == pytest.approx(shared / CHOSEN / len(neighbours))
        assert found.first_L[layer] == pytest.approx(first / len(neighbours))
        everyone = range(ROUTES.tokens)
        drawn = [len(set(CHOICES[a][layer]) & set(CHOICES[b][layer])) for a in everyone for b in everyone]
        assert found.shared_chance_L[layer] == pytest.approx(sum(drawn) / len(drawn) / CHOSEN)
        drawn = [CHOICES[a][layer][0] == CHOICES[b][layer][0] for a in everyone for b in everyone]
        assert found.first_chance_L[layer] == pytest.approx(sum(drawn) / len(drawn))


def test_locality_of_one_token_has_no_pairs() -> None:
    """Nothing to compare is zero, not a division by zero."""
    found = analysis.locality(ROUTES.experts_TLK[:1], ROUTES.turns_T[:1], EXPERTS)
    assert found.pairs == 0
    assert not found.shared_L.any()


def test_divergence_is_bounded_and_equals_its_formula() -> None:
    """0 for equal shares, 1 for disjoint ones, the mean of two Kullback-Leibler divergences between."""
    p = analysis.shares(analysis.load_counts(ROUTES.experts_TLK[ANALYSIS], EXPERTS))
    q = analysis.shares(analysis.load_counts(ROUTES.experts_TLK[FINAL], EXPERTS))
    plain = []
    for a_E, b_E in zip(p.tolist(), q.tolist(), strict=True):
        m_E = [(a + b) / 2 for a, b in zip(a_E, b_E, strict=True)]
        plain.append(
            sum(a * math.log2(a / m) for a, m in zip(a_E, m_E, strict=True) if a) / 2
            + sum(b * math.log2(b / m) for b, m in zip(b_E, m_E, strict=True) if b) / 2
        )
    assert analysis.divergence_bits(p, q) == pytest.approx(plain)
    assert analysis.divergence_bits(p, p) == pytest.approx([0.0] * LAYERS)
    assert analysis.divergence_bits(np.array([[1.0, 0]]), np.array([[0, 1.0]])).tolist() == [1.0]


def test_analyses_take_the_largest_shape() -> None:
    """128 experts in 36 layers: ids do not run over into the next layer."""
    experts = np.random.default_rng(0).permuted(np.broadcast_to(np.arange(128), (50, 36, 128)), axis=-1)[..., :4]
    counts = analysis.load_counts(experts.astype(np.uint8), 128)
    assert counts.sum(axis=1).tolist() == [200] * 36
    assert counts[35, 127] == (experts[:, 35] == 127).sum()
    pairs = analysis.co_activation(experts.astype(np.uint8), 128)
    assert np.array_equal(np.diagonal(pairs, axis1=1, axis2=2), counts)


def test_places_without_an_expert_count_as_nothing() -> None:
    """Where a layer chose two or one of three, every analysis equals a plain loop over the experts that are there."""
    experts_TLK, weights_TLK = ROUTES.experts_TLK.copy(), ROUTES.weights_TLK.copy()
    experts_TLK[:, 1, 2:], weights_TLK[:, 1, 2:] = NO_EXPERT, 0
    experts_TLK[::2, 3, 1:], weights_TLK[::2, 3, 1:] = NO_EXPERT, 0
    there = [[[e for e in layer if e != NO_EXPERT] for layer in token] for token in experts_TLK.tolist()]
    load = analysis.load_counts(experts_TLK, EXPERTS)
    mass = analysis.load_mass(experts_TLK, weights_TLK, EXPERTS)
    pairs = analysis.co_activation(experts_TLK, EXPERTS)
    local = analysis.locality(experts_TLK, ROUTES.turns_T, EXPERTS)
    gates = analysis.gate_entropy_bits(weights_TLK)
    same_turn = [t for t in range(1, ROUTES.tokens) if ROUTES.turns_T[t] == ROUTES.turns_T[t - 1]]
    for layer in range(LAYERS):
        count = Counter(e for token in there for e in token[layer])
        assert load[layer].tolist() == [count[e] for e in range(EXPERTS)]
        both = Counter((a, b) for token in there for a, b in product(token[layer], repeat=2))
        assert pairs[layer].tolist() == [[both[a, b] for b in range(EXPERTS)] for a in range(EXPERTS)]
        common = sum(e in there[t - 1][layer] for t in same_turn for e in there[t][layer])
        assert local.shared_L[layer] == pytest.approx(common / sum(len(there[t][layer]) for t in same_turn))
        chance = sum(n * n for n in count.values()) / ROUTES.tokens / sum(count.values())
        assert local.shared_chance_L[layer] == pytest.approx(chance)
        weights = [w for w in weights_TLK[0, layer].astype(float).tolist() if w]
        shares = [w / sum(weights) for w in weights]
        assert gates[0, layer] == pytest.approx(-sum(w * math.log2(w) for w in shares))
    assert mass[3].sum() == pytest.approx(float(weights_TLK[:, 3].astype(float).sum()))
    fewer = dataclasses.replace(ROUTES, experts_TLK=experts_TLK, weights_TLK=weights_TLK)
    found = difference(fewer, ROUTES)
    assert found.shared_tokens == ROUTES.tokens
    assert found.agreement_L.tolist() == [1.0] * LAYERS
    assert difference(ROUTES, fewer).agreement_L[1] == pytest.approx(2 / 3)
