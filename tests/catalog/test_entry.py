"""Finding models in folders and in the hub's cache, without any network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gptoss_chat.catalog import entry, memory
from gptoss_chat.errors import CheckpointError, ModelNotFoundError
from gptoss_chat.settings import Settings
from tests.catalog.test_pull import CONFIG


def write_model(folder: Path, shards: int = 1, model_type: str = "gpt_oss") -> Path:
    """A folder that looks like a checkpoint: a config, and shards of 100 bytes each."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, "model_type": model_type}))
    names = [f"model-{n}.safetensors" for n in range(shards)]
    for name in names:
        (folder / name).write_bytes(b"x" * 100)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {f"t{n}": n for n in names}}))
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache."""
    root = tmp_path / "hub"
    monkeypatch.setattr(entry, "_cache_root", lambda: root)
    return root


def write_cached(cache: Path, name: str, shards: int = 1, model_type: str = "gpt_oss") -> Path:
    """A snapshot that `main` points to."""
    folder = cache / f"models--{name.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    return write_model(folder / "snapshots" / "abc", shards, model_type)


def test_folder_is_found_and_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path names the same model from everywhere once it is kept."""
    write_model(tmp_path / "mine", shards=3)
    monkeypatch.chdir(tmp_path)
    found = entry.find("./mine", Settings())
    assert (found.name, found.folder, found.source, found.weight_bytes) == ("mine", tmp_path / "mine", "folder", 300)
    assert found.spec.experts == 6


def test_original_folder_serves_where_there_are_no_other_weights(tmp_path: Path) -> None:
    """Both layouts in one download: Hugging Face's first."""
    top = write_model(tmp_path / "both")
    write_model(top / "original")
    assert entry.find(str(top), Settings()).folder == top
    for shard in top.glob("*.safetensors"):
        shard.unlink()
    assert entry.find(str(top), Settings()).folder == top / "original"


def test_cached_repository_is_found(cache: Path) -> None:
    """By its name, and as the default of the settings."""
    snapshot = write_cached(cache, "acme/tiny-oss", shards=2)
    assert entry.find("acme/tiny-oss", Settings()).folder == snapshot
    assert entry.find(None, Settings(model="acme/tiny-oss")).weight_bytes == 200


def test_partial_download_says_how_to_go_on(cache: Path) -> None:
    """A missing shard is found before anything is loaded."""
    snapshot = write_cached(cache, "acme/tiny-oss", shards=2)
    (snapshot / "model-1.safetensors").unlink()
    with pytest.raises(ModelNotFoundError, match="in part") as caught:
        entry.find("acme/tiny-oss", Settings())
    assert "models pull acme/tiny-oss" in caught.value.hint
    assert "acme/tiny-oss" not in [found.name for found in entry.list_models()]


def test_list_holds_only_gpt_oss_models(cache: Path) -> None:
    """The cache is shared with every other program."""
    write_cached(cache, "acme/tiny-oss")
    write_cached(cache, "acme/bert", model_type="bert")
    names = [found.name for found in entry.list_models()]
    assert "acme/tiny-oss" in names
    assert "acme/bert" not in names
    with pytest.raises(CheckpointError, match="bert"):
        entry.find("acme/bert", Settings())


@pytest.mark.parametrize("name", ["openai/gpt-oss-20b", "nonsense", "/no/such/folder"])
def test_unknown_model_has_a_way_on(cache: Path, name: str) -> None:
    """Not found is a sentence with a remedy."""
    with pytest.raises(ModelNotFoundError) as caught:
        entry.find(name, Settings())
    assert caught.value.hint


@pytest.mark.parametrize(
    ("free_gib", "ok", "warning", "says"),
    [(64.0, True, False, "fits"), (8.0, True, True, "from disk"), (0.5, False, False, "does not fit")],
)
def test_memory_is_compared_in_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_gib: float, ok: bool, warning: bool, says: str
) -> None:
    """More weights than memory is slow but runs; what can't stay on disk has to fit."""
    found = entry.find(str(write_model(tmp_path / "big")), Settings())
    big = entry.ModelEntry("big", found.folder, "folder", 13 * 2**30)
    monkeypatch.setattr(memory, "machine_memory", lambda: (64 * 2**30, int(free_gib * 2**30)))
    report = memory.fits(big)
    assert (report.ok, report.warning) == (ok, warning)
    assert says in report.sentence
    assert f"{free_gib:.1f} GiB free of 64.0 GiB" in report.sentence
