"""Safetensors files, memory-mapped: tensors are views of the page cache; it knows nothing of models.

The header is read here and not by the safetensors package, so that every complaint can name the tensor, and so that the
mapping is read-only and shared (it counts against no memory limit, and the kernel may drop its pages). No pickle.
"""

from __future__ import annotations

import json
import math
import mmap
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gptoss_chat.errors import CheckpointError

DTYPES = {
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "U8": torch.uint8,
}
_PREFIX_BYTES = 8
_MAX_HEADER_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """Where one tensor lies: dtype as the file spells it, shape, first byte and byte count within the file."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int
    nbytes: int


def read_entries(path: Path) -> dict[str, TensorEntry]:
    """The tensors that a safetensors file declares, all of them within the file. Raises CheckpointError."""
    try:
        file_bytes = path.stat().st_size
        with path.open("rb") as file:
            header_bytes = int.from_bytes(file.read(_PREFIX_BYTES), "little")
            if not 0 < header_bytes <= min(file_bytes - _PREFIX_BYTES, _MAX_HEADER_BYTES):
                raise CheckpointError(
                    f"{path} is not a whole safetensors file: its header is said to have {header_bytes} bytes "
                    f"and the file has {file_bytes}.",
                    "Download it again.",
                )
            header = json.loads(file.read(header_bytes))
    except OSError as error:
        raise CheckpointError(f"{path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise CheckpointError(
            f"{path} is not a safetensors file: its header is not JSON.", "Download it again."
        ) from error
    if not isinstance(header, dict):
        raise CheckpointError(f"{path} is not a safetensors file: its header is not a JSON object.")
    header.pop("__metadata__", None)
    data_start = _PREFIX_BYTES + header_bytes
    return {name: _entry(path, name, value, data_start, file_bytes) for name, value in header.items()}


def _entry(path: Path, name: str, value: object, data_start: int, file_bytes: int) -> TensorEntry:
    try:
        dtype, shape, (begin, end) = value["dtype"], tuple(value["shape"]), value["data_offsets"]  # type: ignore[index]
        sound = all(type(n) is int and n >= 0 for n in (*shape, begin, end)) and begin <= end and type(dtype) is str
    except (TypeError, KeyError, ValueError):
        sound = False
    if not sound:
        raise CheckpointError(f"{path}: the header's entry of tensor {name} is corrupt.", "Download the file again.")
    entry = TensorEntry(path, dtype, shape, data_start + begin, end - begin)
    if dtype in DTYPES and math.prod(shape) * DTYPES[dtype].itemsize != entry.nbytes:
        raise CheckpointError(
            f"{path}: tensor {name} is {dtype} {list(shape)} and yet has {entry.nbytes} bytes; the header is corrupt.",
            "Download the file again.",
        )
    if entry.offset + entry.nbytes > file_bytes:
        raise CheckpointError(
            f"{path} is cut short: tensor {name} ends at byte {entry.offset + entry.nbytes} of {file_bytes}.",
            "Download the file again.",
        )
    return entry


class MappedFiles:
    """Opens each file once and hands out tensors that are views of the mapping (never write to them)."""

    def __init__(self) -> None:
        self._files: dict[Path, tuple[mmap.mmap, Tensor]] = {}

    def tensor(self, entry: TensorEntry) -> Tensor:
        """The tensor of `entry`, without a copy where its bytes are aligned. Its dtype must be one of DTYPES."""
        if entry.file not in self._files:
            self._files[entry.file] = _map(entry.file)
        raw = self._files[entry.file][1][entry.offset : entry.offset + entry.nbytes]
        dtype = DTYPES[entry.dtype]
        if entry.offset % dtype.itemsize:  # allowed by the format, though no known writer does it
            raw = raw.clone()
        return raw.view(dtype).view(entry.shape)

    def release(self, entry: TensorEntry) -> None:
        """Says that the bytes of `entry`, which `tensor` gave out, are not needed for now: this process lets go of their
        pages, and a later use reads them again."""
        advice = getattr(mmap, "MADV_DONTNEED", None)
        if advice is None:
            return
        # Pages that hold a part of a neighbour stay.
        first = -(-entry.offset // mmap.PAGESIZE) * mmap.PAGESIZE
        end = (entry.offset + entry.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
        if end > first:
            self._files[entry.file][0].madvise(advice, first, end - first)


def _map(path: Path) -> tuple[mmap.mmap, Tensor]:
    try:
        with path.open("rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise CheckpointError(f"{path} can't be mapped into memory: {error.strerror}.") from error
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given buffer is not writable")
        return mapping, torch.frombuffer(mapping, dtype=torch.uint8)
