"""The device that a model is to be loaded onto, from what a person wishes; knows nothing of settings or of how it is loaded."""

from __future__ import annotations

from gptoss_chat.kernels import cuda
from gptoss_chat.model.checkpoint import Target, is_small
from gptoss_chat.model.device import find_accelerator
from gptoss_chat.model.placement import Placement
from gptoss_chat.model.spec import ModelSpec

AUTO = "auto"


def find_target(spec: ModelSpec, wish: str, *, cache_bytes: int, memory_bytes: int | None = None) -> Target | None:
    """Where a model of that shape goes; None for the CPU. `wish` is as `find_accelerator` has it, `memory_bytes` the most to take.

    Left to itself a small model stays on the CPU, which is done with it before a GPU has started; and so does any where the GPU has
    no kernels of ours. Registers those where it has. Raises UsageError as `find_accelerator` does.
    """
    if wish == AUTO and is_small(spec):
        return None
    accelerator = find_accelerator(wish)
    if accelerator is None:
        return None
    obstacle = cuda.obstacle(accelerator.device)
    if not obstacle:
        cuda.register()
    elif wish == AUTO:
        return None
    return Target(accelerator.device, accelerator.budget_bytes(memory_bytes), cache_bytes)


def remark_on(placement: Placement, target: Target | None) -> str:
    """What a person should know of a model that is loaded so; nothing where all is as they would expect."""
    if target is None:
        return ""
    sentences = []
    if not placement.any:
        sentences.append(
            "Nothing of the model fits the GPU's free memory, or the CPU is faster: the CPU computes all of it."
        )
    elif not placement.whole:
        budget = f"{target.budget_bytes / 2**30:.1f} GiB"
        sentences.append(f"The GPU has {budget} for the model: {placement.describe()}, and the CPU computes the rest.")
    if placement.any and (obstacle := cuda.obstacle(target.device)):
        sentences.append(f"{obstacle} PyTorch's reference, which is slow, computes on the GPU.")
    return " ".join(sentences)
