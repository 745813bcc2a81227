"""Which form of a mixture of experts runs; it knows nothing of how they work."""

from __future__ import annotations

from torch import Tensor

from gptoss_chat.kernels.cuda.experts_grouped import many_tokens
from gptoss_chat.kernels.cuda.experts_vector import few_tokens
from gptoss_chat.kernels.cuda.tuning import tuning


def moe_mxfp4(
    x_TD: Tensor,
    ids_TK: Tensor,
    weights_TK: Tensor,
    gate_up_blocks: Tensor,
    gate_up_scales: Tensor,
    gate_up_bias: Tensor,
    down_blocks: Tensor,
    down_scales: Tensor,
    down_bias: Tensor,
    limit: float,
) -> Tensor:
    """See `ops.moe_mxfp4`; more than a few tokens are rounded to the tensor cores' type, and hidden values with them."""
    gate_up = gate_up_blocks.contiguous(), gate_up_scales.contiguous(), gate_up_bias.contiguous()
    down = down_blocks.contiguous(), down_scales.contiguous(), down_bias.contiguous()
    x_TD, ids_TK, weights_TK = x_TD.contiguous(), ids_TK.contiguous(), weights_TK.contiguous()
    if x_TD.shape[0] <= tuning(x_TD.device).vector_tokens:
        return few_tokens(x_TD, ids_TK, weights_TK, *gate_up, *down, limit)
    return many_tokens(x_TD, ids_TK, weights_TK, gate_up, down, limit)


def moe_dense(
    x_TD: Tensor,
    ids_TK: Tensor,
    weights_TK: Tensor,
    gate_up_EOD: Tensor,
    gate_up_bias_EO: Tensor,
    down_EDF: Tensor,
    down_bias_ED: Tensor,
    limit: float,
) -> Tensor:
    """See `ops.moe_dense`; everything is rounded to the tensor cores' type."""
    gate_up = gate_up_EOD, None, gate_up_bias_EO.contiguous()
    down = down_EDF, None, down_bias_ED.contiguous()
    return many_tokens(x_TD.contiguous(), ids_TK.contiguous(), weights_TK.contiguous(), gate_up, down, limit)
