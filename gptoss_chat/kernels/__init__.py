"""The operators that a model is made of, each behind torch's dispatcher; they know nothing of models or checkpoints."""

from __future__ import annotations

import torch

from gptoss_chat.kernels import cuda, ops
from gptoss_chat.kernels.dispatch import start

__all__ = ["backend", "backend_name", "ops"]

backend = start()


def backend_name(device: torch.device) -> str:
    """Which implementation runs on `device`, in words for the user; `backend.remedy()` says what would be faster."""
    if device.type == "cpu":
        return backend.describe()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{'Triton' if cuda.registered() else 'reference (PyTorch)'}, {name}"
