"""Loading for the chat: the device is looked for as the settings wish, and what came of it is told."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gptoss_chat.catalog.entry import BUILT_IN, built_in_folder
from gptoss_chat.chat.loading import LoadedModel, model_loader
from gptoss_chat.model import target
from gptoss_chat.model.checkpoint import Target


def load(**wish: Any) -> LoadedModel:
    """The built-in model, loaded and closed again."""
    loaded = model_loader(BUILT_IN, built_in_folder(), cache_bytes=2**24, **wish)(lambda _: None)
    loaded.engine.close()
    return loaded


def test_device_and_memory_are_looked_for_as_wished(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a wish it is auto; the CPU's model has nothing on a GPU."""
    asked: list[tuple[str, int, int | None]] = []

    def find(_spec: object, wish: str, *, cache_bytes: int, memory_bytes: int | None) -> None:
        asked.append((wish, cache_bytes, memory_bytes))

    monkeypatch.setattr(target, "find_target", find)
    loaded = load()
    load(device="cuda:1", gpu_bytes=7)
    assert asked == [("auto", 2**24, None), ("cuda:1", 2**24, 7)]
    assert (loaded.device, loaded.gpu_bytes, loaded.notice) == ("cpu", 0, "")


def test_gpu_that_holds_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model runs on the CPU, and the reader knows why."""
    monkeypatch.setattr(target, "find_target", lambda *_args, **_kw: Target(torch.device("cpu"), 0, 2**24))
    assert "the CPU computes all of it" in load(device="cuda").notice
