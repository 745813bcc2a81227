"""Triton's interpreter: it has to be asked for before a kernel is defined, so before the kernels' modules are imported."""

from __future__ import annotations

import os

import pytest
import torch

os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(11)
