"""Choosing an implementation, and what is said where there is no compiled one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from gptoss_chat.errors import UsageError
from gptoss_chat.kernels import backend, backend_name, ops
from gptoss_chat.kernels.cpu import library

CPU = torch.device("cpu")


@pytest.fixture
def nothing_compiled(monkeypatch: pytest.MonkeyPatch) -> library.Missing:
    missing = library.Missing("There is no library.")
    monkeypatch.setattr(library, "_open", lambda: missing)
    return missing


def has_cpu_kernel() -> bool:
    return torch._C._dispatch_has_kernel_for_dispatch_key("gptoss::moe_mxfp4", "CPU")


def test_reference_can_be_forced_and_left_again(compiled: str) -> None:
    """torch itself runs what was chosen last."""
    assert has_cpu_kernel()
    assert backend.compiled
    assert backend_name(CPU).startswith("C++")
    backend.use("reference")
    assert not has_cpu_kernel()
    assert not backend.compiled
    assert backend_name(CPU) == "reference (PyTorch)"
    assert "unset" in backend.remedy()
    backend.use(compiled)
    assert has_cpu_kernel()


def test_tensors_of_the_cpu_meet_no_dispatcher(compiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled function is called itself, but for fakes, and only while its backend is in use."""
    scores, called = torch.randn(2, 8), []
    route = ops._route.compiled
    assert route is not None
    monkeypatch.setattr(ops._route, "compiled", lambda *given: called.append(given) or route(*given))
    expected = ops.route(scores, 3)
    assert len(called) == 1
    with FakeTensorMode() as mode:
        assert ops.route(mode.from_tensor(scores), 3)[0].shape == (2, 3)
    assert len(called) == 1
    backend.use("reference")
    assert torch.equal(ops.route(scores, 3)[0], expected[0])
    assert len(called) == 1


def test_without_compiled_kernels_the_reference_runs_and_a_remedy_is_named(
    reference_only: str, nothing_compiled: library.Missing
) -> None:
    """auto is then the reference, and asking for an instruction set is the user's mistake."""
    backend.use("auto")
    assert backend.name == "reference"
    assert backend_name(CPU) == "reference (no compiled kernels)"
    assert backend.remedy().startswith(nothing_compiled.reason)
    assert "compiler" in backend.remedy()
    with pytest.raises(UsageError, match="avx2"):
        backend.use("avx2")


def test_unknown_name_is_refused_with_those_that_are_possible() -> None:
    """The choice stays what it was."""
    before = backend.name
    with pytest.raises(UsageError, match=r"auto, .*reference"):
        backend.use("avx9000")
    assert backend.name == before


def test_environment_chooses() -> None:
    """GPTOSS_CHAT_CPU is read when the kernels are imported."""
    code = "from gptoss_chat.kernels import backend; print(backend.name)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"GPTOSS_CHAT_CPU": "reference"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "reference"


def test_a_library_that_is_no_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged file, or one of other sources, is told apart from a missing one."""
    (tmp_path / library._FILES[0]).write_bytes(b"not a library")
    monkeypatch.setattr("gptoss_chat.kernels.cpu.__path__", [str(tmp_path)])
    found = library._open.__wrapped__()
    assert isinstance(found, library.Missing)
    assert "can't be loaded" in found.reason


def test_another_interface_is_not_called(compiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an update without a rebuild, the old library is left alone."""
    monkeypatch.setattr(library, "_INTERFACE", -1)
    found = library._open.__wrapped__()
    assert isinstance(found, library.Missing)
    assert "other sources" in found.reason
