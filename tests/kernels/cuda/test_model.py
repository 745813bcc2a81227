"""A whole model on the Triton kernels, in the interpreter: what they are given by a loaded model is what they take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gptoss_chat.kernels import backend
from gptoss_chat.model import checkpoint
from gptoss_chat.model.checkpoint import Target, load_model
from gptoss_chat.model.spec import SLIDING
from gptoss_chat.model.synthetic import preset, write_synthetic


def test_model_on_the_kernels_routes_and_scores_as_on_the_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt, then a token through the recorded step, whose position is a tensor; weights as the upload leaves them."""
    from gptoss_chat.kernels.cuda.operators import OPERATORS

    monkeypatch.setattr(checkpoint, "EXPAND_BYTES", 0)
    small = replace(
        preset("tiny"), layers=1, layer_types=(SLIDING,), hidden=32, intermediate=32, experts=3, experts_per_token=2, vocab=64
    )  # fmt: skip
    write_synthetic(tmp_path, small, 3)
    model = load_model(tmp_path, target=Target(torch.device("cpu"), 2**40, 2**16))
    ids_T, table = torch.arange(12) + 7, torch.tensor([1], dtype=torch.int32)

    def run() -> list[tuple[Tensor, ...]]:
        kv = model.new_kv_pool(2)
        return [model.forward(ids_T[:11], 0, table, kv), model.forward(ids_T[11:], 11, table, kv)]

    before = backend.name
    backend.use("reference")
    library = torch.library.Library("gptoss", "IMPL")
    try:
        wanted = run()
        for name, operator in OPERATORS.items():
            library.impl(name, operator, "CPU")
        model._record = lambda work: work
        for (logits_V, experts_TLK, weights_TLK), want in zip(run(), wanted, strict=True):
            assert torch.allclose(logits_V, want[0], atol=0.03)
            assert torch.equal(experts_TLK, want[1])
            assert torch.allclose(weights_TLK, want[2], atol=0.01)
        assert model._recorded is not None
    finally:
        library._destroy()
        backend.use(before)
