"""Which operators Triton serves and where; nothing is registered, since that would hold for the whole process."""

from __future__ import annotations

import inspect
import os
from contextlib import nullcontext

import pytest
import torch

from gptoss_chat.kernels import cuda, ops, reference
from gptoss_chat.kernels.cuda import steps
from gptoss_chat.kernels.cuda.operators import OPERATORS
from gptoss_chat.kernels.cuda.tuning import by_capability


def test_every_operator_but_int8_has_a_triton_form_with_the_references_parameters() -> None:
    """Called by position, as the dispatcher does: as many of them, in the same order."""
    assert set(OPERATORS) == {*ops.OPERATORS, *ops.DEVICE_OPERATORS} - {"linear_int8"}
    for name, operator in OPERATORS.items():
        ours, theirs = (list(inspect.signature(f).parameters) for f in (operator, getattr(reference, name)))
        assert len(ours) == len(theirs), name


def test_an_obstacle_is_a_sentence_about_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU, one that is too old, one that serves, and no Triton."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: ((7, 0), (9, 0))[device.index])
    monkeypatch.setattr(cuda, "_refusal", lambda _device: "")
    assert cuda.obstacle(torch.device("cpu")) == "Triton kernels need an NVIDIA GPU, not cpu."
    assert "7.5, and this one has 7.0" in cuda.obstacle(torch.device("cuda:0"))
    assert cuda.obstacle(torch.device("cuda:1")) == ""
    monkeypatch.setattr(cuda.importlib.util, "find_spec", lambda _name: None)
    assert cuda.obstacle(torch.device("cuda:1")) == "The package triton is not installed."


def test_triton_is_tried_before_it_is_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that runs, one that computes nonsense, and what a machine without a compiler raises, in one line."""

    def lacks(*_args: object) -> torch.Tensor:
        raise RuntimeError("Failed to find C compiler.\nPlease specify via CC environment variable.")

    refusal, here = cuda._refusal.__wrapped__, torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "device", lambda _device: nullcontext())
    assert refusal(here) == ""
    monkeypatch.setattr(steps, "rms_norm", lambda x, *_rest: x + 1)
    assert "computes [[3.0, 3.0, 3.0, 3.0]] here" in refusal(here)
    monkeypatch.setattr(steps, "rms_norm", lacks)
    assert refusal(here) == "Triton does not run here: Failed to find C compiler."


def test_products_and_sums_are_one_instruction_unless_a_person_says_otherwise() -> None:
    """Triton asks for it in the environment, and would write a warning over the screen."""
    assert os.environ["TRITON_DEFAULT_FP_FUSION"] in ("0", "1")


@pytest.mark.parametrize(
    ("capability", "operand"),
    [((7, 5), torch.float32), ((8, 0), torch.bfloat16), ((8, 9), torch.bfloat16), ((13, 0), torch.bfloat16)],
)
def test_tiles_are_known_for_every_capability_that_is_served(capability: tuple[int, int], operand: torch.dtype) -> None:
    """One between two entries, and one newer than all."""
    assert by_capability(capability).operand == operand
