"""Triton's interpreter: it has to be asked for before a kernel is defined, so before the kernels' modules are imported."""

from __future__ import annotations

import os
from typing import Any

os.environ["TRITON_INTERPRET"] = "1"

import pytest
import torch
from triton.runtime import interpreter


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(11)


@pytest.fixture(autouse=True)
def bounds_of_loops_are_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton 3.6 hands `range` an array of one number, which NumPy takes for an integer only until 2.3."""
    patch = interpreter._patch_lang_tensor

    def patched(tensor: Any, scope: Any) -> None:
        patch(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    monkeypatch.setattr(interpreter, "_patch_lang_tensor", patched)
