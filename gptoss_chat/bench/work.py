"""Takes the measurements of one or several runners in turns and sets them against what the machine can do."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from gptoss_chat.bench.machine import Machine
from gptoss_chat.bench.runner import OwnRunner, Runner

_ENOUGH_S = 60.0
"""A figure that has cost this long is not measured again."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is timed: a prompt of `tokens`, or `tokens` decoded after `depth` others."""

    kind: Literal["prompt", "decode"]
    tokens: int
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Figure:
    """A speed. `of_limit` is the share of the machine's measured limit that it reaches: of the memory bandwidth for
    decoding (of GPU and CPU, each for what it reads), of the float32 arithmetic for a prompt (int8 kernels may exceed it), or
    the GPU's bf16; None for a peer, whose bytes are its own, and for a prompt that both compute.
    `bytes_per_token` are those a decoded token has to read."""

    runner: str
    job: Job
    tokens_per_s: float
    lowest: float
    highest: float
    repeats: int
    of_limit: float | None
    bytes_per_token: int | None


def prompt_ops(own: OwnRunner, tokens: int) -> int:
    """Operations of a prefill, two a multiply-add: the active matrices for every token, the head once, and attention."""
    spec = own.model.spec
    heads = spec.head_dim * (2 * spec.q_heads + 2 * spec.kv_heads)
    layer = (
        spec.hidden * heads + 3 * spec.experts_per_token * spec.hidden * spec.intermediate + spec.hidden * spec.experts
    )
    attention = 0
    for kind in spec.layer_types:
        seen = spec.window if kind.startswith("sliding") else tokens
        short = min(tokens, seen)
        pairs = short * (short + 1) // 2 + (tokens - short) * seen
        attention += 2 * spec.q_heads * spec.head_dim * pairs
    return 2 * (tokens * spec.layers * layer + attention + spec.hidden * spec.vocab)


def floor_s(own: OwnRunner, depth: int, machine: Machine) -> float:
    """Seconds that reading takes for one decoded token, at the measured bandwidths."""
    if machine.device is None:
        return own.model.decode_bytes(depth) / machine.bandwidth_bytes_per_s
    near, there = (own.model.decode_bytes(depth, on_device=on_device) for on_device in (False, True))
    return near / machine.bandwidth_bytes_per_s + there / machine.device.bandwidth_bytes_per_s


def _ops_per_s(own: OwnRunner, machine: Machine) -> float | None:
    if machine.device is None:
        return machine.float32_ops_per_s
    return machine.device.bf16_ops_per_s if own.model.placement.whole else None


def run(
    own: OwnRunner,
    peers: Sequence[Runner],
    jobs: Sequence[Job],
    machine: Machine,
    *,
    repeats: int,
    report: Callable[[Figure], None],
) -> list[Figure]:
    """Every job by every runner, `repeats` times and in turns; a figure is the median and is reported as it is known."""
    figures = []
    for job in jobs:
        times_s: dict[str, list[float]] = {runner.name: [] for runner in (own, *peers)}
        began = time.monotonic()
        for _ in range(repeats):
            for runner in (own, *peers):
                seconds = (
                    runner.prompt_s(job.tokens) if job.kind == "prompt" else runner.decode_s(job.depth, job.tokens)
                )
                times_s[runner.name].append(seconds)
            if time.monotonic() - began > _ENOUGH_S:
                break
        for runner in (own, *peers):
            figure = _figure(runner, own, job, times_s[runner.name], machine)
            figures.append(figure)
            report(figure)
    return figures


def _figure(runner: Runner, own: OwnRunner, job: Job, times_s: Sequence[float], machine: Machine) -> Figure:
    median_s = statistics.median(times_s)
    of_limit = bytes_per_token = None
    if runner is own:
        if job.kind == "decode":
            bytes_per_token = own.model.decode_bytes(job.depth)
            of_limit = floor_s(own, job.depth, machine) * job.tokens / median_s
        elif (ops_per_s := _ops_per_s(own, machine)) is not None:
            of_limit = prompt_ops(own, job.tokens) / median_s / ops_per_s
    return Figure(
        runner=runner.name,
        job=job,
        tokens_per_s=job.tokens / median_s,
        lowest=job.tokens / max(times_s),
        highest=job.tokens / min(times_s),
        repeats=len(times_s),
        of_limit=of_limit,
        bytes_per_token=bytes_per_token,
    )
