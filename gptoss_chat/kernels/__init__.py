"""The operators that a model is made of, each behind torch's dispatcher; they know nothing of models or checkpoints."""

from __future__ import annotations

import torch

from gptoss_chat.kernels import ops

__all__ = ["backend_name", "ops"]


def backend_name(device: torch.device) -> str:
    """Which implementation runs on `device`, in words for the user."""
    key = {"cpu": "CPU", "cuda": "CUDA"}.get(device.type, "")
    if key and torch._C._dispatch_has_kernel_for_dispatch_key("gptoss::moe_mxfp4", key):
        return f"native ({device.type})"
    return "reference (PyTorch)"
