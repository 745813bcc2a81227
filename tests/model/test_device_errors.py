"""Errors of a GPU become one sentence each, and nothing else is taken for one."""

from __future__ import annotations

import pytest
import torch

from gptoss_chat.errors import DeviceLostError, DeviceMemoryError
from gptoss_chat.model.device_errors import device_error


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("Triton Error [CUDA]: out of memory"),
    ],
)
def test_full_memory_is_told_with_what_to_lower(error: Exception) -> None:
    """Whichever part of CUDA ran out of it."""
    told = device_error(error)
    assert isinstance(told, DeviceMemoryError)
    assert "--gpu-memory" in told.hint
    assert "\n" not in str(told)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered\nmore"), "illegal memory access"),
        (RuntimeError("Triton Error [CUDA]: unspecified launch failure"), "unspecified launch failure"),
        (torch.AcceleratorError("CUDA error: device-side assert triggered"), "device-side assert"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"), "EXECUTION_FAILED"),
    ],
)
def test_lost_device_is_told_with_its_first_line(error: Exception, reason: str) -> None:
    """And that nothing of the person's is lost."""
    told = device_error(error)
    assert isinstance(told, DeviceLostError)
    assert reason in told.message
    assert "\n" not in str(told)
    assert "kept" in told.hint


@pytest.mark.parametrize(
    "error", [RuntimeError("shape mismatch"), ValueError("no"), MemoryError(), IndexError("an expert is out of range")]
)
def test_other_errors_are_left_alone(error: Exception) -> None:
    """A defect of ours is not blamed on the GPU."""
    assert device_error(error) is None
