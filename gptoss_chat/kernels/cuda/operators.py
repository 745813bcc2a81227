"""Which function serves which operator on a CUDA device; it knows nothing of how they do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gptoss_chat.kernels.cuda import steps
from gptoss_chat.kernels.cuda.attention import attention
from gptoss_chat.kernels.cuda.linear import linear

# linear_int8 is missing: matrices on a GPU stay bfloat16, and the reference is right anywhere.
OPERATORS: dict[str, Callable[..., Any]] = {
    "linear": linear,
    "attention": attention,
    "attention_at": attention,
    "rms_norm": steps.rms_norm,
    "rope_store": steps.rope_store,
    "rope_store_at": steps.rope_store,
    "route": steps.route,
}
