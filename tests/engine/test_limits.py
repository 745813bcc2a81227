"""What happens at the edges: cancellation, queues, pre-emption, full memory, full context, failing models."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest

from gptoss_chat.engine.engine import Engine
from gptoss_chat.engine.types import Finished, FinishReason, GenerateRequest, PrefillProgress, SamplingParams
from gptoss_chat.errors import ContextFullError, MemoryLimitError, UsageError

from .conftest import PAGE_BYTES, ask, collect
from .hash_model import HashModel, Spec


def ids(count: int, seed: int = 1) -> list[int]:
    return random.Random(seed).choices(range(97), k=count)


class Gate:
    """Holds the model at a forward that begins at `start`, until opened; `midway`, before it pauses there."""

    def __init__(self, model: HashModel, start: int, *, midway: bool = False) -> None:
        self._start = start
        self.reached, self.open = threading.Event(), threading.Event()
        if midway:
            model.pauses, model.on_pause = 1, self._pass
        else:
            model.on_forward = self._pass

    def _pass(self, start: int, _tokens: int) -> None:
        if start == self._start:
            self.reached.set()
            assert self.open.wait(30)


def request(prompt: list[int], **sampling: object) -> GenerateRequest:
    params = {"temperature": 0.0, "max_tokens": 8, **sampling}
    return GenerateRequest(tuple(prompt), SamplingParams(**params))  # type: ignore[arg-type]


def test_cancel_during_prefill_ends_the_chunk_and_keeps_those_before(
    start: Callable[..., Engine], model: HashModel
) -> None:
    """The chunks that were run stay in the cache, the one at hand counts for nothing; no token is emitted."""
    engine = start(model, chunk=32)
    gate = Gate(model, 32, midway=True)
    generation = engine.submit(request(ids(200)))
    assert gate.reached.wait(30)
    generation.cancel()
    gate.open.set()
    answer = collect(generation)
    assert answer.finished.reason is FinishReason.CANCELLED
    assert answer.ids == []
    assert answer.counts == (0, 32)
    assert ask(engine, ids(200)).counts == (32, 168)


def test_cancel_during_decode_keeps_what_was_run(engine: Engine, model: HashModel) -> None:
    """A stopped answer ends within one step, and going on with it reuses all of it but the last token."""
    gate = Gate(model, 45)
    generation = engine.submit(request(ids(40), max_tokens=100))
    assert gate.reached.wait(30)
    generation.cancel()
    gate.open.set()
    answer = collect(generation)
    assert answer.finished.reason is FinishReason.CANCELLED
    assert len(answer.ids) == 6
    assert answer.finished.routes is not None
    assert len(answer.finished.routes.token_ids) == 46
    resumed = ask(engine, ids(40) + answer.ids)
    assert resumed.counts == (45, 1)


def test_two_requests_are_answered_in_order(engine: Engine) -> None:
    """First come, first served; the second reuses what the first left."""
    first = engine.submit(request(ids(40)))
    second = engine.submit(request(ids(40) + ids(3, seed=2)))
    assert collect(first).counts == (0, 40)
    assert collect(second).counts == (40, 3)


def test_cancelling_a_queued_request_need_not_wait_for_its_turn(engine: Engine, model: HashModel) -> None:
    """Its Finished comes at the next step of the one that is running."""
    gate = Gate(model, 41)
    first = engine.submit(request(ids(40), max_tokens=100))
    second = engine.submit(request(ids(10)))
    assert gate.reached.wait(30)
    second.cancel()
    second.cancel()
    ends: list[str] = []
    second.on_ready = lambda: ends.append("second")
    first_end = first
    gate.open.set()
    assert collect(second).finished.reason is FinishReason.CANCELLED
    assert ends == ["second"]
    assert collect(first_end).finished.reason is FinishReason.LENGTH


def test_submit_preempts_warm_which_then_goes_on(start: Callable[..., Engine], model: HashModel) -> None:
    """A warm prefill is no part of the prompt: its chunk is ended, and run again with the rest when the model is idle."""
    engine = start(model, chunk=32)
    gate = Gate(model, 32, midway=True)
    canonical = ids(200)
    engine.warm(canonical)
    assert gate.reached.wait(30)
    other = engine.submit(request(ids(20, seed=2)))
    gate.open.set()
    assert collect(other).finished.reason is FinishReason.LENGTH
    # The whole request was answered between the first chunk and the second.
    assert model.calls[:3] == [(0, 32), (0, 19), (19, 1)]
    last = Gate(model, 192)
    assert last.reached.wait(30)
    last.open.set()
    answer = ask(engine, [*canonical, 1])
    assert answer.counts == (200, 1)


def test_request_waits_for_the_chunk_of_a_warm_prefill_that_it_begins_with(
    start: Callable[..., Engine], model: HashModel
) -> None:
    """What is half done of a prompt is not thrown away when the prompt comes."""
    engine = start(model, chunk=32)
    gate = Gate(model, 32, midway=True)
    engine.warm(ids(200))
    assert gate.reached.wait(30)
    asked = engine.submit(request([*ids(100), 1]))
    gate.open.set()
    assert collect(asked).counts == (64, 37)


def test_warm_prefill_that_is_not_wanted_any_more_is_left(start: Callable[..., Engine], model: HashModel) -> None:
    """Its chunk is ended and not taken up again; the next in line is."""
    engine = start(model, chunk=32)
    gate, wanted = Gate(model, 32, midway=True), threading.Event()
    wanted.set()
    engine.warm(ids(200), wanted.is_set)
    assert gate.reached.wait(30)
    wanted.clear()
    engine.warm(ids(20, seed=2))
    gate.open.set()
    assert engine.wait_idle(30)
    assert model.calls == [(0, 32), (0, 20)]


def test_warm_of_what_is_known_runs_nothing(engine: Engine, model: HashModel) -> None:
    """A warm prefill of cached ids makes no call; the next one in line does."""
    answer = ask(engine, ids(40))
    model.calls.clear()
    gate = Gate(model, 0)
    engine.warm(ids(40) + answer.ids[:-1])
    engine.warm(ids(9, seed=2))
    assert gate.reached.wait(30)
    gate.open.set()
    assert engine.wait_idle(30)
    assert model.calls == [(0, 9)]


def test_failing_warm_is_kept_and_the_engine_goes_on(engine: Engine, model: HashModel) -> None:
    """An exception of the model during a warm prefill ends neither the thread nor later requests."""
    failed = threading.Event()

    def fail(_start: int, _tokens: int) -> None:
        failed.set()
        raise RuntimeError("boom")

    model.on_forward = fail
    engine.warm(ids(40))
    assert failed.wait(30)
    model.on_forward = None
    assert ask(engine, ids(40)).finished.reason is FinishReason.LENGTH
    assert isinstance(engine.warm_error, RuntimeError)


def test_failing_model_finishes_with_the_error_and_the_next_request_works(engine: Engine, model: HashModel) -> None:
    """The exception reaches whoever asked; what had been run before stays usable."""

    def fail(start: int, _tokens: int) -> None:
        if start == 43:
            raise RuntimeError("boom")

    model.on_forward = fail
    answer = ask(engine, ids(40))
    assert answer.finished.reason is FinishReason.ERROR
    assert str(answer.finished.error) == "boom"
    assert len(answer.ids) == 4
    model.on_forward = None
    assert ask(engine, ids(40) + answer.ids).counts == (43, 1)


def test_damaged_scores_finish_with_one_sentence(engine: Engine, model: HashModel) -> None:
    """NaN scores are an error, not a token."""
    forward = model.forward
    model.forward = lambda *args, **kw: (forward(*args)[0] * float("nan"), *forward(*args)[1:])  # type: ignore[assignment,method-assign]
    answer = ask(engine, ids(4))
    assert answer.finished.reason is FinishReason.ERROR
    assert "not numbers" in str(answer.finished.error)


def test_prompt_longer_than_the_context_is_refused_with_a_way_on(engine: Engine, model: HashModel) -> None:
    """A prompt has to leave room for one token; nothing is run otherwise."""
    for length in (512, 600):
        answer = ask(engine, ids(length))
        assert answer.finished.reason is FinishReason.ERROR
        error = answer.finished.error
        assert isinstance(error, ContextFullError)
        assert f"{length} tokens" in error.message
        assert "new conversation" in error.hint
    assert model.calls == []
    assert ask(engine, ids(511)).finished.reason is FinishReason.CONTEXT


def test_answer_that_meets_the_context_limit_ends_there(engine: Engine) -> None:
    """Prompt and answer together fill the context exactly."""
    answer = ask(engine, ids(500), max_tokens=None)
    assert answer.finished.reason is FinishReason.CONTEXT
    assert len(answer.ids) == 12
    assert answer.finished.usage.context_tokens == 512


def test_prompt_larger_than_the_cache_is_refused(start: Callable[..., Engine], model: HashModel) -> None:
    """The sentence names the memory, the hint the setting."""
    engine = start(model, pages=3)
    answer = ask(engine, ids(97))
    assert isinstance(answer.finished.error, ContextFullError)
    assert "MiB of cache" in answer.finished.error.message
    assert "cache size" in answer.finished.error.hint


def test_answer_that_fills_the_cache_ends_there_and_can_be_repeated(start: Callable[..., Engine]) -> None:
    """A sequence that needs every page gets them, also when its cached self has to make room."""
    engine = start(HashModel(), pages=3)
    prompt = ids(70)
    first = ask(engine, prompt, max_tokens=None)
    assert first.finished.reason is FinishReason.CONTEXT
    assert first.finished.usage.context_tokens == 97  # the last token was sampled, and there is no room to run it
    again = ask(engine, prompt, max_tokens=None)
    assert again.ids == first.ids
    full = ask(engine, (prompt + first.ids)[:96])
    assert full.ids == first.ids[26:]


def test_tiny_cache_evicts_the_least_recently_used(start: Callable[..., Engine], model: HashModel) -> None:
    """Of two conversations the one used longer ago loses its end; its beginning and the other stay."""
    engine = start(model, pages=8)
    old, recent, new = ids(90, seed=1), ids(90, seed=2), ids(90, seed=3)
    ask(engine, old, max_tokens=1)
    ask(engine, recent, max_tokens=1)
    ask(engine, new, max_tokens=1)
    assert engine.kv_bytes_used == 8 * PAGE_BYTES
    assert ask(engine, recent, max_tokens=1).counts[0] >= 64
    assert ask(engine, new, max_tokens=1).counts[0] >= 64
    assert ask(engine, old, max_tokens=1).counts[0] <= 64


def test_cache_smaller_than_a_page_is_refused(model: HashModel) -> None:
    """The setting makes no sense, and the sentence says so."""
    with pytest.raises(MemoryLimitError, match="too small"):
        Engine(model, cache_bytes=10)


def test_cache_larger_than_the_machine_is_refused(model: HashModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """An allocation that fails is told as what it is."""
    new_pool = model.new_kv_pool

    def fail(pages: int) -> object:
        if pages > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return new_pool(pages)

    monkeypatch.setattr(model, "new_kv_pool", fail)
    with pytest.raises(MemoryLimitError, match="no memory for a cache"):
        Engine(model, cache_bytes=2**30)


def test_cache_of_a_tiny_model_is_capped(model: HashModel) -> None:
    """A setting of many GiB reserves no more than a tiny model's contexts can use."""
    engine = Engine(model, cache_bytes=2**40)
    assert engine.kv_bytes_limit == 64 * 16 * PAGE_BYTES
    engine.close()


@pytest.mark.parametrize(
    "sampling",
    [
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_k": -1},
        {"min_p": 1.0},
        {"repetition_penalty": 0.0},
        {"max_tokens": -1},
        {"logprobs": -1},
    ],
)
def test_senseless_sampling_is_refused_at_submit(engine: Engine, sampling: dict[str, object]) -> None:
    """The error names the setting."""
    with pytest.raises(UsageError, match=next(iter(sampling))):
        engine.submit(request([1], **sampling))


@pytest.mark.parametrize("prompt", [[], [97], [-1]])
def test_senseless_prompt_is_refused_at_submit(engine: Engine, prompt: list[int]) -> None:
    """Empty prompts and ids outside the vocabulary never reach the model."""
    with pytest.raises(UsageError):
        engine.submit(request(prompt))


def test_close_cancels_the_running_and_the_queued(model: HashModel) -> None:
    """Everyone who waits gets a Finished; closing twice is harmless."""
    engine = Engine(model, cache_bytes=2**20)
    gate = Gate(model, 41)
    generations = [engine.submit(request(ids(40), max_tokens=None)), engine.submit(request(ids(40)))]
    assert gate.reached.wait(30)
    closer = threading.Thread(target=engine.close)
    closer.start()
    while not generations[1].cancelled:
        pass
    while not generations[0].cancelled:
        pass
    gate.open.set()
    closer.join()
    engine.close()
    assert [collect(generation).finished.reason for generation in generations] == [FinishReason.CANCELLED] * 2


def test_usage_of_an_unseeded_request_reports_a_seed_that_repeats_it(engine: Engine) -> None:
    """What chance made can be made again."""
    first = ask(engine, ids(30), temperature=1.0, seed=None)
    again = ask(engine, ids(30), temperature=1.0, seed=first.finished.usage.seed)
    assert again.ids == first.ids
    assert Spec().context_limit == first.finished.usage.context_limit


def test_max_tokens_zero_only_prefills(engine: Engine) -> None:
    """Nothing is sampled."""
    answer = ask(engine, ids(30), max_tokens=0)
    assert answer.finished.reason is FinishReason.LENGTH
    assert [type(event) for event in answer.events] == [PrefillProgress] * 3 + [Finished]
