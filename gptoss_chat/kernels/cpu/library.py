"""Finds the compiled kernels and says which instruction set to run; knows nothing of tensors or operators."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gptoss_chat.kernels import cpu

INSTRUCTION_SETS = ("avx512", "avx2", "neon", "portable")  # the best first
_FILES = ("libgptoss_cpu.so", "libgptoss_cpu.dylib")
_INTERFACE = 7  # as gptoss_interface() in src/portable.cpp

_P, _N, _I, _F = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int, ctypes.c_float
_SIGNATURES: dict[str, list[Any]] = {
    "moe_mxfp4": [_P] * 10 + [_N] * 5 + [_F, _I],
    "moe_float": [_P] * 8 + [_N] * 5 + [_F, _I],
    "linear_bf16": [_P] * 4 + [_N] * 3 + [_I],
    "linear_float": [_P] * 4 + [_N] * 3 + [_I],
    "pack_int8": [_P] * 3 + [_N] * 2 + [_I],
    "linear_int8": [_P] * 5 + [_N] * 3 + [_I],
    "attention": [_P, _N, _P, _P, _I, _P, _P, _P] + [_N] * 8 + [_I],
    "rms_norm": [_P] * 4 + [_N] * 2 + [_F, _I],
    "rope_store": [_P] * 5 + [_I, _P] + [_N] * 7 + [_I],
    "route": [_P] * 4 + [_N] * 3,
    "step": [_P] * 4 + [_N] * 2 + [_P] * 4 + [_I],
}

_NO_MEMORY, _BAD_INDEX = 1, 2  # as Status in src/vec.h


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions of one instruction set, as src/exports.h declares them. Each returns 0, or why it did nothing."""

    instruction_set: str
    moe_mxfp4: ctypes._NamedFuncPointer
    moe_float: ctypes._NamedFuncPointer
    linear_bf16: ctypes._NamedFuncPointer
    linear_float: ctypes._NamedFuncPointer
    pack_int8: ctypes._NamedFuncPointer
    linear_int8: ctypes._NamedFuncPointer
    attention: ctypes._NamedFuncPointer
    rms_norm: ctypes._NamedFuncPointer
    rope_store: ctypes._NamedFuncPointer
    route: ctypes._NamedFuncPointer
    step: ctypes._NamedFuncPointer


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there are no compiled kernels, as a sentence."""

    reason: str


@cache
def _open() -> ctypes.CDLL | Missing:
    # An editable install keeps what was compiled apart from the sources: the package's path has both folders.
    for folder in cpu.__path__:
        for path in (Path(folder) / name for name in _FILES):
            if path.is_file():
                try:
                    library = ctypes.CDLL(str(path))
                    found = library.gptoss_interface()
                except (OSError, AttributeError) as error:
                    return Missing(f"{path} can't be loaded: {error}.")
                if found != _INTERFACE:
                    return Missing(f"{path} was compiled from other sources than these.")
                return library
    return Missing("The package was installed without a C++ compiler, or compiling failed.")


def available() -> tuple[str, ...] | Missing:
    """The instruction sets that were compiled in and that this processor has, the best first."""
    library = _open()
    if isinstance(library, Missing):
        return library
    return tuple(name for name in INSTRUCTION_SETS if name == "portable" or library[f"gptoss_has_{name}"]())


def load(instruction_set: str) -> Functions:
    """The functions of an instruction set that `available` names. torch must be imported: its OpenMP is shared."""
    library = _open()
    assert not isinstance(library, Missing)
    functions = {}
    for name, types in _SIGNATURES.items():
        function = library[f"gptoss_{name}_{instruction_set}"]
        function.argtypes, function.restype = types, ctypes.c_int
        functions[name] = function
    return Functions(instruction_set, **functions)


def check(status: int) -> None:
    """Raises what a function's status says: MemoryError, IndexError."""
    if status == _NO_MEMORY:
        raise MemoryError
    if status == _BAD_INDEX:
        raise IndexError("an expert or page number is out of range")
