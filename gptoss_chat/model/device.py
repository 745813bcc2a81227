"""Which device a model may use, and how fast it is; knows nothing of checkpoints, settings or who asks.

A device is wished for as `auto`, `cpu`, `cuda` or `cuda:N`. CUDA devices serve from compute capability 7.5 (Turing) on.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import torch

from gptoss_chat.errors import UsageError
from gptoss_chat.model.placement import Rates

OLDEST = (7, 5)
RESERVE_BYTES = 1 << 30
"""Left free on a device: the workspaces of a long prompt's chunk, norms and biases, and the display's needs."""
_PROBE_BYTES = 128 << 20  # far beyond the caches of either side
_PROBE_ROUNDS = 3
_WISH = re.compile(r"auto|cpu|cuda(?::(\d{1,3}))?")
_CPU_INSTEAD = "or use --device cpu."


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A CUDA device that works. `free_bytes` is what nobody had taken when it was looked at."""

    device: torch.device
    name: str
    capability: tuple[int, int]
    free_bytes: int
    total_bytes: int

    def budget_bytes(self, limit_bytes: int | None) -> int:
        """What weights and cache may take: all that is free, or at most `limit_bytes`, less the reserve."""
        allowed = self.free_bytes if limit_bytes is None else min(self.free_bytes, limit_bytes)
        return max(0, allowed - RESERVE_BYTES)


def find_accelerator(wish: str) -> Accelerator | None:
    """The device that `wish` names; None for the CPU, and for `auto` where no CUDA device serves.

    Raises UsageError when `wish` is none of the words above, and where a CUDA device is asked for and there is none that serves.
    """
    found = _WISH.fullmatch(wish)
    if found is None:
        raise UsageError(f"'{wish}' is no device.", "Use auto, cpu, cuda, or cuda:N for one of several.")
    if wish == "cpu":
        return None
    if refusal := cuda_refusal():
        if wish == "auto":
            return None
        raise refusal
    if wish == "auto":
        for index in range(torch.cuda.device_count()):
            looked_at = look_at(index)
            if isinstance(looked_at, Accelerator):
                return looked_at
        return None
    index, count = int(found[1] or 0), torch.cuda.device_count()
    if index >= count:
        there_is = "the only CUDA device is cuda:0" if count == 1 else f"CUDA devices are cuda:0 to cuda:{count - 1}"
        raise UsageError(f"There is no device {wish}: {there_is}.", f"Choose another with --device, {_CPU_INSTEAD}")
    looked_at = look_at(index)
    if isinstance(looked_at, UsageError):
        raise looked_at
    return looked_at


def cuda_refusal() -> UsageError | None:
    """Why no CUDA device can be used at all, with what to do about it; None when one can. Starts no context on a device."""
    if torch.version.cuda is None:
        return UsageError(
            f"The installed torch {torch.__version__} is built without CUDA.",
            f"Install torch with CUDA in the same environment (pytorch.org, Get started, has the command), {_CPU_INSTEAD}",
        )
    if torch.cuda.is_available():
        return None
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:  # says what is wrong with the driver
        reason = str(error).splitlines()[0].rstrip(". ") if str(error) else "it has no reason"
        return UsageError(
            f"No CUDA device can be used: {reason}.",
            f"Check that nvidia-smi lists the GPU and that its driver serves CUDA {torch.version.cuda}, {_CPU_INSTEAD}",
        )
    return UsageError("No CUDA device is visible.", f"Check nvidia-smi and CUDA_VISIBLE_DEVICES, {_CPU_INSTEAD}")


def look_at(index: int) -> Accelerator | UsageError:
    """The device of that number, tried out; or why it does not serve."""
    name, capability = torch.cuda.get_device_name(index), torch.cuda.get_device_capability(index)
    if capability < OLDEST:
        return UsageError(
            f"{name} has compute capability {capability[0]}.{capability[1]}, and {OLDEST[0]}.{OLDEST[1]} is the least.",
            f"Choose another with --device, {_CPU_INSTEAD}",
        )
    device = torch.device("cuda", index)
    try:
        torch.ones(1, device=device).add_(1).item()
        torch.cuda.empty_cache()  # what a model before held counts as free
        free_bytes, total_bytes = torch.cuda.mem_get_info(device)
    except RuntimeError as error:  # another program has all its memory, it was lost, or torch has no code for it
        reason = str(error).splitlines()[0].rstrip(". ")
        return UsageError(
            f"{name} can't be used: {reason}.", f"Start again, choose another with --device, {_CPU_INSTEAD}"
        )
    return Accelerator(device, name, capability, free_bytes, total_bytes)


def measure_rates(device: torch.device) -> Rates:
    """How fast the host and `device` read memory and hand a token's activations across: the best of a few rounds, under 0.2 s."""
    host = torch.ones(_PROBE_BYTES // 4)
    host_s = min(_seconds(host.sum) for _ in range(_PROBE_ROUNDS + 1))
    there = host.to(device)
    token = torch.ones(4096)

    def read() -> None:
        there.sum().item()

    def cross() -> None:
        token.to(device).cpu()

    read_s = min(_seconds(read) for _ in range(_PROBE_ROUNDS + 1))
    crossing_s = min(_seconds(cross) for _ in range(10 * _PROBE_ROUNDS)) / 2
    return Rates(_PROBE_BYTES / host_s, _PROBE_BYTES / read_s, crossing_s)


def _seconds(run: object) -> float:
    assert callable(run)
    began_s = time.perf_counter()
    run()
    return time.perf_counter() - began_s
