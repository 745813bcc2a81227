"""Getting a model from the Hugging Face hub: only the files needed, resumable, after a look at the disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

from gptoss_chat.catalog.entry import ModelEntry, find
from gptoss_chat.catalog.fetch import fetch_blob
from gptoss_chat.errors import GptossChatError, MemoryLimitError, ModelNotFoundError, UsageError
from gptoss_chat.settings import Settings

NEEDED = ("config.json", "generation_config.json", "tokenizer.json", "model.safetensors.index.json", "*.safetensors")
SPARE_BYTES = 2**30  # left free on the disk after a download


def pull(repository: str, say: Callable[[str], None]) -> ModelEntry:
    """Download what is missing of `repository` into the Hugging Face cache; `say` gets a line before the download.

    Progress bars are huggingface_hub's own, on stderr. An interrupted pull goes on where it stopped. Raises
    ModelNotFoundError, MemoryLimitError (disk), or GptossChatError when the hub can't be reached.
    """
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError

    if repository.count("/") != 1:
        raise UsageError(f"'{repository}' is no repository name.", "Names look like openai/gpt-oss-20b.")
    try:
        info = HfApi().model_info(repository, files_metadata=True)
        siblings = {file.rfilename: file.size or 0 for file in info.siblings or [] if "/" not in file.rfilename}
        sizes = {name: size for name, size in siblings.items() if any(fnmatch(name, pattern) for pattern in NEEDED)}
        if "config.json" not in sizes or not any(name.endswith(".safetensors") for name in sizes):
            raise ModelNotFoundError(f"{repository} holds no safetensors checkpoint.", "Choose a gpt-oss repository.")
        missing = sum(sizes.values()) - _present_bytes(Path(constants.HF_HUB_CACHE), repository)
        check_disk(Path(constants.HF_HUB_CACHE), repository, missing)
        say(f"{repository}: {sum(sizes.values()) / 2**30:.2f} GiB in {len(sizes)} files")
        for name in sorted(sizes):
            if name.endswith(".safetensors"):
                fetch_blob(repository, name, info.sha or "main", Path(constants.HF_HUB_CACHE))
        snapshot_download(repository, revision=info.sha, allow_patterns=list(sizes))
        _mark_main(Path(constants.HF_HUB_CACHE), repository, info.sha or "main")
    except RepositoryNotFoundError as error:
        raise ModelNotFoundError(
            f"The hub has no model '{repository}'.", "Check the spelling, or log in to the hub."
        ) from error
    except GptossChatError:
        raise
    except Exception as error:
        raise GptossChatError(
            f"Pulling {repository} failed: {error}.", "Run the command again: it goes on where it stopped."
        ) from error
    return find(repository, Settings())


def check_disk(folder: Path, name: str, missing_bytes: int) -> None:
    """Raises MemoryLimitError, with numbers, when `missing_bytes` and a spare GiB don't fit the disk of `folder`."""
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if missing_bytes + SPARE_BYTES > free:
        raise MemoryLimitError(
            f"{name} needs {missing_bytes / 2**30:.1f} GiB of disk, {place} has {free / 2**30:.1f} GiB free.",
            "Free some space, or set HF_HOME to a larger disk.",
        )


def _present_bytes(cache: Path, repository: str) -> int:
    blobs = cache / f"models--{repository.replace('/', '--')}" / "blobs"
    # The library's own leftovers (.incomplete) are never gone on with, so they count for nothing.
    return sum(file.stat().st_size for file in blobs.glob("*") if file.is_file() and file.suffix != ".incomplete")


def _mark_main(cache: Path, repository: str, revision: str) -> None:
    """Downloading a revision by its hash leaves no `main`; ours is the one that was just looked up."""
    refs = cache / f"models--{repository.replace('/', '--')}" / "refs"
    refs.mkdir(parents=True, exist_ok=True)
    (refs / "main").write_text(revision, encoding="utf-8")
