"""One large file of the Hugging Face hub into its cache, going on where a killed download stopped; it knows no models.

The hub's library keeps whole files only: what a killed process had of a 5 GB file is lost, and newer versions leave it behind
under a random name. Here the part has a fixed name, is continued with a range request, and is checked against its sha256.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from gptoss_chat.errors import GptossChatError

PART = ".part"  # beside the finished blob; the hub's own parts end otherwise
_READ_BYTES = 2**22


def fetch_blob(repository: str, name: str, revision: str, cache: Path) -> None:
    """Put the file `name` at `revision` into the cache's blobs, where the hub's library finds it.

    Raises the library's and the system's errors, and GptossChatError when what arrived is not what was promised.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._fixes import WeakFileLock
    from huggingface_hub.utils._headers import build_hf_headers

    url = hf_hub_url(repository, name, revision=revision)
    metadata = get_hf_file_metadata(url)
    if metadata.etag is None or metadata.size is None:
        return  # nothing to recognise a part by: the library fetches it whole
    folder = f"models--{repository.replace('/', '--')}"
    blob = cache / folder / "blobs" / metadata.etag
    if blob.exists():
        return
    headers = build_hf_headers()
    if urlsplit(metadata.location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)  # the token is for the hub, not for where it keeps its files
    headers["Accept-Encoding"] = "identity"
    part = blob.with_name(blob.name + PART)
    lock = cache / ".locks" / folder / f"{metadata.etag}.lock"
    for needed in (part.parent, lock.parent):
        needed.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(str(lock)):  # a second pull waits here, and then finds the blob
        if blob.exists():
            return
        with part.open("ab") as file:
            if file.tell() > metadata.size:
                file.truncate(0)
            http_get(
                metadata.location,
                file,
                resume_size=file.tell(),
                headers=headers,
                expected_size=metadata.size,
                displayed_filename=name,
            )
        _verify(part, name, metadata.etag)
        part.rename(blob)


def _verify(part: Path, name: str, etag: str) -> None:
    """Large files are named by their sha256. A wrong one is removed: going on with it would never end well."""
    if len(etag) != 64:
        return
    digest = hashlib.sha256()
    with part.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    if digest.hexdigest() != etag:
        part.unlink()
        raise GptossChatError(f"{name} arrived damaged (its sha256 is not the hub's).", "Pull again.")
