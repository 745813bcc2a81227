"""Whether this machine's memory holds a model, in numbers; it knows nothing of how the model is loaded beyond its sizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gptoss_chat.catalog.entry import ModelEntry
from gptoss_chat.errors import MemoryLimitError

PROGRAM_BYTES = 600 * 2**20  # torch, the interpreter and the screen, measured with the built-in model
CHAT_TOKENS = 8192  # a conversation of this length must fit beside the weights


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """`needed_bytes` with all weights in memory; `ok` is False when not even the parts that can't stay on disk fit."""

    needed_bytes: int
    available_bytes: int
    total_bytes: int
    ok: bool
    warning: bool
    sentence: str


def fits(entry: ModelEntry, gpu_bytes: int = 0) -> MemoryReport:
    """Compare what `entry` needs with what this machine has free; `gpu_bytes` of its weights are on a GPU.

    Weights are mapped from the file, so a model larger than the memory runs, slowly, from disk: that is a warning. Program,
    keys and values can't stay on disk: when they don't fit, `ok` is False.
    """
    total, available = machine_memory()
    private = PROGRAM_BYTES + CHAT_TOKENS * entry.spec.kv_bytes_per_token
    needed = max(0, entry.weight_bytes - gpu_bytes) + private
    numbers = f"{_gib(needed)} needed, {_gib(available)} free of {_gib(total)}"
    if private > available:
        return MemoryReport(
            needed, available, total, False, False, f"{entry.name} does not fit this machine: {numbers}."
        )
    if needed > available:
        sentence = f"{entry.name} is larger than the free memory ({numbers}): it runs from disk, slowly."
        return MemoryReport(needed, available, total, True, True, sentence)
    return MemoryReport(needed, available, total, True, False, f"{entry.name} fits: {numbers}.")


def too_big(report: MemoryReport) -> MemoryLimitError:
    """The error for a report that is not ok."""
    return MemoryLimitError(report.sentence, "Close other programs, or use the built-in model: --model built-in")


def machine_memory() -> tuple[int, int]:
    """Total and free bytes, those of the control group where it is the tighter limit."""
    import psutil

    memory = psutil.virtual_memory()
    total, available = memory.total, memory.available
    for limit_file, used_file in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        limit, used = _number(Path(limit_file)), _number(Path(used_file))
        if limit is not None and used is not None and limit < total:
            total, available = limit, min(available, limit - used)
    return total, max(0, available)


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no such control group, or "max": no limit
        return None


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
