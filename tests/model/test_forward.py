"""One prefill, chunks of any size and single tokens are the same computation; so are the two layouts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gptoss_chat.model.checkpoint import load_model
from gptoss_chat.model.transformer import Transformer

from .conftest import CASES, Case, poisoned_pool, run, token_ids

Load = Callable[[Path], Transformer]


def test_chunks_of_any_size_equal_one_prefill(case: Case, load: Load, tmp_path: Path) -> None:
    """Logits and routing do not depend on how the prompt is cut; chunk 1 is token-by-token decoding."""
    model = load(case.write(tmp_path / "model"))
    ids_T = token_ids(case.spec)
    whole = run(model, ids_T, len(ids_T))
    for chunk in (1, 5, 32, 70):
        logits, experts, weights = run(model, ids_T, chunk)
        torch.testing.assert_close(logits, whole[0], atol=1e-4, rtol=0)
        assert torch.equal(experts, whole[1])
        torch.testing.assert_close(weights, whole[2], atol=1e-3, rtol=0)


@pytest.mark.parametrize("experts", ["mxfp4", "bf16"])
def test_two_layouts_of_the_same_weights_are_bit_equal(experts: str, load: Load, tmp_path: Path) -> None:
    """The same seed in both layouts gives the same bits, in a prefill and in a single step."""
    folders = [
        replace(CASES[1], layout=layout, experts=experts, shards=shards).write(tmp_path / layout)
        for layout, shards in (("hf", 2), ("original", 1))
    ]
    ids_T = token_ids(CASES[1].spec, 40)
    for chunk in (40, 1):
        first, second = (run(load(folder), ids_T, chunk) for folder in folders)
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_last_logits_equal_those_of_all_positions(tmp_path: Path) -> None:
    """Without all_logits the last position's [V] comes back, and routing has the promised types and shapes."""
    case = CASES[0]
    model = load_model(case.write(tmp_path / "model"))
    ids_T = token_ids(case.spec, 5)
    page_table = torch.tensor([1], dtype=torch.int32)
    every, _, _ = model.forward(ids_T, 0, page_table, poisoned_pool(model, 2), all_logits=True)
    last, experts, weights = model.forward(ids_T, 0, page_table, poisoned_pool(model, 2))
    torch.testing.assert_close(last, every[-1], atol=1e-5, rtol=0)
    assert last.shape == (case.spec.vocab,)
    assert experts.dtype == torch.uint8
    assert weights.dtype == torch.float16
    assert experts.shape == weights.shape == (5, case.spec.layers, case.spec.experts_per_token)


def test_cache_type_follows_size_unless_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small model caches float32, a big one bfloat16, and kv_bytes_per_token tells which."""
    folder = CASES[0].write(tmp_path / "model")
    small = load_model(folder)
    assert small.kv_dtype == torch.float32
    assert small.kv_bytes_per_token == 2 * small.spec.kv_bytes_per_token
    monkeypatch.setattr("gptoss_chat.model.checkpoint.EXPAND_BYTES", 0)
    big = load_model(folder)
    pool = big.new_kv_pool(3)
    assert pool.k[0].dtype == torch.bfloat16
    assert pool.nbytes == 3 * 32 * big.kv_bytes_per_token


def test_bfloat16_cache_stays_close_to_float32(tmp_path: Path) -> None:
    """Rounding keys and values to bfloat16 moves the logits a little and no more."""
    case = CASES[1]
    folder = case.write(tmp_path / "model")
    ids_T = token_ids(case.spec)
    exact, rounded = (run(load_model(folder, dtype=dtype), ids_T, 16)[0] for dtype in (torch.float32, torch.bfloat16))
    assert 0 < (exact - rounded).abs().mean() < 0.02


def test_progress_reaches_one(tmp_path: Path) -> None:
    """Loading reports rising progress that ends at 1."""
    seen: list[float] = []
    load_model(CASES[0].write(tmp_path / "model"), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_pass_may_be_left_and_others_run_in_its_pauses(tmp_path: Path) -> None:
    """A pause after every layer but the last; the tokens of another sequence in between change no bit."""
    case = CASES[0]
    model = load_model(case.write(tmp_path / "model"))
    ids_T, kv = token_ids(case.spec, 70), poisoned_pool(model, 6)
    table, other = torch.tensor([2, 0, 5], dtype=torch.int32), torch.tensor([4, 1], dtype=torch.int32)
    expected = model.forward(ids_T, 0, table, poisoned_pool(model, 6))
    with torch.inference_mode():
        left = model.steps(ids_T, 0, table, kv)
        next(left)
        left.close()
        pauses, passing = 0, model.steps(ids_T, 0, table, kv)
        while True:
            try:
                next(passing)
            except StopIteration as end:
                found = end.value
                break
            pauses += 1
            model.forward(ids_T[pauses : pauses + 1], pauses - 1, other, kv)
            model.forward(ids_T[:7], 10, other, kv)
    assert pauses == case.spec.layers - 1
    assert all(torch.equal(got, wanted) for got, wanted in zip(found, expected, strict=True))
