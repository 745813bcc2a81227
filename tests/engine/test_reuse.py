"""What a conversation reuses of the cache, by counts, and that reuse never changes an answer."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from gptoss_chat.engine.engine import Engine
from gptoss_chat.engine.types import FinishReason

from .conftest import ask
from .hash_model import HashModel, Spec, routing


def ids(count: int, seed: int = 1) -> list[int]:
    return random.Random(seed).choices(range(97), k=count)


def cold(prompt: list[int], **sampling: object) -> list[int]:
    """The answer of an engine that has seen nothing."""
    engine = Engine(HashModel(), cache_bytes=2**20)
    try:
        return ask(engine, prompt, **sampling).ids
    finally:
        engine.close()


def test_follow_up_prefills_only_what_is_new(engine: Engine) -> None:
    """The second turn reuses prompt and answer; only the last answer token and the new text are run."""
    first = ids(70)
    answer = ask(engine, first)
    assert answer.counts == (0, 70)
    follow_up = first + answer.ids + ids(5, seed=2)
    second = ask(engine, follow_up)
    # 7 of the 8 answer tokens were run: the last one was sampled and never fed back.
    assert second.counts == (77, 6)
    assert second.ids == cold(follow_up)


def test_regenerate_runs_one_prompt_token(engine: Engine, model: HashModel) -> None:
    """A prompt that is wholly cached runs its last token again, for its scores, and answers the same."""
    prompt = ids(70)
    first = ask(engine, prompt)
    model.calls.clear()
    second = ask(engine, prompt)
    assert second.counts == (69, 1)
    assert model.calls[0] == (69, 1)
    assert second.ids == first.ids


@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 64, 65, 97])
def test_regenerate_is_exact_at_page_boundaries(engine: Engine, length: int) -> None:
    """Prompts that end on, before and after a page's end, asked three times, with other seeds in between."""
    prompt = ids(length)
    want = cold(prompt, max_tokens=40)
    assert ask(engine, prompt, max_tokens=40).ids == want
    ask(engine, prompt, max_tokens=40, temperature=1.0, seed=3)
    again = ask(engine, prompt, max_tokens=40)
    assert again.counts == (length - 1, 1)
    assert again.ids == want


def test_edit_reuses_up_to_the_first_change(engine: Engine) -> None:
    """An edited message shares what stands before it, in mid-page."""
    prompt = ids(90)
    ask(engine, prompt)
    edited = [*prompt[:50], (prompt[50] + 1) % 97, *ids(20, seed=3)]
    answer = ask(engine, edited)
    assert answer.counts == (50, 21)
    assert answer.ids == cold(edited)


def test_switching_back_reuses_everything(engine: Engine) -> None:
    """After an edit and another conversation, the first branch is still whole."""
    prompt = ids(90)
    first = ask(engine, prompt)
    edited = prompt[:50] + ids(30, seed=4)
    ask(engine, edited)
    ask(engine, ids(40, seed=5))
    back = prompt + first.ids + [1, 2, 3]
    answer = ask(engine, back)
    assert answer.counts == (97, 4)
    assert answer.ids == cold(back)


def test_warm_makes_the_next_turn_prefill_only_what_is_typed(engine: Engine, model: HashModel) -> None:
    """The canonical rendering of an answer is in the cache before the reader types."""
    prompt = ids(60)
    ask(engine, prompt)
    canonical = prompt + ids(30, seed=6)
    engine.warm(canonical)
    assert engine.wait_idle(30)
    assert model.calls[-2:] == [(60, 4), (64, 26)]
    answer = ask(engine, [*canonical, 5, 6, 7])
    assert answer.counts == (90, 3)
    assert answer.ids == cold([*canonical, 5, 6, 7])


def test_chunks_end_at_absolute_multiples(start: Callable[..., Engine], model: HashModel) -> None:
    """A prompt is cut the same way wherever its reused part ends, and the last token runs alone."""
    engine = start(model, chunk=64)
    prompt = ids(150)
    ask(engine, prompt, max_tokens=0)
    assert model.calls == [(0, 64), (64, 64), (128, 21), (149, 1)]
    model.calls.clear()
    ask(engine, prompt[:100] + ids(60, seed=9), max_tokens=0)
    assert model.calls == [(100, 28), (128, 31), (159, 1)]


def test_progress_counts_from_the_reused_part(start: Callable[..., Engine], model: HashModel) -> None:
    """The progress of a prefill begins at what was reused and ends at the whole prompt."""
    engine = start(model, chunk=64)
    ask(engine, ids(40), max_tokens=0)
    answer = ask(engine, ids(40) + ids(100, seed=2), max_tokens=0)
    assert [(p.done, p.total, p.reused) for p in answer.progress] == [
        (40, 140, 40),
        (64, 140, 40),
        (128, 140, 40),
        (139, 140, 40),
        (140, 140, 40),
    ]


def test_seeded_text_is_the_same_warm_or_cold(engine: Engine) -> None:
    """A seed gives one text, in an empty cache, in a warm one, and when a stopped answer is gone on with."""
    prompt = ids(45)
    params = {"temperature": 1.0, "top_p": 0.9, "seed": 7, "max_tokens": 30}
    want = cold(prompt, **params)
    assert ask(engine, prompt, **params).ids == want
    assert ask(engine, prompt, **params).ids == want
    resumed = ask(engine, prompt + want[:12], **{**params, "max_tokens": 18})
    assert want[:12] + resumed.ids == want
    assert ask(engine, prompt, **{**params, "seed": 8}).ids != want


def test_routing_record_spans_reused_and_new_tokens(engine: Engine) -> None:
    """Rows of reused tokens come from the tree, those of new ones from the model; the last sampled token has none."""
    spec = Spec()
    prompt = ids(70)
    first = ask(engine, prompt)
    whole = prompt + first.ids + ids(9, seed=2)
    for record_from in (0, 31, 70, 77, 80):
        answer = ask(engine, whole, record_from=record_from)
        record = answer.finished.routes
        assert record is not None
        run = (whole + answer.ids)[:-1]
        assert record.start == record_from
        assert record.token_ids.tolist() == run[record_from:]
        want = np.stack([routing(run[p], p, spec).numpy() for p in range(record_from, len(run))])
        assert record.experts.dtype == np.uint8
        assert np.array_equal(record.experts, want)
        assert record.weights.dtype == np.float16
        assert np.array_equal(record.weights, (want.astype(np.float32) / 256).astype(np.float16))


def test_token_events_carry_the_routing_of_the_token_before(engine: Engine) -> None:
    """The routing of an event is that of the forward pass that produced it."""
    prompt = ids(20)
    answer = ask(engine, prompt)
    run = prompt + answer.ids
    tokens = [event for event in answer.events if hasattr(event, "token_id")]
    for step, event in enumerate(tokens):
        position = 19 + step
        assert np.array_equal(event.experts, routing(run[position], position, Spec()).numpy())


def test_stop_token_ends_the_answer_and_is_emitted(engine: Engine) -> None:
    """The stop token is the last one reported."""
    prompt = ids(20)
    free = ask(engine, prompt).ids
    stopped = ask(engine, prompt, stop_ids=frozenset({free[3]}))
    assert stopped.ids == free[: free.index(free[3]) + 1]
    assert stopped.finished.reason is FinishReason.STOP
    assert stopped.finished.usage.generated_tokens == len(stopped.ids)


def test_random_conversations_answer_as_a_cold_engine_does(start: Callable[..., Engine]) -> None:
    """Many branches, regenerations and evictions in a small cache never change an answer."""
    draw = random.Random(5)
    engine = start(HashModel(), pages=12, chunk=32)
    known: list[list[int]] = [[]]
    for _ in range(60):
        base = draw.choice(known)
        prompt = base[: draw.randint(0, len(base))] + ids(draw.randint(1, 40), seed=draw.random())
        prompt = prompt[:200]
        answer = ask(engine, prompt, max_tokens=draw.randint(0, 40))
        assert answer.finished.reason is FinishReason.LENGTH
        assert answer.ids == cold(prompt, max_tokens=len(answer.ids))
        assert engine.kv_bytes_used <= engine.kv_bytes_limit
        known.append(prompt + answer.ids)
