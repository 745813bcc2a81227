"""Peers in processes of their own, played by small modules under the peers' names."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch

from gptoss_chat.bench import peers
from gptoss_chat.bench.peer_transformers import TransformersSession
from gptoss_chat.errors import UsageError
from gptoss_chat.model.checkpoint import load_model
from gptoss_chat.model.synthetic import write_synthetic

LLAMA_CPP = """
class Llama:
    def __init__(self, path, *, n_ctx, n_batch, n_threads, n_threads_batch, verbose):
        if "broken" in path:
            raise ValueError("Failed to load model from file")
        self.length, self.prefills = 0, 0

    def reset(self):
        self.length = 0
        self.prefills += 1
        if self.prefills > 2:
            raise RuntimeError("prefilled again")

    def eval(self, ids):
        self.length += len(ids)
"""


@pytest.fixture
def gguf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the played peer opens."""
    (tmp_path / "llama_cpp.py").write_text(LLAMA_CPP, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = tmp_path / "model.gguf"
    path.touch()
    return path


def test_peer_runs_in_turns_and_prefills_a_depth_once(gguf: Path) -> None:
    """A second run at a depth goes on where the first one ended."""
    assert "llama_cpp" in peers.installed()
    peer = peers.PeerRunner("llama_cpp", gguf, longest=100, threads=1)
    try:
        assert peer.prompt_s(10) >= 0
        assert peer.decode_s(20, 4) >= 0
        assert peer.decode_s(20, 4) >= 0
        assert peer.peak_memory_bytes() > 2**20
        with pytest.raises(UsageError, match="prefilled again"):
            peer.prompt_s(10)
    finally:
        peer.close()


def test_peer_that_cannot_open_the_file_says_so(gguf: Path) -> None:
    """The peer's own reason, in one sentence."""
    broken = gguf.with_name("broken.gguf")
    broken.touch()
    with pytest.raises(UsageError, match="Failed to load model"):
        peers.PeerRunner("llama_cpp", broken, longest=100, threads=1)
    with pytest.raises(UsageError, match="There is no file"):
        peers.PeerRunner("llama_cpp", gguf.with_name("absent.gguf"), longest=100, threads=1)


@pytest.mark.parametrize("experts", ["mxfp4", "bf16"])
def test_transformers_runs_the_same_checkpoint(tmp_path: Path, experts: Literal["mxfp4", "bf16"]) -> None:
    """Its scores after a prompt and a step are close to ours: it is the same model that is timed. Ours round to int8."""
    spec = write_synthetic(tmp_path, "tiny", 3, "hf", experts)
    theirs = TransformersSession(str(tmp_path), 100, 1, form="bf16")
    theirs.prefill([1])
    theirs.prefill([5, 9, 33, 2, 7])
    theirs.step(11)
    model, ids_T = load_model(tmp_path), torch.tensor([5, 9, 33, 2, 7, 11])
    ours_V, _, _ = model.forward(ids_T, 0, torch.zeros(1, dtype=torch.int32), model.new_kv_pool(1))
    assert theirs.scores_V.shape == (spec.vocab,)
    assert torch.cosine_similarity(theirs.scores_V, ours_V, dim=0) > 0.98


def test_transformers_without_a_gpu_refuses_packed_experts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would unpack them, and the figure would be of something else."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="on a GPU only"):
        TransformersSession(str(tmp_path), 100, 1, form="mxfp4")
    with pytest.raises(UsageError, match="no form 'int8'"):
        peers.transformers_peer("int8")
