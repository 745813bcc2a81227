"""Which device is chosen, and what a person reads where the one that they ask for does not serve; torch's queries are played."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from gptoss_chat.errors import UsageError
from gptoss_chat.model import device
from gptoss_chat.model.device import RESERVE_BYTES, Accelerator, find_accelerator, measure_rates

GIB = 2**30
Card = tuple[str, tuple[int, int], int]  # name, capability, free GiB; -1: it fails when it is tried


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Plays a machine with these CUDA devices and a torch that serves them."""

    def play(*played: Card) -> None:
        def ones(_size: int, *, device: torch.device) -> torch.Tensor:
            if played[device.index][2] < 0:
                raise RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later.")
            return torch.zeros(1)

        answers = {
            "is_available": lambda: bool(played),
            "device_count": lambda: len(played),
            "get_device_name": lambda index: played[index][0],
            "get_device_capability": lambda index: played[index][1],
            "empty_cache": lambda: None,
            "mem_get_info": lambda at: (played[at.index][2] * GIB, 24 * GIB),
        }
        for name, answer in answers.items():
            monkeypatch.setattr(torch.cuda, name, answer)
        monkeypatch.setattr(torch.version, "cuda", "12.9")
        monkeypatch.setattr(device.torch, "ones", ones)

    return play


def test_auto_takes_the_first_device_that_serves(cards: Callable[..., None]) -> None:
    """Too old and too full ones are passed over."""
    cards(("GTX 1080", (6, 1), 8), ("RTX 3090", (8, 6), -1), ("RTX 4090", (8, 9), 23))
    assert find_accelerator("auto") == Accelerator(torch.device("cuda", 2), "RTX 4090", (8, 9), 23 * GIB, 24 * GIB)


def test_auto_without_a_device_is_the_cpu(cards: Callable[..., None]) -> None:
    """Nothing is complained of that nobody asked for."""
    cards(("GTX 1080", (6, 1), 8))
    assert find_accelerator("auto") is None
    cards()
    assert find_accelerator("auto") is None


def test_cpu_looks_at_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU is taken without waking CUDA up."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("CUDA was asked"))
    assert find_accelerator("cpu") is None


def test_named_device_is_taken(cards: Callable[..., None]) -> None:
    """cuda is the first, cuda:1 the second."""
    cards(("A", (9, 0), 20), ("B", (8, 0), 10))
    first, second = find_accelerator("cuda"), find_accelerator("cuda:1")
    assert first is not None
    assert second is not None
    assert (first.name, second.name) == ("A", "B")


@pytest.mark.parametrize(
    ("wish", "played", "sentence"),
    [
        ("gpu", [], "'gpu' is no device"),
        ("cuda:x", [], "'cuda:x' is no device"),
        ("cuda:3", [("A", (9, 0), 20)], "no device cuda:3: the only CUDA device is cuda:0"),
        ("cuda:2", [("A", (9, 0), 20), ("B", (9, 0), 20)], "CUDA devices are cuda:0 to cuda:1"),
        ("cuda", [("GTX 1080", (6, 1), 8)], "GTX 1080 has compute capability 6.1, and 7.5 is the least"),
        ("cuda", [("A", (9, 0), -1)], "A can't be used: CUDA error: out of memory."),
    ],
)
def test_what_does_not_serve_is_told_in_a_sentence(
    cards: Callable[..., None], wish: str, played: list[Card], sentence: str
) -> None:
    """With a remedy, and the exit code of wrong usage."""
    cards(*played)
    with pytest.raises(UsageError) as caught:
        find_accelerator(wish)
    assert sentence in caught.value.message
    assert "\n" not in caught.value.message
    assert "cpu" in caught.value.hint
    assert caught.value.exit_code == 2


def test_torch_without_cuda_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU build is what most people without a GPU have: the way to another one is named."""
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(UsageError, match="built without CUDA") as caught:
        find_accelerator("cuda")
    assert "pytorch.org" in caught.value.hint


def test_driver_that_fails_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line of what torch says of the driver."""

    def init() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040).\nPlease update it.")

    monkeypatch.setattr(torch.version, "cuda", "12.9")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", init)
    with pytest.raises(
        UsageError, match=r"driver on your system is too old \(found version 11040\)\. Check that nvidia-smi"
    ):
        find_accelerator("cuda")


def test_budget_is_what_is_free_or_allowed_less_the_reserve() -> None:
    """--gpu-memory is a bound: it never asks for more than is free."""
    card = Accelerator(torch.device("cuda", 0), "A", (9, 0), 20 * GIB, 24 * GIB)
    assert card.budget_bytes(None) == 20 * GIB - RESERVE_BYTES
    assert card.budget_bytes(12 * GIB) == 12 * GIB - RESERVE_BYTES
    assert card.budget_bytes(40 * GIB) == 20 * GIB - RESERVE_BYTES
    assert card.budget_bytes(1) == 0


def test_rates_are_positive_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU measured against itself."""
    monkeypatch.setattr(device, "_PROBE_BYTES", 1 << 20)
    rates = measure_rates(torch.device("cpu"))
    assert min(rates.host_bytes_per_s, rates.device_bytes_per_s) > 1e8
    assert 0 < rates.crossing_s < 1
