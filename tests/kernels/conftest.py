"""Runs a test on every implementation of the operators that this machine has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gptoss_chat.kernels import backend
from gptoss_chat.kernels.cpu import library

_AVAILABLE = library.available()
COMPILED = ["portable"] if isinstance(_AVAILABLE, library.Missing) else list(_AVAILABLE)


def _use(name: str) -> Iterator[str]:
    if name != "reference" and isinstance(_AVAILABLE, library.Missing):
        pytest.skip(_AVAILABLE.reason)
    before = backend.name
    backend.use(name)
    yield name
    backend.use(before)


@pytest.fixture(params=["reference", *COMPILED])
def any_backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every implementation in turn."""
    yield from _use(request.param)


@pytest.fixture(params=COMPILED)
def compiled(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every compiled implementation in turn."""
    yield from _use(request.param)


@pytest.fixture
def reference_only() -> Iterator[str]:
    """The reference."""
    yield from _use("reference")
