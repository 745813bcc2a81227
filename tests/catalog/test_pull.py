"""Pulling from a stand-in hub, in processes of their own: what is fetched, what is kept, and what is told."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gptoss_chat.catalog.pull import check_disk
from gptoss_chat.errors import MemoryLimitError
from tests.catalog.hub import Hub, running

CONFIG = {
    "model_type": "gpt_oss", "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 32, "num_local_experts": 6,
    "num_experts_per_tok": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 300,
    "sliding_window": 8, "rope_theta": 150000.0,
}  # fmt: skip
SHARD = random.Random(5).randbytes(600_000)
PULL = """
import sys
from huggingface_hub import constants
constants.DOWNLOAD_CHUNK_SIZE = 2**16
from gptoss_chat.catalog.pull import pull
entry = pull(sys.argv[1], lambda line: print(line, file=sys.stderr))
print(entry.name, entry.weight_bytes, entry.spec.experts, entry.source, sep="|")
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A repository with everything that a published one has."""
    files = {
        "config.json": json.dumps(CONFIG).encode(),
        "tokenizer.json": b"{}",
        "model-00001-of-00001.safetensors": SHARD,
        "model.safetensors.index.json": b'{"weight_map": {}}',
        "README.md": b"# readme",
        "original/model.safetensors": b"not needed",
        "original/config.json": b"{}",
        "metal/model.bin": b"not needed",
    }
    with running(Hub("acme/tiny-oss", files)) as hub:
        yield hub


def start(hub: Hub, home: Path, *command: str) -> subprocess.Popen[str]:
    """Python with the stand-in as its hub and its cache in `home`."""
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment.pop("HF_HUB_OFFLINE", None)
    return subprocess.Popen(
        [sys.executable, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_killed_pull_goes_on_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    """kill -9 in the middle of a shard; the next pull asks for the rest only, fetches nothing unneeded, and it is whole."""
    hub.stall_after = 400_000
    first = start(hub, tmp_path, "-c", PULL, "acme/tiny-oss")
    assert hub.stalled.wait(60), first.communicate()
    blobs = tmp_path / "hub" / "models--acme--tiny-oss" / "blobs"
    deadline_s = time.monotonic() + 20
    while not any(part.stat().st_size for part in blobs.glob("*.part")) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    first.kill()
    first.communicate()
    (part,) = blobs.glob("*.part")
    kept = part.stat().st_size
    assert 0 < kept <= 400_000
    hub.stall_after = None
    hub.served.clear()
    out, err = start(hub, tmp_path, "-c", PULL, "acme/tiny-oss").communicate(timeout=120)
    assert out.strip() == f"acme/tiny-oss|{len(SHARD)}|6|hub cache", err
    assert ("model-00001-of-00001.safetensors", kept) in hub.served
    assert {name for name, _ in hub.served} == {
        "config.json", "tokenizer.json", "model-00001-of-00001.safetensors", "model.safetensors.index.json",
    }  # fmt: skip
    (snapshot,) = (tmp_path / "hub" / "models--acme--tiny-oss" / "snapshots").iterdir()
    assert (snapshot / "model-00001-of-00001.safetensors").read_bytes() == SHARD
    assert not list(blobs.glob("*.part"))


def test_unknown_repository_is_one_sentence(hub: Hub, tmp_path: Path) -> None:
    """No traceback for a misspelt name."""
    pull = start(hub, tmp_path, "-m", "gptoss_chat.cli.main", "models", "pull", "acme/misspelt")
    out, err = pull.communicate(timeout=120)
    assert (pull.returncode, out) == (1, "")
    assert "acme/misspelt" in err
    assert "Traceback" not in err


def test_disk_too_small_is_told_with_numbers(tmp_path: Path) -> None:
    """Before anything is downloaded."""
    with pytest.raises(MemoryLimitError, match=r"needs 1048576\.0 GiB of disk, .* has .* GiB free"):
        check_disk(tmp_path / "not" / "made" / "yet", "huge", 2**50)
