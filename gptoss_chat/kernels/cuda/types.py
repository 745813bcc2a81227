"""Names of number types that both PyTorch and Triton know, and how Triton rounds; it knows nothing else."""

from __future__ import annotations

import os

import torch
import triton.language as tl

# A product and a sum are one instruction with one rounding. Triton 3.9 warns, in the middle of a screen, that its next version
# takes two where nobody says.
os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")

TRITON_TYPE = {torch.float32: tl.float32, torch.float16: tl.float16, torch.bfloat16: tl.bfloat16}
