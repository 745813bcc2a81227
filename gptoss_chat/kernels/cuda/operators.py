"""Which function serves which operator on a CUDA device; it knows nothing of how they do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gptoss_chat.kernels.cuda.attention import attention
from gptoss_chat.kernels.cuda.experts import moe_dense, moe_mxfp4
from gptoss_chat.kernels.cuda.linear import linear
from gptoss_chat.kernels.cuda.scores import part_sums
from gptoss_chat.kernels.cuda.steps import rms_norm, rope_store, route

# linear_int8 is missing: matrices on a GPU stay bfloat16, and the reference is right anywhere.
OPERATORS: dict[str, Callable[..., Any]] = {
    "linear": linear,
    "attention": attention,
    "attention_at": attention,
    "moe_mxfp4": moe_mxfp4,
    "moe_dense": moe_dense,
    "rms_norm": rms_norm,
    "rope_store": rope_store,
    "rope_store_at": rope_store,
    "route": route,
    "part_sums": part_sums,
}
