"""Depth without a prefill: what is pretended, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gptoss_chat.bench.filled import FilledModel
from gptoss_chat.bench.runner import OwnRunner
from gptoss_chat.model.checkpoint import load_model
from gptoss_chat.model.pauses import at_once
from gptoss_chat.model.synthetic import write_synthetic


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny model."""
    write_synthetic(tmp_path, "tiny")
    return tmp_path


def test_pretended_tokens_have_keys_and_values_and_leave_earlier_ones_alone(folder: Path) -> None:
    """Slots before `start` keep what they hold, those from it on hold finite numbers, in every layer."""
    filled = FilledModel(load_model(folder))
    filled.filling = True
    kv, table = filled.new_kv_pool(5), torch.tensor([3, 0, 4], dtype=torch.int32)
    for pool in (*kv.k, *kv.v):
        pool.fill_(torch.nan)
    kv.k[0][3, :10] = 7.0
    entropy = torch.ones(60, 3)
    steps = filled.steps(torch.zeros(60, dtype=torch.int64), 10, table, kv, entropy_out=entropy)
    logits, experts, weights = at_once(steps)
    assert logits.shape == (301,)
    assert experts.shape == weights.shape == (60, 3, 3)
    assert not entropy.any()
    assert (kv.k[0][3, :10] == 7.0).all()
    for pool in (*kv.k, *kv.v):
        written = torch.cat([pool[3, 10:], pool[0], pool[4, :6]])
        assert written.isfinite().all()
        assert pool[[1, 2]].isnan().all()


def test_single_tokens_and_whole_prompts_are_computed_when_nothing_is_pretended(folder: Path) -> None:
    """A step of decoding is always the model's own, and so is a prompt while `filling` is off."""
    model = load_model(folder)
    filled = FilledModel(model)
    kv, table = model.new_kv_pool(1), torch.zeros(1, dtype=torch.int32)
    ids = torch.tensor([5, 6, 7])
    expected = model.forward(ids, 0, table, kv)
    for got, wanted in zip(at_once(filled.steps(ids, 0, table, kv)), expected, strict=True):
        assert torch.equal(got, wanted)
    filled.filling = True
    expected = model.forward(ids[:1], 3, table, kv)
    for got, wanted in zip(at_once(filled.steps(ids[:1], 3, table, kv)), expected, strict=True):
        assert torch.equal(got, wanted)


def test_a_runner_that_fills_decodes_at_a_depth_and_prefills_prompts_in_truth(folder: Path) -> None:
    """The depth costs no prefill, and a later prompt is measured as ever."""
    own = OwnRunner("tiny", folder, longest=400, fill=True)
    try:
        assert own.decode_s(300, 4) > 0
        assert own.decode_s(300, 4) > 0
        assert own.prompt_s(40) > 0
    finally:
        own.close()
