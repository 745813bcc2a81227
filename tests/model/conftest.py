"""Tiny random checkpoints on disk, every axis of a different size, and the forward pass over a scattered page table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from gptoss_chat.kernels import backend
from gptoss_chat.model.checkpoint import load_model
from gptoss_chat.model.kv import PAGE_TOKENS, KVPool
from gptoss_chat.model.layout import Layout
from gptoss_chat.model.spec import FULL, SLIDING, ModelSpec, RopeSpec
from gptoss_chat.model.synthetic import preset, write_synthetic
from gptoss_chat.model.transformer import Transformer

YARN = RopeSpec(150000.0, factor=32.0, original_context=4096)
TRUNCATED = RopeSpec(10000.0, factor=4.0, original_context=256, beta_fast=16.0, beta_slow=2.0, truncate=True)


@dataclass(frozen=True)
class Case:
    """One checkpoint to write."""

    name: str
    spec: ModelSpec
    layout: Layout = "hf"
    experts: Literal["mxfp4", "bf16"] = "mxfp4"
    shards: int = 1

    def write(self, folder: Path, seed: int = 11) -> Path:
        write_synthetic(folder, self.spec, seed, self.layout, self.experts, self.shards)
        return folder


def spec(**changes: Any) -> ModelSpec:
    """The tiny preset with changes."""
    return replace(preset("tiny"), **changes)


CASES = [
    Case("mxfp4", spec()),
    Case("mxfp4-yarn-original-sharded", spec(rope=YARN, context_limit=131072), layout="original", shards=3),
    Case("bf16-odd-sizes", spec(hidden=50, intermediate=27, head_dim=14, q_heads=9, kv_heads=3), experts="bf16"),
    Case("bf16-original-yarn", spec(rope=YARN, context_limit=131072), layout="original", experts="bf16"),
    Case("tied-sharded", spec(tied=True, window=2, swiglu_limit=1.5), shards=4),
    Case(
        "one-expert-all-full",
        spec(layers=2, layer_types=(FULL, FULL), experts=5, experts_per_token=1, rope=TRUNCATED, context_limit=1024),
    ),
    Case("all-experts-all-sliding", spec(layers=2, layer_types=(SLIDING, SLIDING), experts_per_token=7, window=33)),
    Case("wide-groups-tied-bf16", spec(q_heads=10, kv_heads=1, head_dim=64, rope=YARN, tied=True), experts="bf16"),
]
LENGTH = 71  # over two pages, and longer than every window


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture(params=[True, False], ids=["expanded", "mapped"])
def load(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], Transformer]]:
    """Loads a folder in float32, once with the small model's expansion and once as a big model would be.

    The latter on the reference kernels: the compiled ones round activations to int8, which these tests would notice.
    """
    before = backend.name
    if not request.param:
        monkeypatch.setattr("gptoss_chat.model.checkpoint.EXPAND_BYTES", 0)
        backend.use("reference")
    yield lambda folder: load_model(folder, dtype=torch.float32)
    backend.use(before)


def poisoned_pool(model: Transformer, pages: int) -> KVPool:
    """A pool full of NaN, so that reading an unwritten slot shows."""
    kv = model.new_kv_pool(pages)
    for pages_PSGC in (*kv.k, *kv.v):
        pages_PSGC.fill_(torch.nan)
    return kv


def token_ids(spec: ModelSpec, length: int = LENGTH) -> Tensor:
    return torch.randint(spec.vocab, (length,), generator=torch.Generator().manual_seed(5))


def run(model: Transformer, ids_T: Tensor, chunk: int) -> tuple[Tensor, Tensor, Tensor]:
    """All logits, experts and weights of a prefill in chunks, through pages in a scattered order."""
    pages = -(-len(ids_T) // PAGE_TOKENS)
    kv = poisoned_pool(model, pages + 2)
    page_table = torch.arange(pages + 1, 1, -1, dtype=torch.int32)
    outputs = [
        model.forward(ids_T[a : a + chunk], a, page_table, kv, all_logits=True) for a in range(0, len(ids_T), chunk)
    ]
    logits, experts, weights = (torch.cat(parts) for parts in zip(*outputs, strict=True))
    return logits, experts, weights
