"""What torch raises when a GPU fails, as sentences for people: the one place that reads such errors. It knows no model."""

from __future__ import annotations

import torch

from gptoss_chat.errors import DeviceLostError, DeviceMemoryError, GptossChatError

_MEMORY_HINT = "Leave more of the GPU's memory free (--gpu-memory), lower cache_gib, or use --device cpu."
_LOST_HINT = "What was written is kept. Choose the model again to go on with the CPU, or start gptoss-chat again."
# What the CUDA runtime and libraries on it say of themselves in a RuntimeError, in torch's words or in Triton's.
_OF_A_DEVICE = ("CUDA error", "CUDA driver error", "Triton Error [CUDA]", "CUBLAS_STATUS_", "cudaError")
_OF_MEMORY = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def device_error(error: Exception) -> GptossChatError | None:
    """What `error` means, where it is a GPU's; None where it is none. After one of memory, torch's unused blocks are given back."""
    if isinstance(error, torch.OutOfMemoryError):
        return _memory_full()
    text = str(error)
    if not isinstance(error, torch.AcceleratorError) and not any(words in text for words in _OF_A_DEVICE):
        return None
    if any(words in text for words in _OF_MEMORY):
        return _memory_full()
    reason = text.splitlines()[0].strip().rstrip(".") if text.strip() else "it gave no reason"
    return DeviceLostError(f"The GPU failed: {reason}.", _LOST_HINT)


def _memory_full() -> DeviceMemoryError:
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
    return DeviceMemoryError("The GPU's memory is full.", _MEMORY_HINT)
