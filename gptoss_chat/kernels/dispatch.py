"""Which implementation of the operators runs: chosen once at import, or by `use`; knows nothing of the operators' work.

The choice is torch's own: compiled operators are registered under the dispatch key CPU, and without them torch falls
back to the reference. So it holds for the whole process.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor

from gptoss_chat.errors import UsageError
from gptoss_chat.kernels import int8, ops
from gptoss_chat.kernels.cpu import library
from gptoss_chat.kernels.cpu.library import Functions
from gptoss_chat.kernels.cpu.operators import Operators
from gptoss_chat.kernels.int8 import Int8Matrix

VARIABLE = "GPTOSS_CHAT_CPU"
REFERENCE = "reference"
_NAMES = {
    "avx512": "C++, AVX-512 VNNI",
    "avx2": "C++, AVX2",
    "neon": "C++, NEON",
    "portable": "C++, any processor",
}


class Backend:
    """The registration of one implementation with torch, and the only place that changes it."""

    def __init__(self) -> None:
        self.name = REFERENCE
        self._registered: Any = None
        self._operators: Operators | None = None

    def use(self, name: str) -> None:
        """Run `name` from now on: "auto", "reference" or one of `library.available()`. Raises UsageError for what isn't here."""
        sets = library.available()
        choices = () if isinstance(sets, library.Missing) else sets
        if name == "auto":
            name = choices[0] if choices else REFERENCE
        if name not in (*choices, REFERENCE):
            known = ", ".join(("auto", *choices, REFERENCE))
            raise UsageError(f"{VARIABLE}={name} is not possible here.", f"Possible are: {known}.")
        if self._registered is not None:
            self._registered._destroy()
        self.name, self._registered, self._operators = name, None, None
        ops.call_compiled(None)
        if name == REFERENCE:
            return
        self._operators = Operators(library.load(name))
        self._registered = torch.library.Library("gptoss", "IMPL")  # type: ignore[no-untyped-call]
        for operator in ops.OPERATORS:
            self._registered.impl(operator, getattr(self._operators, operator), "CPU")
        ops.call_compiled(self._operators)

    @property
    def functions(self) -> Functions | None:
        """The compiled functions that run; None without them."""
        return self._operators.functions if self._operators is not None else None

    @property
    def compiled(self) -> bool:
        """Whether compiled operators run."""
        return self._operators is not None

    def quantise(self, w_OI: Tensor) -> Int8Matrix:
        """See `int8.quantise`."""
        return int8.quantise(w_OI) if self._operators is None else self._operators.quantise(w_OI)

    def describe(self) -> str:
        """In a few words, for the user."""
        if self._operators is not None:
            return _NAMES[self.name]
        missing = isinstance(library.available(), library.Missing)
        return "reference (no compiled kernels)" if missing else "reference (PyTorch)"

    def remedy(self) -> str:
        """What would make it faster, as sentences; empty when nothing would."""
        sets = library.available()
        if isinstance(sets, library.Missing):
            return f"{sets.reason} Install a C++ compiler (g++ or clang++), then install gptoss-chat again."
        if self.name != sets[0]:
            return f"{VARIABLE}={self.name} is set, and {sets[0]} would be faster: unset it."
        return ""


def start() -> Backend:
    """The backend that the environment asks for, the fastest by default."""
    backend = Backend()
    backend.use(os.environ.get(VARIABLE) or "auto")
    return backend
