"""Products with dense matrices: one token at the speed of memory, several on tensor cores, many by cuBLAS.

Shapes and meaning: `ops.linear`. T tokens, I inputs, O outputs; ROWS outputs, TOKENS tokens and STEP inputs at a time.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from gptoss_chat.kernels.cuda.tuning import tile_for, tuning
from gptoss_chat.kernels.cuda.types import TRITON_TYPE


@triton.jit
def _vector(
    x_TI,
    w_OI,
    bias_O,
    y_TO,
    HAS_BIAS: tl.constexpr,
    INPUTS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    ROWS: tl.constexpr,
    STEP: tl.constexpr,
):
    # Tokens are the fast axis of the grid: programs that run together read the same weights, and memory is asked once.
    t = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    column = tl.arange(0, STEP)
    w = w_OI + row.to(tl.int64)[:, None] * INPUTS
    total = tl.zeros([ROWS, STEP], tl.float32)
    for at in range(0, INPUTS, STEP):
        inside = at + column < INPUTS
        x = tl.load(x_TI + t * INPUTS + at + column, mask=inside, other=0.0).to(tl.float32)
        mask = (row < OUTPUTS)[:, None] & inside[None, :]
        total += tl.load(w + (at + column)[None, :], mask=mask, other=0.0).to(tl.float32) * x[None, :]
    y = tl.sum(total, axis=1)
    if HAS_BIAS:
        y += tl.load(bias_O + row, mask=row < OUTPUTS, other=0.0).to(tl.float32)
    tl.store(y_TO + t * OUTPUTS + row, y, mask=row < OUTPUTS)


@triton.jit(do_not_specialize=["T"])
def _tile(
    x_TI,
    w_OI,
    bias_O,
    y_TO,
    T,
    HAS_BIAS: tl.constexpr,
    INPUTS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    OPERAND: tl.constexpr,
    ROWS: tl.constexpr,
    TOKENS: tl.constexpr,
    STEP: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    token = tl.program_id(1) * TOKENS + tl.arange(0, TOKENS)
    column = tl.arange(0, STEP)
    w = w_OI + row.to(tl.int64)[None, :] * INPUTS + column[:, None]
    x = x_TI + token.to(tl.int64)[:, None] * INPUTS + column[None, :]
    y = tl.zeros([TOKENS, ROWS], tl.float32)
    for at in range(0, INPUTS, STEP):
        inside = at + column < INPUTS
        left = tl.load(x + at, mask=(token < T)[:, None] & inside[None, :], other=0.0).to(OPERAND)
        right = tl.load(w + at, mask=inside[:, None] & (row < OUTPUTS)[None, :], other=0.0).to(OPERAND)
        y = tl.dot(left, right, y)
    if HAS_BIAS:
        y += tl.load(bias_O + row, mask=row < OUTPUTS, other=0.0).to(tl.float32)[None, :]
    out = y_TO + token.to(tl.int64)[:, None] * OUTPUTS + row[None, :]
    tl.store(out, y, mask=(token < T)[:, None] & (row < OUTPUTS)[None, :])


def linear(x_TI: Tensor, w_OI: Tensor, bias_O: Tensor | None) -> Tensor:
    """See `ops.linear`; beyond `tuning.vector_tokens`, x is rounded to the tensor cores' type (float32 weights: it isn't)."""
    (count, inputs), outputs = x_TI.shape, w_OI.shape[0]
    tuned = tuning(x_TI.device)
    x_TI, w_OI = x_TI.contiguous(), w_OI.contiguous()
    if count > tuned.vector_tokens and w_OI.dtype == torch.float32:
        return torch.nn.functional.linear(x_TI.float(), w_OI, None if bias_O is None else bias_O.float())
    if count > tuned.library_tokens:
        kind = torch.float16 if w_OI.dtype == torch.float16 else tuned.library
        y_TO = torch.mm(x_TI.to(kind), w_OI.to(kind).T, out_dtype=torch.float32)
        return y_TO if bias_O is None else y_TO.add_(bias_O)
    y_TO = torch.empty(count, outputs, dtype=torch.float32, device=x_TI.device)
    if count <= tuned.vector_tokens:
        (rows, step), warps = tuned.vector_tile, 1
        if outputs <= tuned.few_rows:
            rows, step, warps = max(1, rows // 2), step * 2, 2
        if outputs <= tuned.narrow_rows:
            rows, step, warps = 1, min(4096, triton.next_power_of_2(inputs)), 4
        grid = (count, triton.cdiv(outputs, rows))
        _vector[grid](x_TI, w_OI, bias_O, y_TO, bias_O is not None, inputs, outputs, rows, step, num_warps=warps)
        return y_TO
    rows, tokens, step, warps = tile_for(tuned, count)
    _tile[(triton.cdiv(outputs, rows), triton.cdiv(count, tokens))](
        x_TI,
        w_OI,
        bias_O,
        y_TO,
        count,
        bias_O is not None,
        inputs,
        outputs,
        TRITON_TYPE[tuned.operand],
        rows,
        tokens,
        step,
        num_warps=warps,
        num_stages=tuned.stages,
    )
    return y_TO
