"""Where a model goes when nobody says, when somebody does, and what is remarked on it; torch's queries are played."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from gptoss_chat.kernels import cuda
from gptoss_chat.model import target
from gptoss_chat.model.checkpoint import Target
from gptoss_chat.model.device import RESERVE_BYTES, Accelerator
from gptoss_chat.model.placement import Placement
from gptoss_chat.model.synthetic import preset
from gptoss_chat.model.target import find_target, remark_on

GIB = 2**30
CARD = Accelerator(torch.device("cuda", 0), "A", (9, 0), 20 * GIB, 24 * GIB)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Plays a machine with a card, or none, and kernels for it, or an obstacle; the list grows when they are registered."""

    def play(card: Accelerator | None, obstacle: str = "") -> list[str]:
        registered: list[str] = []
        monkeypatch.setattr(target, "find_accelerator", lambda _wish: card)
        monkeypatch.setattr(cuda, "obstacle", lambda _device: obstacle)
        monkeypatch.setattr(cuda, "register", lambda: registered.append("triton"))
        return registered

    return play


def test_big_model_goes_to_the_card(machine: Callable[..., list[str]]) -> None:
    """By itself, with the kernels registered; a bound on the memory bounds the budget."""
    registered = machine(CARD)
    assert find_target(preset("20b"), "auto", cache_bytes=5) == Target(CARD.device, 20 * GIB - RESERVE_BYTES, 5)
    assert registered == ["triton"]
    bounded = find_target(preset("20b"), "cuda", cache_bytes=5, memory_bytes=12 * GIB)
    assert bounded == Target(CARD.device, 12 * GIB - RESERVE_BYTES, 5)


def test_small_model_stays_on_the_cpu_unless_told(machine: Callable[..., list[str]]) -> None:
    """It has answered before a GPU has started."""
    machine(CARD)
    assert find_target(preset("tiny"), "auto", cache_bytes=5) is None
    assert find_target(preset("tiny"), "cuda", cache_bytes=5) is not None


def test_card_without_kernels_is_used_only_when_told(machine: Callable[..., list[str]]) -> None:
    """The reference on a GPU is slower than compiled kernels on the CPU, and the remark says so."""
    registered = machine(CARD, "The package triton is not installed.")
    assert find_target(preset("20b"), "auto", cache_bytes=5) is None
    told = find_target(preset("20b"), "cuda", cache_bytes=5)
    assert told is not None
    assert registered == []
    assert "triton is not installed. PyTorch's reference" in remark_on(Placement.all(3, on_device=True), told)


def test_machine_without_a_card_uses_the_cpu(machine: Callable[..., list[str]]) -> None:
    """And nothing is remarked."""
    machine(None)
    assert find_target(preset("20b"), "auto", cache_bytes=5) is None
    assert remark_on(Placement.all(3, on_device=False), None) == ""


def test_parts_of_a_model_are_remarked_on(machine: Callable[..., list[str]]) -> None:
    """All on the card is what one expects; a part, or nothing, is told."""
    machine(CARD)
    there = Target(CARD.device, 11 * GIB, 5)
    assert remark_on(Placement.all(3, on_device=True), there) == ""
    some = remark_on(Placement((True,) * 3, (False, False, True), True), there)
    assert "11.0 GiB for the model: attention of 3 and experts of 1 of 3 layers on the GPU" in some
    assert "the CPU computes all of it" in remark_on(Placement.all(3, on_device=False), there)
