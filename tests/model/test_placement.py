"""What goes on a GPU that holds the model, a part of it, or nothing; the sizes are those of the published models."""

from __future__ import annotations

import pytest

from gptoss_chat.model.device import RESERVE_BYTES
from gptoss_chat.model.placement import Part, Placement, Precision, Rates, device_bytes, parts_of, place, token_s
from gptoss_chat.model.synthetic import preset

GIB = 2**30
PRECISION = Precision(host_dense_bits=8.5, device_dense_bits=16, expert_bits=4.25, cache_bits=16)
RATES = Rates(host_bytes_per_s=40e9, device_bytes_per_s=800e9, crossing_s=20e-6)


def parts(size: str) -> list[Part]:
    """Of a published model with the default cache of 2 GiB."""
    spec = preset(size)
    return parts_of(spec, PRECISION, 2 * GIB // spec.kv_bytes_per_token)


def budget(card_gib: int) -> int:
    """What a card of that size leaves: its driver keeps a little, and the reserve stays free."""
    return int(card_gib * GIB * 0.975) - RESERVE_BYTES


@pytest.mark.parametrize(
    ("size", "card_gib", "whole"),
    [("20b", 16, True), ("20b", 24, True), ("20b", 80, True), ("120b", 16, False), ("120b", 24, False), ("120b", 80, True)],
)  # fmt: skip
def test_published_models_fit_cards(size: str, card_gib: int, whole: bool) -> None:
    """The 20b fits 16 GB as a whole, the 120b 80 GB; smaller cards hold the head and all attention, and some layers' experts."""
    placement = place(parts(size), budget(card_gib), RATES)
    assert placement.whole == whole
    assert placement.head
    assert all(placement.attention)
    assert any(placement.experts)
    assert device_bytes(parts(size), placement) <= budget(card_gib)


def test_sizes_are_those_of_the_checkpoints() -> None:
    """All parts with the embedding, less the cache, are the published 12.8 and 60.8 GiB."""
    for size, checkpoint_gib in (("20b", 12.8), ("120b", 60.8)):
        spec = preset(size)
        weights = sum(part.device_bytes for part in parts_of(spec, PRECISION, 0)) + 2 * spec.vocab * spec.hidden
        assert weights / GIB == pytest.approx(checkpoint_gib, abs=0.1)


def test_nothing_fits_a_full_card() -> None:
    """With no budget, or one smaller than any part, all stays on the host."""
    for budget_bytes in (0, 1000):
        assert not place(parts("20b"), budget_bytes, RATES).any


def test_slow_device_is_left_alone() -> None:
    """A device that reads slower than the host gets nothing, however much it holds."""
    assert not place(parts("20b"), 80 * GIB, Rates(200e9, 50e9, 20e-6)).any


def test_more_memory_is_never_slower() -> None:
    """The expected time of a token falls, or stays, as the budget grows."""
    for size in ("20b", "120b"):
        times = [
            token_s(parts(size), place(parts(size), gib * GIB, RATES), RATES) for gib in (0, 2, 4, 8, 16, 24, 48, 64)
        ]
        assert times == sorted(times, reverse=True)
        assert times[-1] < times[0] / 4


def test_one_end_of_the_model_is_taken_where_crossing_is_dear() -> None:
    """Over a slow link a token crosses once: what is on the device is the last of the forward pass, with the head."""
    placement = place(parts("20b"), 6 * GIB, Rates(40e9, 800e9, 5e-3))
    held = [placement.holds(part.kind, part.layer) for part in parts("20b")]
    assert 10 < sum(held) < len(held)
    assert held == sorted(held)


def test_crossings_are_counted_from_host_to_host() -> None:
    """All of a model on the device still takes a token there and brings its scores back."""
    one = [Part("attention", 0, 1, 100, 100), Part("experts", 0, 1, 100, 100), Part("head", 0, 1, 100, 100)]
    rates = Rates(100.0, 100.0, 7.0)
    assert token_s(one, Placement.all(1, on_device=False), rates) == 3.0
    assert token_s(one, Placement.all(1, on_device=True), rates) == 3.0 + 2 * 7.0
    assert token_s(one, Placement((True,), (False,), True), rates) == 3.0 + 4 * 7.0


def test_placements_are_told_in_words() -> None:
    """The status line says how much is on the GPU."""
    assert Placement.all(3, on_device=True).describe() == "all on the GPU"
    assert Placement.all(3, on_device=False).describe() == "none on the GPU"
    assert Placement((False, True, True), (False, True, True), True).describe() == "2 of 3 layers on the GPU"
    mixed = Placement((True, True, True), (False, False, True), True)
    assert mixed.describe() == "attention of 3 and experts of 1 of 3 layers on the GPU"
