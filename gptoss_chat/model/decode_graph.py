"""One token's pass through a model that is whole on one device, recorded once and replayed; knows nothing of layers or weights.

What a step needs goes over in one copy, and what comes of it comes back in one. D model, C head size, N pages of the longest
sequence, V vocabulary, X parts of it, L layers, K experts a token.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gptoss_chat.kernels.part_sums import PART

_ALIGNMENT = 16
Field = tuple[torch.dtype, tuple[int, ...]]
Step = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, ...]]
"""From x float32 [1, D] (which it may change), rope float32 [1, C], page table int32 [N], position int64 [1] and factor float32 [1] to
float32 logits [V], their `part_sums` [3, X] by that factor, experts [L, K], weights [L, K] and entropy [L], all on the device.
It must not wait for the device."""
Inputs = tuple[Tensor, Tensor, Tensor, int, float]
"""x float32 [1, D], rope float32 [1, C], page table int32 [at most N], position and factor, all of the CPU."""
Recorder = Callable[[Callable[[], None]], Callable[[], None]]
"""From work on a device to a function that does it again, on the same memory."""


def cuda_recorder(device: torch.device) -> Recorder:
    """Records a CUDA graph on `device`, after running the work twice: kernels are compiled at their first call.

    The stream is one of that device (torch's own for recordings is that of whichever device was first), and what other threads
    do with CUDA meanwhile, such as loading another model, does not end the recording.
    """

    def record(work: Callable[[], None]) -> Callable[[], None]:
        with torch.cuda.device(device):
            before, aside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(before)
            with torch.cuda.stream(aside):
                work()
                work()
            before.wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=aside, capture_error_mode="thread_local"):
                work()
        return graph.replay

    return record


def fields_of(raw: Tensor, fields: Sequence[Field]) -> list[Tensor]:
    """Views of bytes (uint8 [slab_bytes(fields)]) as tensors, one after the other."""
    views, offset = [], 0
    for dtype, shape in fields:
        end = offset + math.prod(shape) * dtype.itemsize
        views.append(raw[offset:end].view(dtype).view(shape))
        offset = _aligned(end)
    return views


def slab_bytes(fields: Sequence[Field]) -> int:
    """How many bytes hold them all."""
    total = 0
    for dtype, shape in fields:
        total = _aligned(total + math.prod(shape) * dtype.itemsize)
    return total


def _aligned(count: int) -> int:
    return -(-count // _ALIGNMENT) * _ALIGNMENT


class DecodeGraph:
    """A recorded step. `first` is what it is first run on, as `run` takes it. Not thread-safe."""

    def __init__(
        self,
        step: Step,
        record: Recorder,
        device: torch.device,
        first: Inputs,
        *,
        hidden: int,
        head_dim: int,
        pages: int,
        vocab: int,
        layers: int,
        chosen: int,
    ) -> None:
        self._device = device
        self._pinned = device.type == "cuda"
        inputs: list[Field] = [
            (torch.float32, (1, hidden)),
            (torch.float32, (1, head_dim)),
            (torch.int32, (pages,)),
            (torch.int64, (1,)),
            (torch.float32, (1,)),
        ]
        self._outputs: list[Field] = [
            (torch.float32, (vocab,)),
            (torch.float32, (3, -(-vocab // PART))),
            (torch.uint8, (layers, chosen)),
            (torch.float16, (layers, chosen)),
            (torch.float32, (layers,)),
        ]
        self._host_in = torch.zeros(slab_bytes(inputs), dtype=torch.uint8, pin_memory=self._pinned)
        self._host_fields = fields_of(self._host_in, inputs)
        self._device_in = torch.zeros_like(self._host_in, device=device, pin_memory=False)
        self._device_out = torch.empty(slab_bytes(self._outputs), dtype=torch.uint8, device=device)
        x_1D, *rest = fields_of(self._device_in, inputs)
        outcome = fields_of(self._device_out, self._outputs)

        def work() -> None:
            for place, value in zip(outcome, step(x_1D.clone(), *rest), strict=True):
                place.copy_(value)

        # Recording runs the work, and a step writes keys and values: of a token that is there, where they belong. Run again
        # it writes the same; on an empty slab it would write over the first token of whoever has the first page.
        self._send(*first)
        self._replay = record(work)

    def _send(self, x_1D: Tensor, rope_1C: Tensor, page_table_N: Tensor, position: int, factor: float) -> None:
        x_place, rope_place, table_place, position_place, factor_place = self._host_fields
        x_place.copy_(x_1D)
        rope_place.copy_(rope_1C)
        table_place[: len(page_table_N)].copy_(page_table_N)
        position_place.fill_(position)
        factor_place.fill_(factor)
        self._device_in.copy_(self._host_in, non_blocking=True)

    def run(
        self, x_1D: Tensor, rope_1C: Tensor, page_table_N: Tensor, position: int, factor: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """One step, from tensors of the CPU to tensors of the CPU that are the caller's own.

        page_table may be shorter than the N of the recording. Returns logits float32 [V], their part_sums float32 [3, X],
        experts uint8 [L, K], weights float16 [L, K], entropy float32 [L].

        All scores come back, 0.8 MB for gpt-oss: 16 to 65 us by PCIe 5 to 3, under a hundredth of a step on such machines, and
        whatever of them a draw turns out to need is there. What took long was the host going through them.
        """
        self._send(x_1D, rope_1C, page_table_N, position, factor)
        self._replay()
        # Pinned blocks are kept by torch: this takes one that is no longer held, not new memory.
        host_out = torch.empty(len(self._device_out), dtype=torch.uint8, pin_memory=self._pinned)
        host_out.copy_(self._device_out, non_blocking=True)
        if self._pinned:
            torch.cuda.current_stream(self._device).synchronize()
        logits_V, sums_3X, experts_LK, weights_LK, entropy_L = fields_of(host_out, self._outputs)
        return logits_V, sums_3X, experts_LK, weights_LK, entropy_L
