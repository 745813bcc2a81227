"""Random checkpoints: what is written, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors.torch import load_file

from gptoss_chat.errors import MemoryLimitError, UsageError
from gptoss_chat.model.synthetic import preset, write_synthetic


def test_written_file_is_valid_for_the_safetensors_package(tmp_path: Path) -> None:
    """The peer reads every tensor; the same seed gives the same bytes, another seed others."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_synthetic(tmp_path / name, "tiny", seed)
    tensors = load_file(tmp_path / "a" / "model.safetensors")
    assert tensors["model.layers.0.mlp.experts.gate_up_proj_blocks"].shape == (7, 128, 3, 16)
    first, same, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert first == same != other


def test_full_disk_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 120b needs 65 GB, and the sentence gives both numbers."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=20_000_000_000))
    with pytest.raises(MemoryLimitError, match=r"20\.0 GB free.*needs 65\.\d GB"):
        write_synthetic(tmp_path / "big", "120b")
    assert not list((tmp_path / "big").iterdir())


def test_existing_model_is_not_overwritten(tmp_path: Path) -> None:
    """A folder with a model in it is left alone."""
    write_synthetic(tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    with pytest.raises(UsageError, match="already holds a model"):
        write_synthetic(tmp_path, seed=4)
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_unknown_preset_names_the_known_ones() -> None:
    """A typo in the size."""
    with pytest.raises(UsageError, match="20b, 120b"):
        preset("21b")


def test_hollow_experts_are_zeros_that_take_no_disk(tmp_path: Path) -> None:
    """The file has its full length, everything else its values."""
    write_synthetic(tmp_path / "full")
    write_synthetic(tmp_path / "hollow", hollow=True)
    full, hollow = (load_file(tmp_path / name / "model.safetensors") for name in ("full", "hollow"))
    for name, tensor in full.items():
        if name.endswith(("_blocks", "_scales")):
            assert hollow[name].shape == tensor.shape
            assert not hollow[name].any()
        else:
            assert hollow[name].equal(tensor)
