"""A changed router: what the rules mean, that they hold from the turn on, and that nothing of it is left behind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from gptoss_chat.engine.engine import Engine
from gptoss_chat.engine.types import FinishReason, GenerateRequest, SamplingParams
from gptoss_chat.errors import UsageError
from gptoss_chat.model.checkpoint import load_model
from gptoss_chat.model.route import NO_EXPERT, Route, chosen_in, parse_route, route_text
from gptoss_chat.model.steering import RouterSteering
from gptoss_chat.model.synthetic import write_synthetic
from gptoss_chat.model.transformer import Transformer

from .conftest import Answer, collect


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Transformer:
    """A tiny random model in float32."""
    path: Path = tmp_path_factory.mktemp("tiny")
    write_synthetic(path, "tiny", seed=3)
    return load_model(path, dtype=torch.float32)


@pytest.fixture
def engine(model: Transformer) -> Iterator[Engine]:
    """An engine that has seen nothing."""
    made = Engine(model, cache_bytes=2**22, prefill_chunk=64)
    yield made
    made.close()


def ask(engine: Engine, prompt: list[int], record_from: int, route: Route = ()) -> Answer:
    """Greedy, 12 tokens."""
    params = SamplingParams(temperature=0.0, max_tokens=12)
    return collect(engine.submit(GenerateRequest(tuple(prompt), params, record_from, route)))


def tokens(model: Transformer, count: int, seed: int = 1) -> list[int]:
    """Random ids."""
    return random.Random(seed).choices(range(model.spec.vocab), k=count)


def busiest(answer: Answer, layer: int) -> int:
    """The expert that was chosen oftenest in a layer."""
    assert answer.finished.routes is not None
    return int(np.bincount(answer.finished.routes.experts[:, layer].ravel()).argmax())


def test_banned_expert_has_no_share_at_all(model: Transformer, engine: Engine) -> None:
    """From the recorded position on, prompt and answer; weights still sum to 1."""
    prompt = tokens(model, 90)
    expert = busiest(ask(engine, prompt, 40), 1)
    answer = ask(engine, prompt, 40, parse_route(f"ban 1:{expert}"))
    assert answer.finished.error is None
    routes = answer.finished.routes
    assert routes is not None
    assert len(routes.token_ids) == 90 - 40 + 11
    assert not (routes.experts[:, 1] == expert).any()
    assert routes.weights.astype(np.float32).sum(axis=-1) == pytest.approx(1, abs=2e-3)
    everywhere = ask(engine, prompt, 0, parse_route(f"ban *:{expert}")).finished.routes
    assert everywhere is not None
    assert not (everywhere.experts == expert).any()


def test_pinned_and_boosted_experts_are_always_chosen(model: Transformer, engine: Engine) -> None:
    """A pinned one first; one with a large boost too, with nearly all the weight; a negative boost works like a ban."""
    prompt = tokens(model, 50)
    last = model.spec.experts - 1
    pinned = ask(engine, prompt, 20, parse_route(f"pin 0:{last}")).finished.routes
    assert pinned is not None
    assert (pinned.experts[:, 0] == last).any(axis=-1).all()
    boosted = ask(engine, prompt, 20, parse_route(f"boost 0:{last} 90")).finished.routes
    assert boosted is not None
    assert (boosted.experts[:, 0, 0] == last).all()
    assert boosted.weights[:, 0, 0].min() > 0.99
    away = ask(engine, prompt, 20, parse_route(f"boost 0:{last} -90")).finished.routes
    assert away is not None
    assert not (away.experts[:, 0] == last).any()


def test_steered_answer_is_that_of_the_bare_model(model: Transformer, engine: Engine) -> None:
    """Unsteered up to the turn and steered from there, whatever the cache held; routing and tokens are equal."""
    prompt, turn = tokens(model, 80), 33
    route = parse_route("ban 0:1; pin 1:2; boost *:0 1.5")
    cold = ask(engine, prompt, turn, route)
    assert ask(engine, prompt, turn).ids  # the cache now holds the whole prompt, unsteered
    warm = ask(engine, prompt, turn, route)
    assert warm.counts[0] == turn
    assert warm.ids == cold.ids
    run = prompt + cold.ids[:-1]
    table, steering = torch.arange(-(-len(run) // 32), dtype=torch.int32), model.steering_for(route)
    pool = model.new_kv_pool(len(table))
    model.forward(torch.tensor(run[:turn]), 0, table, pool)
    logits_TV, experts_TLK, weights_TLK = model.forward(
        torch.tensor(run[turn:]), turn, table, pool, all_logits=True, steering=steering
    )
    assert logits_TV[len(prompt) - turn - 1 :].argmax(1).tolist() == cold.ids
    for answer in (cold, warm):
        assert answer.finished.routes is not None
        assert np.array_equal(answer.finished.routes.experts, experts_TLK.numpy())
        np.testing.assert_allclose(answer.finished.routes.weights, weights_TLK.numpy(), atol=2e-3)


def test_nothing_steered_is_left_in_the_cache(model: Transformer, engine: Engine) -> None:
    """A later request without rules reuses the prompt before the turn only, and answers as if it had come first."""
    prompt, turn = tokens(model, 75), 41
    want = ask(engine, prompt, 0).ids
    fresh = Engine(model, cache_bytes=2**22, prefill_chunk=64)
    try:
        steered = ask(fresh, prompt, turn, parse_route("ban *:0,1"))
        assert steered.ids
        after = ask(fresh, prompt, 0)
        assert after.counts[0] == turn
        assert after.ids == want
        follow_up = ask(fresh, prompt + steered.ids, 0)
        assert follow_up.counts[0] == 75 + sum(1 for _ in _common(after.ids, steered.ids))
        assert follow_up.ids == ask(engine, prompt + steered.ids, 0).ids
    finally:
        fresh.close()


def _common(a: list[int], b: list[int]) -> Iterator[int]:
    """The beginning that two lists share."""
    for x, y in zip(a, b, strict=True):
        if x != y:
            return
        yield x


def test_every_layer_gets_as_many_experts_as_asked(model: Transformer, engine: Engine) -> None:
    """The record is as wide as the widest layer, and never narrower than the model; empty places hold no expert, weight 0."""
    spec, prompt = model.spec, tokens(model, 60)
    assert spec.experts_per_token == 3
    for text, width, chosen in (
        ("topk 2", 3, [2, 2, 2]),
        ("topk 5; topk 1:1", 5, [5, 1, 5]),
        ("topk 0-1:4", 4, [4, 4, 3]),
    ):
        routes = ask(engine, prompt, 25, parse_route(text)).finished.routes
        assert routes is not None
        assert routes.experts.shape == routes.weights.shape == (60 - 25 + 11, spec.layers, width)
        for layer, count in enumerate(chosen):
            assert (routes.experts[:, layer, :count] < spec.experts).all()
            assert (routes.experts[:, layer, count:] == NO_EXPERT).all()
            assert not routes.weights[:, layer, count:].any()
        assert routes.weights.astype(np.float32).sum(axis=-1) == pytest.approx(1, abs=2e-3)
    after = ask(engine, prompt, 25).finished.routes
    assert after is not None
    assert after.experts.shape[2] == spec.experts_per_token


def test_rules_that_the_model_can_not_follow_end_the_answer(model: Transformer, engine: Engine) -> None:
    """The reason is told in a sentence, and the engine goes on."""
    spec = model.spec
    too_many = ",".join(map(str, range(spec.experts - spec.experts_per_token + 1)))
    for text in (
        f"ban 0:{too_many}",
        f"ban {spec.layers}:0",
        f"ban 0:{spec.experts}",
        "ban 0:1; pin 0:1",
        f"pin 0:{too_many}-9",
        f"topk {spec.experts + 1}",
        f"topk {spec.layers}:1",
        "topk 1; pin 0:1,2",
        f"topk 0:{spec.experts}; ban 0:1",
    ):
        answer = ask(engine, tokens(model, 9), 0, parse_route(text))
        assert answer.finished.reason is FinishReason.ERROR
        assert isinstance(answer.finished.error, UsageError)
        assert answer.finished.error.hint
    assert ask(engine, tokens(model, 9), 0).finished.error is None


def test_scores_change_as_the_rules_say() -> None:
    """Only of the named layers and experts, by the exact amounts; several rules add up."""
    route = parse_route("boost 0:1 2; boost 0-1:1,2 -0.5; ban 1:3; pin 2:0")
    steering = RouterSteering(route, layers=4, experts=5, chosen=2, devices=[torch.device("cpu")] * 4)
    scores = torch.arange(10.0).view(2, 5)
    assert torch.equal(steering.apply(0, scores), scores + torch.tensor([0, 1.5, -0.5, 0, 0]))
    assert torch.equal(steering.apply(1, scores), scores + torch.tensor([0, -0.5, -0.5, -torch.inf, 0]))
    pinned = steering.apply(2, scores)
    assert (pinned[:, 0] > scores.amax(1)).all()
    assert torch.equal(pinned[:, 1:], scores[:, 1:])
    assert steering.apply(3, scores) is scores


@pytest.mark.parametrize(
    "text",
    [
        "topk 3-5:2",
        "topk *:1; ban 0:1",
        "ban 3:7",
        "ban *:7-9",
        "boost 0-5,8:12 2.5",
        "pin 4:1-2; ban 3:0",
        "boost 1:1 -3",
        "",
    ],
)
def test_rules_survive_being_written(text: str) -> None:
    """Their text reads back equal, and is as it was given."""
    route = parse_route(text)
    assert route_text(route) == text
    assert parse_route(route_text(route)) == route


@pytest.mark.parametrize(
    "text",
    ["ban", "ban 3", "ban 3:", "ban :3", "ban x:3", "boost 3:3", "ban 3:3 2", "boost 1:1 1e9", "boost 1:1 101", "ban 5-3:1", "ban 1,:2",
     "ban 1:2 ban 3:4", "forbid 1:2", "ban *,1:2", "ban 1:99999",
     "topk", "topk 0", "topk 3:0", "topk x:2", "topk 1:2,3", "topk 2 1", "topk 3:"],
)  # fmt: skip
def test_text_that_is_no_rule_is_refused(text: str) -> None:
    """In a sentence that shows what a rule looks like."""
    with pytest.raises(UsageError) as caught:
        parse_route(text)
    assert "ban 3:7" in caught.value.hint


def test_topk_without_layers_is_for_all() -> None:
    """As the star says; the last rule for a layer holds."""
    assert parse_route("topk 2") == parse_route("topk *:2")
    route = parse_route("topk 2; topk 1:4")
    assert [chosen_in(route, layer, 3) for layer in range(3)] == [2, 4, 2]
    assert chosen_in(parse_route("topk 1:4"), 0, 3) == 3


@pytest.mark.parametrize("rules", ["", "ban *:1; topk 0:3"])
def test_answer_that_had_to_wait_for_pages_is_as_if_alone(model: Transformer, rules: str) -> None:
    """Its pages went to an older one in the middle: what is run anew is run under the same rules, and told as it was."""
    page_bytes = model.new_kv_pool(1).nbytes
    older, younger = tokens(model, 60), tokens(model, 60, seed=2)
    params = SamplingParams(temperature=0.0, max_tokens=50)

    def answers(pages: int, prompts: list[list[int]]) -> list[Answer]:
        engine = Engine(model, cache_bytes=pages * page_bytes, prefill_chunk=64)
        try:
            route = parse_route(rules)
            requests = [GenerateRequest(tuple(prompt), params, 40, route) for prompt in prompts]
            generations = [engine.submit(request) for request in requests]
            return [collect(generation) for generation in generations]
        finally:
            engine.close()

    (alone,) = answers(64, [younger])
    (_, waited) = answers(5, [older, younger])
    assert waited.finished.reason is FinishReason.LENGTH
    assert waited.ids == alone.ids
    assert waited.counts == alone.counts
    got, want = waited.finished.routes, alone.finished.routes
    assert got is not None
    assert want is not None
    assert np.array_equal(got.token_ids, want.token_ids)
    assert (got.experts == want.experts).mean() > 0.99
    assert np.array_equal(np.isnan(got.logprobs), np.isnan(want.logprobs))
