"""Finding models: the built-in one, local folders, and the Hugging Face cache; it asks no network."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gptoss_chat.errors import CheckpointError, ModelNotFoundError
from gptoss_chat.settings import Settings

if TYPE_CHECKING:
    from gptoss_chat.model.spec import ModelSpec

BUILT_IN = "built-in"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
Source = Literal["built-in", "folder", "hub cache"]


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model on this machine. `weight_bytes` is the size of its safetensors files on disk."""

    name: str
    folder: Path
    source: Source
    weight_bytes: int

    @property
    def spec(self) -> ModelSpec:
        """Its shape, read anew. Raises CheckpointError when its config.json is not a gpt-oss one."""
        from gptoss_chat.model.spec import ModelSpec

        return ModelSpec.read(self.folder)


def find(name: str | None, settings: Settings) -> ModelEntry:
    """The model called `name`: 'built-in', a folder, or a repository in the Hugging Face cache; None is the default.

    Raises ModelNotFoundError, or CheckpointError when the folder's config.json is not a gpt-oss one.
    """
    name = name or settings.model
    if name == BUILT_IN:
        return _entry(BUILT_IN, built_in_folder(), "built-in")
    folder = Path(name).expanduser().resolve()  # absolute: `models use` keeps it for other working directories
    # A folder that happens to be called like a repository is one only if it is a model.
    if folder.is_dir() and (not _REPOSITORY.fullmatch(name) or (_checkpoint_folder(folder) / "config.json").exists()):
        return _entry(folder.name or name, _checkpoint_folder(folder), "folder")
    if _REPOSITORY.fullmatch(name):
        snapshot = _cached_snapshot(name)
        if snapshot is not None and not _is_whole(snapshot):
            raise ModelNotFoundError(
                f"{name} is on this machine only in part.", f"Go on with: gptoss-chat models pull {name}"
            )
        if snapshot is not None:
            return _entry(name, snapshot, "hub cache")
        raise ModelNotFoundError(f"{name} is not on this machine.", f"Get it with: gptoss-chat models pull {name}")
    raise ModelNotFoundError(
        f"There is no model '{name}'.", "Give a folder, a repository such as openai/gpt-oss-20b, or 'built-in'."
    )


def list_models() -> list[ModelEntry]:
    """The built-in model and every gpt-oss checkpoint in the Hugging Face cache; what can't be read is left out."""
    places: list[tuple[str, Path, Source]] = [(BUILT_IN, built_in_folder(), "built-in")]
    for name in _cached_repositories():
        snapshot = _cached_snapshot(name)
        if snapshot is not None and _is_whole(snapshot):
            places.append((name, snapshot, "hub cache"))
    entries = []
    for place in places:
        with contextlib.suppress(CheckpointError):  # the cache holds models of every kind; only gpt-oss ones are ours
            entries.append(_entry(*place))
    return entries


def built_in_folder() -> Path:
    """The folder of the built-in model's files."""
    return Path(__file__).parents[1] / "builtin" / "files"


def _entry(name: str, folder: Path, source: Source) -> ModelEntry:
    entry = ModelEntry(name, folder, source, sum(file.stat().st_size for file in folder.glob("*.safetensors")))
    if source != "built-in":
        _ = entry.spec  # refuses what is none of ours, before anything waits for it
    return entry


def _checkpoint_folder(folder: Path) -> Path:
    """A download of the whole repository holds OpenAI's layout in `original/`; it serves where there are no other weights."""
    original = folder / "original"
    if not any(folder.glob("*.safetensors")) and any(original.glob("*.safetensors")):
        return original
    return folder


def _is_whole(snapshot: Path) -> bool:
    """Whether every shard is there: an interrupted download leaves a snapshot without some of its weights."""
    index = snapshot / "model.safetensors.index.json"
    if not index.exists():
        return any(snapshot.glob("*.safetensors"))
    try:
        shards = set(json.loads(index.read_bytes())["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return True  # the loader says what is wrong with it
    return all((snapshot / str(shard)).exists() for shard in shards)


def _cache_root() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _cached_repositories() -> list[str]:
    root = _cache_root()
    if not root.is_dir():
        return []
    names = [folder.name.removeprefix("models--") for folder in root.glob("models--*--*")]
    return sorted(name.replace("--", "/", 1) for name in names)


def _cached_snapshot(name: str) -> Path | None:
    """The newest snapshot of a repository that has a config.json."""
    folder = _cache_root() / f"models--{name.replace('/', '--')}"
    main = folder / "refs" / "main"
    if main.is_file():
        snapshot = folder / "snapshots" / main.read_text(encoding="utf-8").strip()
        if (snapshot / "config.json").exists():
            return snapshot
    found = [config.parent for config in folder.glob("snapshots/*/config.json")]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)
