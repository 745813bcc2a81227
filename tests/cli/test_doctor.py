"""`gptoss-chat doctor`: what it says of GPUs; torch's queries are played."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from gptoss_chat.cli import doctor
from gptoss_chat.errors import UsageError
from gptoss_chat.kernels import cuda
from gptoss_chat.model import device
from gptoss_chat.model.device import Accelerator


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """What is told of a machine with these devices, or of one where none can be used."""

    def tell(*found: Accelerator | UsageError, refusal: UsageError | None = None, smi: bool = False) -> list[str]:
        monkeypatch.setattr(device, "cuda_refusal", lambda: refusal)
        monkeypatch.setattr(device, "look_at", lambda index: found[index])
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(found))
        monkeypatch.setattr(cuda, "obstacle", lambda _device: "")
        monkeypatch.setattr(doctor.shutil, "which", lambda _name: "/usr/bin/nvidia-smi" if smi else None)
        return doctor._gpus()

    return tell


def test_devices_are_listed_with_their_memory(told: Callable[..., list[str]]) -> None:
    """One line each; one that does not serve says why."""
    card = Accelerator(torch.device("cuda", 0), "RTX 4090", (8, 9), 20 * 2**30, 24 * 2**30)
    assert told(card, UsageError("GTX 1080 has compute capability 6.1, and 7.5 is the least.")) == [
        "cuda:0: RTX 4090, 20.0 GiB free of 24.0 GiB. Triton kernels.",
        "cuda:1: GTX 1080 has compute capability 6.1, and 7.5 is the least.",
    ]


def test_remedy_is_told_where_there_seems_to_be_a_gpu(told: Callable[..., list[str]]) -> None:
    """Who has none need not install anything for it."""
    refusal = UsageError("The installed torch is built without CUDA.", "Install torch with CUDA.")
    assert told(refusal=refusal) == ["none: The installed torch is built without CUDA."]
    assert told(refusal=refusal, smi=True)[1:] == ["Install torch with CUDA."]
