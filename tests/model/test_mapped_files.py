"""Memory-mapped tensors: their pages can be let go of and come back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gptoss_chat.model.safetensors_file import MappedFiles, read_entries


def resident_kib(path: Path) -> int:
    """How much of a mapped file this process holds in memory."""
    smaps, held, ours = Path("/proc/self/smaps"), 0, False
    if not smaps.exists():
        pytest.skip("only Linux tells")
    for line in smaps.read_text().splitlines():
        if line.endswith(str(path)):
            ours = True
        elif ours and line.startswith("Rss:"):
            held, ours = held + int(line.split()[1]), False
    return held


def test_released_pages_leave_memory_and_read_the_same_again(tmp_path: Path) -> None:
    """What was a matrix of its own once it was rounded costs no memory as a file; a neighbour is not disturbed."""
    path = tmp_path / "model.safetensors"
    wide, beside = torch.arange(float(1 << 20)), torch.arange(99.0)
    save_file({"wide": wide, "beside": beside}, path)
    entries, files = read_entries(path), MappedFiles()
    assert files.tensor(entries["wide"]).equal(wide)
    assert files.tensor(entries["beside"]).equal(beside)
    assert resident_kib(path) >= 4096
    files.release(entries["wide"])
    assert resident_kib(path) < 64
    assert files.tensor(entries["wide"]).equal(wide)
    assert files.tensor(entries["beside"]).equal(beside)
