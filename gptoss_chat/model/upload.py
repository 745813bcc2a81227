"""Copies tensors of the CPU, mapped files among them, to a device; knows nothing of what they are."""

from __future__ import annotations

import torch
from torch import Tensor

_PIECE_BYTES = 32 << 20


class Uploader:
    """Sends tensors to `device` in pieces through two pinned buffers: while one is under way the next is read from the file.

    Nothing is held twice: the pages that were read belong to the system's cache. Close it to give the buffers back.
    """

    def __init__(self, device: torch.device, piece_bytes: int = _PIECE_BYTES) -> None:
        self.device = device
        self._asynchronous = device.type == "cuda"
        self._buffers = [torch.empty(piece_bytes, dtype=torch.uint8, pin_memory=self._asynchronous) for _ in range(2)]
        self._sent = [torch.cuda.Event() for _ in range(2)] if self._asynchronous else []  # type: ignore[no-untyped-call]
        self._next = 0

    def send(self, tensor: Tensor) -> Tensor:
        """A copy on the device, of the same type, shape and values; it is whole for what is asked of the device afterwards."""
        target = torch.empty(tensor.shape, dtype=tensor.dtype, device=self.device)
        source_B, target_B = tensor.contiguous().view(-1).view(torch.uint8), target.view(-1).view(torch.uint8)
        piece_bytes = len(self._buffers[0])
        for begin in range(0, len(source_B), piece_bytes):
            piece = source_B[begin : begin + piece_bytes]
            if self._asynchronous:
                self._sent[self._next].synchronize()
            staged = self._buffers[self._next][: len(piece)]
            staged.copy_(piece)
            target_B[begin : begin + len(piece)].copy_(staged, non_blocking=True)
            if self._asynchronous:
                self._sent[self._next].record(torch.cuda.current_stream(self.device))
            self._next = 1 - self._next
        return target

    def close(self) -> None:
        """Wait for what is under way and let the buffers go."""
        for event in self._sent:
            event.synchronize()
        self._buffers.clear()
