"""Several requests at once: they take turns by the model's time, and none changes, starves or kills another."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from gptoss_chat.engine.engine import Engine
from gptoss_chat.engine.mailbox import Generation
from gptoss_chat.engine.types import FinishReason, GenerateRequest, SamplingParams
from gptoss_chat.errors import ContextFullError

from .conftest import PAGE_BYTES, Answer, ask, collect
from .hash_model import HashModel, Spec, routing


def ids(count: int, seed: int = 1) -> list[int]:
    """Random ids."""
    return random.Random(seed).choices(range(97), k=count)


def request(prompt: list[int], **sampling: object) -> GenerateRequest:
    """Greedy, 8 tokens, unless told otherwise."""
    params = {"temperature": 0.0, "max_tokens": 8, **sampling}
    return GenerateRequest(tuple(prompt), SamplingParams(**params))  # type: ignore[arg-type]


def cold(prompt: list[int], **sampling: object) -> list[int]:
    """The answer of an engine that has seen nothing else."""
    engine = Engine(HashModel(), cache_bytes=2**20)
    try:
        return ask(engine, prompt, **sampling).ids
    finally:
        engine.close()


class Bench:
    """An engine whose clock shows the tokens that the model has run, and whose model waits while requests come in."""

    def __init__(self, *, pages: int = 64, chunk: int = 64, most_running: int = 8) -> None:
        self.model = HashModel()
        self.tokens = 0
        self._open = threading.Event()
        self._open.set()
        self.model.on_forward = self._forward
        self.engine = Engine(
            self.model,
            cache_bytes=pages * PAGE_BYTES,
            prefill_chunk=chunk,
            most_running=most_running,
            clock=lambda: float(self.tokens),
        )

    def _forward(self, _start: int, tokens: int) -> None:
        assert self._open.wait(30)
        self.tokens += tokens

    def together(self, *requests: GenerateRequest) -> list[Generation]:
        """Submit them all before the first has run a token."""
        self._open.clear()
        generations = [self.engine.submit(request) for request in requests]
        self._open.set()
        return generations

    def answers(self, *requests: GenerateRequest) -> list[Answer]:
        """What came of all of them."""
        return [collect(generation) for generation in self.together(*requests)]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """As usual."""
    made = Bench()
    yield made
    made.engine.close()


def test_two_answers_grow_in_turns(bench: Bench) -> None:
    """Token by token."""
    first, second = bench.answers(request(ids(3), max_tokens=40), request(ids(50, seed=2), max_tokens=30))
    assert (first.ids, second.ids) == (cold(ids(3), max_tokens=40), cold(ids(50, seed=2), max_tokens=30))
    bench.model.calls.clear()
    bench.answers(request(ids(3), max_tokens=40), request(ids(50, seed=2), max_tokens=30))
    who = ["second" if start > 45 else "first" for start, _ in bench.model.calls]
    assert all(one != other for one, other in pairwise(who[1:51]))


def test_reader_of_a_long_prompt_and_writer_share_the_time(bench: Bench) -> None:
    """Between two pieces of 64 tokens, the other one has 64 tokens' time, and not more."""
    writer, reader = bench.answers(request(ids(2), max_tokens=300), request(ids(320, seed=2), max_tokens=1))
    assert writer.finished.reason is FinishReason.LENGTH
    assert reader.ids == cold(ids(320, seed=2), max_tokens=1)
    pieces = [place for place, (_, tokens) in enumerate(bench.model.calls) if tokens > 1]
    between = [after - before - 1 for before, after in pairwise(pieces[1:])]
    assert between == [64] * 3


def test_piece_of_a_prompt_lets_the_writer_go_on_in_its_pauses(bench: Bench) -> None:
    """A third of a piece of 63 tokens, then as many tokens of the other."""
    bench.model.pauses, tokens_at_pauses = 2, []

    def pause(start: int, _number: int) -> None:
        bench.tokens += 21
        tokens_at_pauses.append((start, len(bench.model.calls)))

    def forward(_start: int, tokens: int) -> None:
        bench.tokens += 21 if tokens > 1 else 1

    writer, reader = bench.together(request(ids(2), max_tokens=300), request(ids(320, seed=2), max_tokens=1))
    bench.model.on_pause, bench.model.on_forward = pause, forward
    assert collect(writer).ids == cold(ids(2), max_tokens=300)
    assert collect(reader).ids == cold(ids(320, seed=2), max_tokens=1)
    calls = [count for start, count in tokens_at_pauses if start >= 64]
    assert [after - before for before, after in pairwise(calls)] == [21, 43] * 3 + [21]


def test_stopping_in_a_pause_leaves_the_piece(bench: Bench) -> None:
    """What was on its way through the model counts for nothing, and nothing holds its pages."""
    bench.model.pauses = 2
    (generation,) = bench.together(request(ids(150)))
    bench.model.on_pause = lambda start, number: generation.cancel() if (start, number) == (64, 1) else None
    answer = collect(generation)
    assert (answer.finished.reason, answer.counts) == (FinishReason.CANCELLED, (0, 64))
    assert (64, 64) not in bench.model.calls
    again = bench.answers(request(ids(150)))[0]
    assert (again.ids, again.counts) == (cold(ids(150)), (64, 86))


def test_newcomer_starts_at_once_and_does_not_catch_up(bench: Bench) -> None:
    """Whoever has been served for long gives half of the time, not all of it, to one that comes late."""
    engine, model = bench.engine, bench.model
    come = threading.Event()
    late: list[Generation] = []

    def submit_late(start: int, tokens: int) -> None:
        bench.tokens += tokens
        if start == 200 and not late:
            late.append(engine.submit(request(ids(1, seed=2), max_tokens=60)))
            come.set()

    model.on_forward = submit_late
    first = engine.submit(request(ids(2), max_tokens=400))
    assert come.wait(30)
    collect(late[0])
    collect(first)
    place = model.calls.index((200, 1))
    turns = [start for start, _ in model.calls[place + 1 : place + 101]]
    assert turns[0] == 0
    assert sum(start < 100 for start in turns) == pytest.approx(50, abs=1)


def test_same_prompt_at_the_same_time_is_read_once(bench: Bench) -> None:
    """The second waits for what the first is reading, then runs the last token; both answers are as if alone."""
    prompt = ids(200)
    want = cold(prompt, max_tokens=40)
    first, second = bench.answers(request(prompt, max_tokens=40), request(prompt, max_tokens=40))
    assert (first.counts, second.counts) == ((0, 200), (199, 1))
    assert first.ids == second.ids == want
    assert sum(tokens for _, tokens in bench.model.calls if tokens > 1) == 199
    record = first.finished.routes
    assert record is not None
    assert record.token_ids.tolist() == (prompt + want)[:-1]
    assert np.isfinite(record.logprobs[200:]).all()


def test_common_beginning_is_read_once_and_the_rest_in_turns(bench: Bench) -> None:
    """Two prompts that part in the middle."""
    one, two = ids(150), ids(100) + ids(60, seed=2)
    first, second = bench.answers(request(one), request(two))
    assert (first.counts, second.counts) == ((0, 150), (100, 60))
    assert (first.ids, second.ids) == (cold(one), cold(two))


def test_stopping_the_reader_frees_the_one_that_waits_for_it(bench: Bench) -> None:
    """What it had read is used, the rest is read."""
    prompt = ids(400)
    stop: list[Generation] = []

    def forward(start: int, tokens: int) -> None:
        bench.tokens += tokens
        if start == 128:
            stop[0].cancel()

    first, second = bench.together(request(prompt), request(prompt))
    stop.append(first)
    bench.model.on_forward = forward
    assert collect(first).finished.reason is FinishReason.CANCELLED
    answer = collect(second)
    assert answer.counts == (192, 208)
    assert answer.ids == cold(prompt)


def test_cancelling_one_leaves_the_other(bench: Bench) -> None:
    """It ends at once, whosever turn it is; the other goes on to its end."""
    first, second = bench.together(request(ids(5), max_tokens=300), request(ids(5, seed=2), max_tokens=300))
    seen = 0
    while seen < 20:
        assert first.wait(30)
        seen += len(first.drain())
    first.cancel()
    assert collect(first).finished.reason is FinishReason.CANCELLED
    assert collect(second).ids == cold(ids(5, seed=2), max_tokens=300)


def test_error_in_one_leaves_the_other(bench: Bench) -> None:
    """Both get their own end."""

    def forward(start: int, tokens: int) -> None:
        bench.tokens += tokens
        if start == 43:
            raise RuntimeError("boom")

    bench.model.on_forward = forward
    first, second = bench.answers(request(ids(40)), request(ids(5, seed=2)))
    assert str(first.finished.error) == "boom"
    assert second.ids == cold(ids(5, seed=2))


def test_no_more_than_so_many_run(bench: Bench) -> None:
    """The others wait, in order, and can be cancelled while they do."""
    few = Bench(most_running=2)
    prompts = [ids(4, seed=seed) for seed in range(5)]
    generations = few.together(*(request(prompt, max_tokens=30) for prompt in prompts))
    generations[3].cancel()
    answers = [collect(generation) for generation in generations]
    assert few.engine.wait_idle(30)
    few.engine.close()
    assert answers[3].finished.reason is FinishReason.CANCELLED
    assert answers[3].counts == (0, 0)
    begun = [place for place, (start, _) in enumerate(few.model.calls) if start == 0]
    assert len(begun) == 4
    assert begun[2] > 30
    for place in (0, 1, 2, 4):
        assert answers[place].ids == cold(prompts[place], max_tokens=30)


def test_cache_that_does_not_hold_both_answers_both(bench: Bench) -> None:
    """The younger gives its pages back and waits; its answer, and the record of it, are as if it had been alone."""
    small = Bench(pages=8)  # 256 tokens
    prompts = [ids(100), ids(100, seed=2)]
    answers = small.answers(*(request(prompt, max_tokens=90) for prompt in prompts))
    small.engine.close()
    for prompt, answer in zip(prompts, answers, strict=True):
        assert answer.finished.reason is FinishReason.LENGTH
        assert answer.counts == (0, 100)
        assert answer.ids == cold(prompt, max_tokens=90)
        record = answer.finished.routes
        assert record is not None
        run = (prompt + answer.ids)[:-1]
        assert record.token_ids.tolist() == run
        want = [routing(token, place, Spec()).numpy() for place, token in enumerate(run)]
        assert np.array_equal(record.experts, np.stack(want))
        assert np.isfinite(record.logprobs[100:]).all()
    assert small.tokens > 2 * 189  # something was run twice


def test_prompts_that_do_not_fit_together_are_both_read(bench: Bench) -> None:
    """Each has half of the cache when it is full: the older one gets through, then the younger."""
    small = Bench(pages=12, chunk=32)
    prompts = [ids(300), ids(320, seed=2), ids(280, seed=3)]
    answers = small.answers(*(request(prompt, max_tokens=5) for prompt in prompts))
    small.engine.close()
    assert [answer.finished.reason for answer in answers] == [FinishReason.LENGTH] * 3
    assert [answer.ids for answer in answers] == [cold(prompt, max_tokens=5) for prompt in prompts]


def test_answer_that_fills_the_cache_alone_ends_there_and_the_other_goes_on(bench: Bench) -> None:
    """The older one takes every page and ends for want of another; the younger, which had to wait for it, is whole."""
    small = Bench(pages=4)
    endless, short = small.answers(request(ids(40), max_tokens=None), request(ids(40, seed=2), max_tokens=30))
    assert endless.finished.reason is FinishReason.CONTEXT
    assert endless.finished.usage.context_tokens == 4 * 32 + 1
    assert short.finished.reason is FinishReason.LENGTH
    assert short.ids == cold(ids(40, seed=2), max_tokens=30)
    too_long, fits = small.answers(request(ids(129)), request(ids(20, seed=4)))
    assert isinstance(too_long.finished.error, ContextFullError)
    assert fits.ids == cold(ids(20, seed=4))
    small.engine.close()


def test_cancelling_one_that_waits_for_pages_ends_it(bench: Bench) -> None:
    """It keeps what it had told, and the record of it."""
    small = Bench(pages=4)
    first, second = small.together(request(ids(40), max_tokens=80), request(ids(40, seed=2), max_tokens=80))

    def forward(start: int, tokens: int) -> None:
        small.tokens += tokens
        if start == 115:
            second.cancel()

    small.model.on_forward = forward
    assert collect(first).ids == cold(ids(40), max_tokens=80)
    answer = collect(second)
    small.engine.close()
    assert answer.finished.reason is FinishReason.CANCELLED
    assert 0 < len(answer.ids) < 80
    assert answer.ids == cold(ids(40, seed=2), max_tokens=len(answer.ids))
    record = answer.finished.routes
    assert record is not None
    assert len(record.token_ids) == 40 + len(answer.ids) - 1


def test_times_are_its_own_and_those_on_the_clock(bench: Bench) -> None:
    """The other's time is no time of the model; a reader sees both."""
    answers = bench.answers(request(ids(2), max_tokens=51), request(ids(2, seed=2), max_tokens=51))
    for answer in answers:
        usage = answer.finished.usage
        assert (usage.prefill_s, usage.decode_s) == (2, 50)
        assert usage.writing_s == pytest.approx(100, abs=3)
        assert usage.decode_tokens_per_s == 1
        assert usage.tokens_per_s == pytest.approx(0.5, abs=0.02)


def test_close_ends_all_of_them(bench: Bench) -> None:
    """Running and waiting ones."""
    few = Bench(most_running=2)
    generations = few.together(*(request(ids(4, seed=seed), max_tokens=None) for seed in range(5)))
    few.engine.close()
    assert {collect(generation).finished.reason for generation in generations} == {FinishReason.CANCELLED}


@pytest.mark.parametrize(("pages", "pauses"), [(9, 0), (9, 3), (40, 0), (40, 3)])
def test_random_conversations_at_once_answer_as_alone(pages: int, pauses: int) -> None:
    """Branches, repetitions, stops and evictions, four at a time, in a cache that holds them and in one that does not."""
    draw = random.Random(pages)
    bench = Bench(pages=pages, chunk=32, most_running=3)
    bench.model.pauses = pauses
    known: list[list[int]] = [[]]
    for _ in range(15):
        requests, prompts = [], []
        for _ in range(draw.randint(1, 4)):
            base = draw.choice(known)
            prompt = (base[: draw.randint(0, len(base))] + ids(draw.randint(1, 60), seed=draw.random()))[:200]
            prompts.append(prompt)
            requests.append(request(prompt, max_tokens=draw.randint(0, 60)))
        generations = bench.together(*requests)
        stopped = draw.choice(generations)
        if draw.random() < 0.3:
            stopped.cancel()
        for prompt, generation in zip(prompts, generations, strict=True):
            answer = collect(generation)
            assert answer.finished.error is None
            assert answer.finished.reason in {FinishReason.LENGTH, FinishReason.CANCELLED}
            assert answer.finished.reason is FinishReason.LENGTH or generation is stopped
            assert answer.ids == cold(prompt, max_tokens=len(answer.ids))
            known.append(prompt + answer.ids)
    assert bench.engine.wait_idle(30)
    bench.engine._cache.tree.evict(pages)
    assert bench.engine.kv_bytes_used == 0  # nothing is locked or held any more
    bench.engine.close()
