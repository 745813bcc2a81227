"""What can be said of routing, as pure functions over arrays; it knows nothing of text, storage or drawing.

All of it describes and explains nothing: that an expert takes part often where something is said does not make it the
expert of that something. Logarithms are to base 2 and entropies in bits unless a name says otherwise.

Where a layer chose fewer than K experts, NO_EXPERT stands in its place with weight 0, and counts as nothing.

Legend: T tokens, L layers, K places for the experts of a token, E experts a layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gptoss_chat.model.route import NO_EXPERT

Experts = NDArray[np.uint8]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def load_counts(experts_TLK: Experts, experts: int) -> Counts:
    """How many tokens each expert was chosen by: int64 [L, E]."""
    _, layers, _ = experts_TLK.shape
    flat = _with_layer(experts_TLK, experts)[experts_TLK != NO_EXPERT]
    return np.bincount(flat, minlength=layers * experts).reshape(layers, experts)


def load_mass(experts_TLK: Experts, weights_TLK: NDArray[np.float16], experts: int) -> Floats:
    """The sum of the weights each expert was given: float64 [L, E]; a layer sums to T."""
    _, layers, _ = experts_TLK.shape
    there = experts_TLK != NO_EXPERT
    flat, weights = _with_layer(experts_TLK, experts)[there], weights_TLK[there].astype(np.float64)
    mass: Floats = np.bincount(flat, weights, layers * experts).astype(np.float64)
    return mass.reshape(layers, experts)


def shares(counts_LE: Counts | Floats) -> Floats:
    """Every row divided by its sum; a row of zeros stays one. The expert share of Mixtral (arXiv:2401.04088, fig. 7)."""
    sums_L1 = counts_LE.sum(axis=-1, keepdims=True)
    out: Floats = np.divide(counts_LE, sums_L1, out=np.zeros(counts_LE.shape), where=sums_L1 > 0)
    return out


def entropy_bits(shares_XE: Floats) -> Floats:
    """H = - sum p log2 p over the last axis (Shannon 1948): 0 when one takes all, log2 E when all take the same."""
    logs = np.log2(np.maximum(shares_XE, np.finfo(np.float64).tiny))  # 0 log 0 = 0
    return np.asarray(-np.einsum("...e,...e->...", shares_XE, logs)) + 0.0  # no negative zero


def gate_entropy_bits(weights_TLK: NDArray[np.float16]) -> Floats:
    """The entropy of each token's K weights, float64 [T, L], from 0 to log2 K.

    Of the chosen experts only: gpt-oss's softmax is over them. The entropy over all experts is in the record.
    """
    return entropy_bits(shares(weights_TLK.astype(np.float64)))


def activation_rate(experts_TLK: Experts, experts: int) -> Floats:
    """The share of tokens that chose each expert, [L, E]; a layer sums to the experts a token gets. Zeros for no tokens."""
    return load_counts(experts_TLK, experts) / max(1, len(experts_TLK))


def rate_difference(experts_TLK: Experts, first_T: Mask, second_T: Mask, experts: int) -> Floats:
    """Activation rate among `first` less that among `second`, [L, E] from -1 to 1 (SteerMoE, arXiv:2509.09660)."""
    return activation_rate(experts_TLK[first_T], experts) - activation_rate(experts_TLK[second_T], experts)


def npmi(experts_TLK: Experts, inside_T: Mask, experts: int) -> Floats:
    """Normalised pointwise mutual information of "chose this expert" and "stands inside", [L, E] from -1 to 1.

    log(p(e, i) / (p(e) p(i))) / -log p(e, i) over tokens (Bouma 2009; RICE, arXiv:2505.14681, uses it to find experts of
    thinking tokens). -1 for an expert never chosen inside; 0 for one never chosen, or where all or none is inside.
    """
    tokens, inside = len(inside_T), int(inside_T.sum())
    out_LE = np.zeros((experts_TLK.shape[1], experts))
    if inside in (0, tokens):
        return out_LE
    p_e = load_counts(experts_TLK, experts) / tokens
    p_both = load_counts(experts_TLK[inside_T], experts) / tokens
    out_LE[(p_e > 0) & (p_both == 0)] = -1.0
    some = p_both > 0
    # p_both = 1 would need all to be inside, so the divisor is not 0.
    out_LE[some] = np.log(p_both[some] / (p_e[some] * inside / tokens)) / -np.log(p_both[some])
    return out_LE


@dataclass(frozen=True, slots=True)
class TokenUse:
    """A token of an expert's vocabulary: `chosen` of its `occurrences` went to the expert."""

    token_id: int
    chosen: int
    occurrences: int

    @property
    def share(self) -> float:
        """Vocabulary specialisation (OLMoE, arXiv:2409.02060, section 5)."""
        return self.chosen / self.occurrences


def vocabulary(
    experts_TLK: Experts, token_ids_T: NDArray[np.uint32], layer: int, expert: int, top: int = 20
) -> list[TokenUse]:
    """The `top` tokens of an expert, those first that went to it most beyond its usual rate.

    The order is by chosen - occurrences x rate, the excess over a router that ignores the token. OLMoE's share alone
    would put every token that occurs once and went there before all others.
    """
    went_T = (experts_TLK[:, layer] == expert).any(axis=-1)
    if not went_T.any():
        return []
    ids, place_T = np.unique(token_ids_T, return_inverse=True)
    occurrences = np.bincount(place_T, minlength=len(ids))
    chosen = np.bincount(place_T[went_T], minlength=len(ids))
    excess = chosen - occurrences * went_T.mean()
    order = np.lexsort((ids, -chosen, -excess))
    order = order[chosen[order] > 0][:top]
    return [TokenUse(int(ids[at]), int(chosen[at]), int(occurrences[at])) for at in order]


def co_activation(experts_TLK: Experts, experts: int) -> Counts:
    """How many tokens chose both of two experts, int64 [L, E, E], symmetric; the diagonal is the load."""
    _, layers, chosen = experts_TLK.shape
    side = experts + 1  # the last counts what is no expert
    # Layer after layer keeps the counted table in the cache.
    out_LEE = np.empty((layers, experts, experts), np.int64)
    for layer in range(layers):
        chosen_TK = np.minimum(experts_TLK[:, layer].astype(np.int64), experts)
        pairs = np.zeros(side * side, np.int64)
        for a in range(chosen):
            for b in range(a, chosen):
                pairs += np.bincount(chosen_TK[:, a] * side + chosen_TK[:, b], minlength=side * side)
        pairs_EE = pairs.reshape(side, side)[:experts, :experts]
        out_LEE[layer] = pairs_EE + pairs_EE.T
        np.fill_diagonal(out_LEE[layer], pairs_EE.diagonal())
    return out_LEE


def co_activation_shares(pairs_XEE: Counts) -> Floats:
    """Of the tokens that chose the row's expert, the share that also chose the column's (OLMoE, arXiv:2409.02060, section 5).

    Rows of experts that were never chosen are zeros.
    """
    load_XE = np.diagonal(pairs_XEE, axis1=-2, axis2=-1)[..., None]
    out: Floats = np.divide(pairs_XEE, load_XE, out=np.zeros(pairs_XEE.shape), where=load_XE > 0)
    return out


@dataclass(frozen=True, slots=True)
class Locality:
    """How much consecutive tokens share their experts, per layer [L], beside what chance would give.

    shared: of the experts that tokens chose, the share that the token before also chose; shared_chance: the same for two
    tokens drawn at random from these, sum of rate_e^2 / sum of rate_e. first, first_chance: how often the weightiest expert is the
    same (Mixtral, arXiv:2401.04088, table 5) and the sum of its squared shares. pairs: consecutive pairs looked at.
    """

    pairs: int
    shared_L: Floats
    shared_chance_L: Floats
    first_L: Floats
    first_chance_L: Floats


def locality(experts_TLK: Experts, turns_T: NDArray[np.int32], experts: int) -> Locality:
    """Consecutive-token locality; pairs that belong to two turns are left out. Zeros where there is no pair."""
    _, layers, chosen = experts_TLK.shape
    same_turn = turns_T[1:] == turns_T[:-1]
    before, after = experts_TLK[:-1][same_turn], experts_TLK[1:][same_turn]
    pairs = len(before)
    shared_L = np.zeros(layers)
    for a in range(chosen):
        for b in range(chosen):
            shared_L += ((before[:, :, a] == after[:, :, b]) & (after[:, :, b] != NO_EXPERT)).sum(axis=0)
    rate_LE = activation_rate(experts_TLK, experts)
    first_share_LE = activation_rate(experts_TLK[:, :, :1], experts)
    return Locality(
        pairs,
        shared_L / np.maximum(1, (after != NO_EXPERT).sum(axis=(0, 2))),
        (rate_LE**2).sum(axis=1) / np.maximum(rate_LE.sum(axis=1), np.finfo(np.float64).tiny),
        (before[:, :, 0] == after[:, :, 0]).sum(axis=0) / max(1, pairs),
        (first_share_LE**2).sum(axis=1),
    )


def divergence_bits(first_LE: Floats, second_LE: Floats) -> Floats:
    """Jensen-Shannon divergence of two share tables, [L] from 0 (equal) to 1 (disjoint) (Lin 1991)."""
    mean = (first_LE + second_LE) / 2
    return entropy_bits(mean) - (entropy_bits(first_LE) + entropy_bits(second_LE)) / 2


def _with_layer(experts_TLK: Experts, experts: int) -> NDArray[np.int32]:
    """Ids that are unique over layers: layer x E + expert."""
    layers = experts_TLK.shape[1]
    return experts_TLK + (np.arange(layers, dtype=np.int32) * experts)[:, None]
