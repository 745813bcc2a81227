"""The engine on a real, tiny, random gpt-oss model: reuse never changes a text, and nothing unwritten is ever read."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from gptoss_chat.engine.engine import Engine
from gptoss_chat.engine.types import GenerateRequest, SamplingParams
from gptoss_chat.model.checkpoint import load_model
from gptoss_chat.model.kv import KVPool
from gptoss_chat.model.synthetic import write_synthetic
from gptoss_chat.model.transformer import Transformer

from .conftest import ask, collect

CACHE_BYTES = 2**22


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny")
    write_synthetic(path, "tiny", seed=3)
    return path


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def model(folder: Path, request: pytest.FixtureRequest) -> Transformer:
    """The model with a KV pool full of NaN: one read of a slot that was not written, and the scores are not numbers."""
    loaded = load_model(folder, dtype=request.param)
    new_pool = loaded.new_kv_pool

    def poisoned(pages: int) -> KVPool:
        pool = new_pool(pages)
        for pages_PSGC in (*pool.k, *pool.v):
            pages_PSGC.fill_(torch.nan)
        return pool

    loaded.new_kv_pool = poisoned  # type: ignore[method-assign]
    return loaded


@pytest.fixture
def engine(model: Transformer) -> Iterator[Engine]:
    made = Engine(model, cache_bytes=CACHE_BYTES, prefill_chunk=64)
    yield made
    made.close()


def cold(model: Transformer, prompt: list[int], **sampling: object) -> list[int]:
    """The answer of an engine that has seen nothing."""
    fresh = Engine(model, cache_bytes=CACHE_BYTES, prefill_chunk=64)
    try:
        return ask(fresh, prompt, **sampling).ids
    finally:
        fresh.close()


def ids(model: Transformer, count: int, seed: int) -> list[int]:
    return random.Random(seed).choices(range(model.spec.vocab), k=count)


def test_seeded_text_is_the_same_warm_or_cold(model: Transformer, engine: Engine) -> None:
    """Follow-up, edit, regenerate and warm prefill, each against an empty cache; bf16 only where it is exact."""
    exact = model.new_kv_pool(1).k[0].dtype == torch.float32
    params = {"temperature": 1.0, "top_p": 0.95, "seed": 5, "max_tokens": 24}
    prompt = ids(model, 77, seed=1)
    first = ask(engine, prompt, **params)
    assert first.counts == (0, 77)
    regenerated = ask(engine, prompt, **params)
    assert regenerated.counts == (76, 1)
    assert regenerated.ids == first.ids
    edited = prompt[:45] + ids(model, 30, seed=2)
    assert ask(engine, edited, **params).counts == (45, 30)
    follow_up = prompt + first.ids + ids(model, 9, seed=3)
    second = ask(engine, follow_up, **params)
    assert second.counts == (100, 10)
    canonical = prompt + ids(model, 60, seed=4)
    engine.warm(canonical)
    assert engine.wait_idle(30)
    last = ask(engine, [*canonical, 1, 2], **params)
    assert last.counts == (137, 2)
    if exact:
        assert ask(engine, edited, **params).ids == cold(model, edited, **params)
        assert second.ids == cold(model, follow_up, **params)
        assert last.ids == cold(model, [*canonical, 1, 2], **params)


def test_interrupted_answer_goes_on_as_it_would_have(model: Transformer, engine: Engine) -> None:
    """Prompt plus the first tokens, with the same seed, gives the rest."""
    params = {"temperature": 1.0, "seed": 9}
    prompt = ids(model, 40, seed=5)
    whole = ask(engine, prompt, max_tokens=20, **params).ids
    assert whole[:7] + ask(engine, prompt + whole[:7], max_tokens=13, **params).ids == whole


def test_greedy_equals_the_bare_model(model: Transformer, engine: Engine) -> None:
    """The engine's tokens are those of a forward over the whole sequence."""
    prompt = ids(model, 70, seed=6)
    answer = ask(engine, prompt, max_tokens=6)
    run = prompt + answer.ids[:-1]
    table = torch.arange(-(-len(run) // 32), dtype=torch.int32)
    pool = model.new_kv_pool(len(table))
    logits_TV, experts_TLK, _ = model.forward(torch.tensor(run), 0, table, pool, all_logits=True)
    if pool.k[0].dtype == torch.float32:
        assert logits_TV[69:].argmax(1).tolist() == answer.ids
        assert answer.finished.routes is not None
        assert torch.equal(torch.from_numpy(answer.finished.routes.experts), experts_TLK)
    assert torch.isfinite(logits_TV).all()


def test_drawn_tokens_are_recorded_with_their_probabilities(model: Transformer, engine: Engine) -> None:
    """Each drawn token's row has its log-softmax and the five likeliest; given ones have none, also when they are reused."""
    prompt = ids(model, 40, seed=8)
    answer = ask(engine, prompt, max_tokens=9, temperature=0.7, top_p=0.9, seed=2)
    run = prompt + answer.ids[:-1]
    table = torch.arange(-(-len(run) // 32), dtype=torch.int32)
    logits_TV, _, _ = model.forward(torch.tensor(run), 0, table, model.new_kv_pool(len(table)), all_logits=True)
    want_TV = logits_TV.log_softmax(dim=1)
    record = answer.finished.routes
    assert record is not None
    assert np.isnan(record.logprobs[:40]).all()
    assert np.isnan(record.alternative_logprobs[:40]).all()
    close = 1e-4 if model.new_kv_pool(1).k[0].dtype == torch.float32 else 0.3
    for row in range(40, len(run)):
        assert record.logprobs[row] == pytest.approx(float(want_TV[row - 1, run[row]]), abs=close)
        top = want_TV[row - 1].topk(5)
        assert record.alternative_logprobs[row] == pytest.approx(top.values.numpy(), abs=close)
        if close < 0.1:
            assert record.alternative_ids[row].tolist() == top.indices.tolist()
    assert np.isfinite(record.entropy).all()
    assert record.entropy.shape == record.experts.shape[:2]
    again = ask(engine, run, max_tokens=1).finished.routes  # everything but the last token comes out of the cache
    assert again is not None
    assert np.array_equal(again.logprobs[:-1], record.logprobs[: len(run) - 1], equal_nan=True)


def test_requests_at_once_are_bit_equal_to_those_alone(model: Transformer, engine: Engine) -> None:
    """The same prompt twice, with two seeds, and another one between: texts and log-probabilities."""
    one, other = ids(model, 150, seed=1), ids(model, 70, seed=2)
    asked = [
        GenerateRequest(tuple(prompt), SamplingParams(seed=seed, max_tokens=30, logprobs=3))
        for prompt, seed in ((one, 1), (other, 2), (one, 3))
    ]
    answers = [collect(generation) for generation in [engine.submit(request) for request in asked]]
    for request, answer in zip(asked, answers, strict=True):
        fresh = Engine(model, cache_bytes=CACHE_BYTES, prefill_chunk=64)
        alone = collect(fresh.submit(request))
        fresh.close()
        assert answer.ids == alone.ids
        assert answer.finished.routes is not None
        assert alone.finished.routes is not None
        assert np.array_equal(answer.finished.routes.logprobs, alone.finished.routes.logprobs, equal_nan=True)
        assert np.array_equal(answer.finished.routes.experts, alone.finished.routes.experts)
    assert sum(answer.finished.usage.prefilled_tokens for answer in answers) == 150 + 70 + 1
