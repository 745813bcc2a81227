"""Names of number types that both PyTorch and Triton know; it knows nothing else."""

from __future__ import annotations

import torch
import triton.language as tl

TRITON_TYPE = {torch.float32: tl.float32, torch.float16: tl.float16, torch.bfloat16: tl.bfloat16}
