"""Measuring: jobs in turns, medians, and the work that a figure is set against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from gptoss_chat.bench.machine import DeviceLimits, Machine
from gptoss_chat.bench.runner import OwnRunner
from gptoss_chat.bench.work import Figure, Job, prompt_ops, run
from gptoss_chat.model.checkpoint import load_model
from gptoss_chat.model.spec import FULL, SLIDING, ModelSpec
from gptoss_chat.model.synthetic import preset, write_synthetic

LIMITS = Machine(threads=1, bandwidth_bytes_per_s=1000.0, float32_ops_per_s=1e9)


@dataclass
class Scripted:
    """A runner whose times are given; it writes down when it ran."""

    name: str
    times_s: Iterator[float]
    calls: list[str]
    model: Any = field(default_factory=lambda: SimpleNamespace(decode_bytes=lambda depth: 100 + depth))
    load_s: float = 0.0

    def prompt_s(self, tokens: int) -> float:
        self.calls.append(f"{self.name} prompt {tokens}")
        return next(self.times_s)

    def decode_s(self, depth: int, tokens: int) -> float:
        self.calls.append(f"{self.name} decode {depth}+{tokens}")
        return next(self.times_s)

    def peak_memory_bytes(self) -> int:
        return 1

    def close(self) -> None:
        self.calls.append(f"{self.name} closed")


def test_runners_take_turns_and_the_median_counts() -> None:
    """The machine's drift meets all of them alike, and one slow run spoils nothing."""
    calls: list[str] = []
    own = cast("OwnRunner", Scripted("own", iter([1.0, 9.0, 2.0]), calls))
    peer = Scripted("peer", iter([4.0, 4.0, 5.0]), calls)
    told: list[Figure] = []
    figures = run(own, [peer], [Job("decode", tokens=8, depth=20)], LIMITS, repeats=3, report=told.append)
    assert calls == ["own decode 20+8", "peer decode 20+8"] * 3
    assert told == figures
    mine, theirs = figures
    assert (mine.tokens_per_s, mine.lowest, mine.highest, mine.repeats) == (4.0, 8 / 9, 8.0, 3)
    assert (mine.bytes_per_token, mine.of_limit) == (120, 120 * 4.0 / 1000.0)
    assert theirs.tokens_per_s == 2.0
    assert theirs.of_limit is None


def test_gpu_and_cpu_are_each_held_to_their_own_bandwidth() -> None:
    """A decoded token reads a part of the model here and a part there; a prompt that both compute has no one limit."""
    limits = replace(LIMITS, device=DeviceLimits(10_000.0, 1e9, 1e12))
    parts = {False: 300, True: 5000, None: 5300}
    model = SimpleNamespace(
        decode_bytes=lambda depth, on_device=None: parts[on_device], placement=SimpleNamespace(whole=False)
    )
    own = cast("OwnRunner", Scripted("own", iter([2.0, 2.0]), [], model=model))
    jobs = [Job("decode", tokens=1), Job("prompt", tokens=4)]
    decode, prompt = run(own, [], jobs, limits, repeats=1, report=lambda _: None)
    assert decode.bytes_per_token == 5300
    assert decode.of_limit == pytest.approx((300 / 1000 + 5000 / 10_000) / 2.0)
    assert prompt.of_limit is None


@pytest.fixture
def spec() -> ModelSpec:
    """A tiny model of one sliding and one full layer, no two sizes alike."""
    return replace(preset("tiny"), layers=2, layer_types=(SLIDING, FULL), window=5)


def test_prompt_operations_equal_a_count_by_hand(spec: ModelSpec) -> None:
    """Every pair of query and key that the masks let through, and every matrix a token meets."""
    tokens = 12
    own = cast("OwnRunner", SimpleNamespace(model=SimpleNamespace(spec=spec)))
    pairs = sum(1 for window in (spec.window, tokens) for i in range(tokens) for j in range(i + 1) if i - j < window)
    width = spec.q_heads * spec.head_dim
    matrices = (
        spec.hidden * (width + 2 * spec.kv_heads * spec.head_dim)
        + width * spec.hidden
        + spec.hidden * spec.experts
        + 3 * spec.experts_per_token * spec.hidden * spec.intermediate
    )
    expected = 2 * (tokens * 2 * matrices + 2 * pairs * width + spec.hidden * spec.vocab)
    assert prompt_ops(own, tokens) == expected


def test_decode_bytes_are_the_weights_used_and_the_cache(spec: ModelSpec, tmp_path: Path) -> None:
    """Only the chosen share of the experts counts, and only the window of a sliding layer."""
    write_synthetic(tmp_path, spec, 3)
    model = load_model(tmp_path, dtype=torch.float32)
    expert = 4 * (3 * spec.hidden * spec.intermediate + 2 * spec.intermediate + spec.hidden)
    width = (spec.q_heads + 2 * spec.kv_heads) * spec.head_dim
    layer = 4 * (
        2 * spec.hidden + width * (spec.hidden + 1) + spec.q_heads
        + spec.hidden * (spec.q_heads * spec.head_dim + 1) + spec.experts * (spec.hidden + 1)
    )  # fmt: skip
    weights = 2 * (layer + spec.experts_per_token * expert) + 4 * spec.hidden * (spec.vocab + 1)
    per_layer = 2 * 4 * spec.kv_heads * spec.head_dim
    assert model.decode_bytes(0) == pytest.approx(weights, abs=2)
    assert model.decode_bytes(40) - model.decode_bytes(0) == (5 + 40) * per_layer


def test_own_runner_times_cold_prompts_and_warm_depths(spec: ModelSpec, tmp_path: Path) -> None:
    """Every prompt is new to the cache; a depth that was there before is not prefilled again."""
    write_synthetic(tmp_path, spec, 3)
    own = OwnRunner("tiny", tmp_path, longest=80)
    try:
        assert own.prompt_s(40) > 0
        assert own.prompt_s(40) > 0
        assert own.decode_s(70, 3) > 0
        assert own.decode_s(0, 3) > 0
        assert own.load_s > 0
        assert own.peak_memory_bytes() > 2**20
    finally:
        own.close()
