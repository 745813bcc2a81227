"""The mailbox: nothing lost, nothing reordered, few wakes."""

from __future__ import annotations

import threading

from gptoss_chat.engine.mailbox import Generation
from gptoss_chat.engine.types import Finished, FinishReason, GenerateRequest, PrefillProgress, Usage

END = Finished(FinishReason.STOP, Usage(0, 0, 0, 0.0, 0.0, 0, 0, 0), None)


def mailbox() -> Generation:
    return Generation(GenerateRequest((1,)), lambda generation: None)


def test_wake_comes_only_from_empty_to_non_empty() -> None:
    """Many puts between two drains wake once."""
    box, wakes = mailbox(), []
    box.on_ready = lambda: wakes.append(1)
    for done in range(5):
        box.put(PrefillProgress(done, 5, 0))
    assert len(wakes) == 1
    assert [event.done for event in box.drain()] == [0, 1, 2, 3, 4]  # type: ignore[union-attr]
    box.put(END)
    assert len(wakes) == 2
    assert not box.finished
    assert box.drain() == [END]
    assert box.finished
    assert box.drain() == []


def test_wait_returns_false_when_time_is_up_or_nothing_will_come() -> None:
    """Waiting on an empty mailbox ends with the time; on a finished one at once."""
    box = mailbox()
    assert not box.wait(0.01)
    box.put(END)
    assert box.wait()
    box.drain()
    assert not box.wait()


def test_nothing_is_lost_between_two_threads() -> None:
    """A reader that only drains after a wait gets every event in order and is never left asleep."""
    count = 20_000
    box = mailbox()

    def produce() -> None:
        for done in range(count):
            box.put(PrefillProgress(done, count, 0))
        box.put(END)

    producer = threading.Thread(target=produce)
    producer.start()
    seen: list[int] = []
    while not box.finished:
        assert box.wait(10), "a lost wake"
        seen += [event.done for event in box.drain() if isinstance(event, PrefillProgress)]
    producer.join()
    assert seen == list(range(count))


def test_callback_alone_is_enough_to_see_everything() -> None:
    """A reader that drains only when called back gets every event."""
    count = 20_000
    box, ready, seen = mailbox(), threading.Event(), []
    box.on_ready = ready.set

    def produce() -> None:
        for done in range(count):
            box.put(PrefillProgress(done, count, 0))
        box.put(END)

    producer = threading.Thread(target=produce)
    producer.start()
    while not box.finished:
        assert ready.wait(10), "a lost wake"
        ready.clear()
        seen += box.drain()
    producer.join()
    assert len(seen) == count + 1
