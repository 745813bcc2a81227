"""A GPU that fails in the middle of an answer: the tokens so far stay, and the error is one that a person can read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from gptoss_chat.engine.engine import Engine
from gptoss_chat.engine.types import FinishReason
from gptoss_chat.errors import DeviceLostError, DeviceMemoryError

from .conftest import ask
from .hash_model import HashModel


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), DeviceMemoryError),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), DeviceLostError),
    ],
)
def test_failing_gpu_ends_the_answer_with_what_was_written(
    model: HashModel, start: Callable[..., Engine], failure: Exception, told: type[Exception]
) -> None:
    """Three tokens come, then the device fails; what was run before stays in the cache, and the engine takes the next request."""

    def fail(position: int, _tokens: int) -> None:
        if position == 22:
            raise failure

    engine, prompt = start(model), list(range(20))
    model.on_forward = fail
    answer = ask(engine, prompt)
    assert answer.finished.reason is FinishReason.ERROR
    assert isinstance(answer.finished.error, told)
    assert answer.finished.error.__cause__ is None
    assert len(answer.ids) == 3
    model.on_forward = None
    again = ask(engine, prompt)
    assert again.ids[:3] == answer.ids
    assert again.finished.reason is FinishReason.LENGTH


def test_failing_gpu_is_noted_when_reading_ahead(model: HashModel, start: Callable[..., Engine]) -> None:
    """A prefill that nobody waits for ends as quietly, and says why it did."""

    def fail(_position: int, _tokens: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    engine = start(model)
    model.on_forward = fail
    engine.warm(range(20))
    assert engine.wait_idle(30)
    assert isinstance(engine.warm_error, DeviceMemoryError)
