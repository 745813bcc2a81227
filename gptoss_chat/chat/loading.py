"""Loading a model in the background: the one place where chat reaches torch, and only when called."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gptoss_chat.engine.engine import Engine
    from gptoss_chat.harmony import HarmonyEncoding
    from gptoss_chat.model.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that can answer. `notice` is what the reader should know of how it runs here; `spec` is its shape.

    `device` names where it computes, such as cuda:0; `gpu_bytes` is what of its weights is there, when that is a GPU.
    """

    name: str
    engine: Engine
    encoding: HarmonyEncoding
    notice: str = ""
    spec: ModelSpec | None = None
    device: str = "cpu"
    gpu_bytes: int = 0


# A GPU's kernels are compiled at their first run, for one token, a few, many and a long prompt's piece, and a step is recorded
# then: that happens while the reader types. Each begins with the one before, so that what is left of it has about that size.
_FIRST_RUNS = (1, 9, 49, 256, 1024)

# How many more objects, net, before Python's collector looks at the newest, the newer and all of them.
PATIENCE = (2_000, 20, 50)

Loader = Callable[[Callable[[float], None]], LoadedModel]


def spare_collector() -> None:
    """Spare Python's collector what lives on: what importing torch and loading made, and most walks over everything else.

    A walk stops every thread, the screen's too, for a tenth of a second. Few things here are garbage in circles.
    """
    gc.set_threshold(*PATIENCE)
    gc.freeze()


def collect_spared() -> None:
    """Let go of all that nothing refers to any more, what was spared included: a model in a circle would keep its weights."""
    gc.unfreeze()
    gc.collect()


def model_loader(
    name: str, folder: Path, *, cache_bytes: int, device: str = "auto", gpu_bytes: int | None = None
) -> Loader:
    """A function that loads the checkpoint in `folder` onto `device`, reporting progress from 0 to 1.

    `device` is auto, cpu, cuda or cuda:N, and `gpu_bytes` the most that may be taken there. The function raises CheckpointError
    for a bad checkpoint, and UsageError for a device that does not serve.
    """

    def load(progress: Callable[[float], None]) -> LoadedModel:
        from gptoss_chat.harmony import load_encoding

        encoding = load_encoding(folder)
        from gptoss_chat.engine.engine import Engine
        from gptoss_chat.model.checkpoint import load_model
        from gptoss_chat.model.spec import ModelSpec
        from gptoss_chat.model.target import find_target, remark_on

        target = find_target(ModelSpec.read(folder), device, cache_bytes=cache_bytes, memory_bytes=gpu_bytes)
        model = load_model(folder, progress=progress, target=target)
        engine = Engine(model, cache_bytes=cache_bytes, prefill_chunk=model.prefill_chunk)
        if model.device is not None:
            for tokens in _FIRST_RUNS:
                engine.warm(range(tokens))
        notice = remark_on(model.placement, target)
        device_name = str(model.device or "cpu")
        return LoadedModel(name, engine, encoding, notice, model.spec, device_name, model.device_bytes)

    return load
