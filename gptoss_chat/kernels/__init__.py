"""The operators that a model is made of, each behind torch's dispatcher; they know nothing of models or checkpoints."""

from __future__ import annotations

import torch

from gptoss_chat.kernels import ops
from gptoss_chat.kernels.dispatch import start

__all__ = ["backend", "backend_name", "ops"]

backend = start()


def backend_name(device: torch.device) -> str:
    """Which implementation runs on `device`, in words for the user; `backend.remedy()` says what would be faster."""
    return backend.describe() if device.type == "cpu" else "reference (PyTorch)"
