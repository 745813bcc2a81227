"""Triton kernels for NVIDIA GPUs behind the operators; this page, which everything may import, knows neither Triton nor CUDA.

`register()` imports the rest. Until then PyTorch's reference serves CUDA tensors.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import torch

# Turing: the oldest that Triton's tensor-core products still compile for.
MINIMUM = (7, 5)


def obstacle(device: torch.device) -> str:
    """Why these kernels can't run on `device`, as a sentence; empty when they can."""
    if device.type != "cuda":
        return f"Triton kernels need an NVIDIA GPU, not {device.type}."
    if importlib.util.find_spec("triton") is None:
        return "The package triton is not installed."
    if (capability := torch.cuda.get_device_capability(device)) < MINIMUM:
        needed, found = (".".join(map(str, pair)) for pair in (MINIMUM, capability))
        return f"Triton kernels need a GPU of compute capability {needed}, and this one has {found}."
    return _refusal(device)


@functools.cache
def _refusal(device: torch.device) -> str:
    """Why the smallest kernel does not run there, as a sentence; empty when it does.

    At its first launch Triton builds what it needs with a C compiler and Python's headers, and its assembler has to know the
    GPU: a machine that lacks one of them is told now, not in the middle of an answer.
    """
    try:
        from gptoss_chat.kernels.cuda.steps import rms_norm

        with torch.cuda.device(device):
            twos_14 = torch.full((1, 4), 2.0, device=device)
            found = rms_norm(twos_14, None, twos_14[0], 0.0).tolist()
    except Exception as error:  # noqa: BLE001 -- whatever compilers, drivers and Triton between them raise
        reason = str(error).strip().splitlines()[0].strip().rstrip(".:") if str(error).strip() else type(error).__name__
        return f"Triton does not run here: {reason}."
    return "" if found == [[2.0] * 4] else f"Triton computes {found} here, where it should be 2."


@functools.cache
def register() -> Any:
    """Register every operator under the dispatch key CUDA, once a process. ImportError without triton."""
    from gptoss_chat.kernels.cuda.operators import OPERATORS

    library = torch.library.Library("gptoss", "IMPL")
    for name, operator in OPERATORS.items():
        library.impl(name, _on_its_device(operator), "CUDA")
    _state.append(library)
    return library


_state: list[Any] = []


def registered() -> bool:
    """Whether `register` was called."""
    return bool(_state)


def _on_its_device(operator: Callable[..., Any]) -> Callable[..., Any]:
    """Triton launches on the current device, which isn't the tensors' where a machine has several."""

    @functools.wraps(operator)
    def run(x: torch.Tensor, *rest: Any) -> Any:
        with torch.cuda.device_of(x):
            return operator(x, *rest)

    return run
