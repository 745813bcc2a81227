"""A token in one compiled call is the token of the separate operators, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from gptoss_chat.kernels import backend
from gptoss_chat.model.checkpoint import load_model
from gptoss_chat.model.kv import KVPool
from gptoss_chat.model.transformer import Transformer

from .conftest import CASES, Case, poisoned_pool, token_ids

TABLE = torch.tensor([2, 0, 3], dtype=torch.int32)


def decoded(model: Transformer, ids_T: Tensor, kv: KVPool, *, steered: bool) -> list[tuple[Tensor, ...]]:
    """Logits, experts, weights and entropy of each token; rules that change nothing keep it from the single call."""
    found = []
    for position in range(len(ids_T)):
        entropy = torch.full((1, model.spec.layers), torch.nan)
        steering = model.steering_for(()) if steered else None
        one = ids_T[position : position + 1]
        found.append((*model.forward(one, position, TABLE, kv, steering=steering, entropy_out=entropy), entropy))
    return found


@pytest.mark.parametrize("expand_bytes", [0, 1 << 30], ids=["packed", "float32"])
def test_one_call_equals_the_operators(
    expand_bytes: int, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logits, routing, entropy, keys and values of every token, whatever the weights; where it is not used that holds anyway."""
    monkeypatch.setattr("gptoss_chat.model.checkpoint.EXPAND_BYTES", expand_bytes)
    model = load_model(case.write(tmp_path / "model"))
    ids_T = token_ids(case.spec)
    pools = poisoned_pool(model, 4), poisoned_pool(model, 4)
    for called, steered in zip(
        decoded(model, ids_T, pools[0], steered=False), decoded(model, ids_T, pools[1], steered=True), strict=True
    ):
        assert all(torch.equal(a, b) for a, b in zip(called, steered, strict=True))
    for a, b in zip((*pools[0].k, *pools[0].v), (*pools[1].k, *pools[1].v), strict=True):
        assert torch.equal(a.nan_to_num(nan=9.0), b.nan_to_num(nan=9.0))


@pytest.mark.parametrize("expand_bytes", [0, 1 << 30], ids=["packed", "float32"])
def test_one_call_is_used_where_compiled_kernels_run(
    expand_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of MXFP4 checkpoints, as they are or expanded; it follows the pool and the backend that are in use."""
    monkeypatch.setattr("gptoss_chat.model.checkpoint.EXPAND_BYTES", expand_bytes)
    model = load_model(CASES[0].write(tmp_path / "model"))
    if not backend.compiled:
        pytest.skip("no compiled kernels here")
    pool = model.new_kv_pool(2)
    step = model._host_step(pool)
    assert step is not None
    assert model._host_step(pool) is step
    assert model._host_step(model.new_kv_pool(2)) is not step
    before = backend.name
    try:
        backend.use("reference")
        assert model._host_step(pool) is None
    finally:
        backend.use(before)


def test_a_page_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """As the operators refuse it: before memory is read or written through it."""
    model = load_model(CASES[0].write(tmp_path / "model"))
    pool, ids = model.new_kv_pool(2), torch.tensor([1])
    if not backend.compiled:
        pytest.skip("no compiled kernels here")
    with pytest.raises(IndexError):
        model.forward(ids, 32, torch.tensor([0], dtype=torch.int32), pool)
    with pytest.raises(IndexError):
        model.forward(ids, 0, torch.tensor([7], dtype=torch.int32), pool)


def test_short_prompt_of_a_small_model_equals_its_tokens_one_by_one(case: Case, tmp_path: Path) -> None:
    """Bit for bit, wherever it is cut; and what the operators give for all at once is close."""
    model = load_model(case.write(tmp_path / "model"))
    ids_T = token_ids(case.spec)[:20]
    pools = [poisoned_pool(model, 4) for _ in range(3)]
    one_by_one = decoded(model, ids_T, pools[0], steered=False)
    entropy_TL = torch.full((len(ids_T), case.spec.layers), torch.nan)
    logits_V, experts_TLK, weights_TLK = model.forward(ids_T, 0, TABLE, pools[1], entropy_out=entropy_TL)
    far_V, *_ = model.forward(ids_T, 0, TABLE, pools[2], steering=model.steering_for(()))
    torch.testing.assert_close(logits_V, far_V, rtol=1e-3, atol=1e-3)
    if model._host_step(pools[1]) is None:
        pytest.skip("no compiled kernels here, or not for these weights")
    assert torch.equal(logits_V, one_by_one[-1][0])
    for part, found in enumerate((experts_TLK, weights_TLK, entropy_TL), start=1):
        assert torch.equal(found, torch.cat([token[part] for token in one_by_one]))
    for a, b in zip((*pools[0].k, *pools[0].v), (*pools[1].k, *pools[1].v), strict=True):
        assert torch.equal(a.nan_to_num(nan=9.0), b.nan_to_num(nan=9.0))
