"""The operators of `gptoss_chat.kernels.ops` on the compiled functions; what these don't take goes to the reference.

T tokens, I inputs, O outputs, D model, F expert width, E experts, K experts a token, P pages, S slots a page, H query
heads, G key-value heads, C head size, N pages of a sequence. MXFP4 and int8 products round activations to int8 in
blocks of 32; everything else is float32.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gptoss_chat.kernels import int8, reference
from gptoss_chat.kernels.cpu.library import Functions, check
from gptoss_chat.kernels.int8 import Int8Matrix

# From here on torch's float32 product on converted panels wins over reading bf16 weights again for every four tokens.
_BF16_TOKENS = 8
# Up to here a plain loop over float32 weights runs, as in a step (src/step.h): its bits are those of the step.
_FLOAT_TOKENS = 1
_MAX_SLOTS = 128
# Float experts: (token, expert) pairs up to which the plain loop wins over torch's products, and the largest expert it is for.
_FLOAT_ROWS = 1024
_FLOAT_EXPERT_BYTES = 1 << 20


class Operators:
    """One instruction set's operators, with the signatures of `reference`."""

    def __init__(self, functions: Functions) -> None:
        self.functions = functions

    def linear(self, x_TI: Tensor, w_OI: Tensor, bias_O: Tensor | None) -> Tensor:
        """See `ops.linear`."""
        (T, I), O = x_TI.shape, w_OI.shape[0]  # noqa: E741 - the names of the axes
        if w_OI.dtype == torch.bfloat16 and T <= _BF16_TOKENS and w_OI.is_contiguous():
            run = self.functions.linear_bf16
        elif w_OI.dtype == torch.float32 and T <= _FLOAT_TOKENS and w_OI.is_contiguous():
            run = self.functions.linear_float
        else:
            return reference.linear(x_TI, w_OI, bias_O)
        x_TI, y_TO = x_TI.contiguous(), x_TI.new_empty(T, O)
        check(
            run(x_TI.data_ptr(), w_OI.data_ptr(), _pointer(bias_O), y_TO.data_ptr(), T, I, O, torch.get_num_threads())
        )
        return y_TO

    def linear_int8(self, x_TI: Tensor, values: Tensor, scales: Tensor, bias_O: Tensor | None, rows: int) -> Tensor:
        """See `ops.linear`."""
        T, I = x_TI.shape  # noqa: E741
        x_TI, y_TO = x_TI.contiguous(), x_TI.new_empty(T, rows)
        check(
            self.functions.linear_int8(
                x_TI.data_ptr(),
                values.data_ptr(),
                scales.data_ptr(),
                _pointer(bias_O),
                y_TO.data_ptr(),
                T,
                I,
                rows,
                torch.get_num_threads(),
            )
        )
        return y_TO

    def quantise(self, w_OI: Tensor) -> Int8Matrix:
        """As `int8.quantise`, bfloat16 weights on every thread."""
        if w_OI.dtype != torch.bfloat16:
            return int8.quantise(w_OI)
        w_OI, matrix = w_OI.contiguous(), int8.empty(*w_OI.shape)
        check(
            self.functions.pack_int8(
                w_OI.data_ptr(),
                matrix.values.data_ptr(),
                matrix.scales.data_ptr(),
                *w_OI.shape,
                torch.get_num_threads(),
            )
        )
        return matrix

    def attention(
        self,
        q_THC: Tensor,
        k_PSGC: Tensor,
        v_PSGC: Tensor,
        page_table_N: Tensor,
        start: int,
        window: int,
        sinks_H: Tensor,
    ) -> Tensor:
        """See `ops.attention`."""
        (T, H, C), (P, S, G, _) = q_THC.shape, k_PSGC.shape
        known = k_PSGC.dtype in (torch.float32, torch.bfloat16) and v_PSGC.dtype == k_PSGC.dtype
        if not known or S % 8 or S > _MAX_SLOTS or not (k_PSGC.is_contiguous() and v_PSGC.is_contiguous()):
            return reference.attention(q_THC, k_PSGC, v_PSGC, page_table_N, start, window, sinks_H)
        if q_THC.stride()[1:] != (C, 1):
            q_THC = q_THC.contiguous()
        page_table_N, sinks_H = page_table_N.contiguous(), sinks_H.contiguous()
        _check_pages(page_table_N, S, start + T)
        y_TA = q_THC.new_empty(T, H * C)
        check(
            self.functions.attention(
                q_THC.data_ptr(),
                q_THC.stride(0),
                k_PSGC.data_ptr(),
                v_PSGC.data_ptr(),
                k_PSGC.dtype == torch.bfloat16,
                page_table_N.data_ptr(),
                sinks_H.data_ptr(),
                y_TA.data_ptr(),
                T,
                H,
                G,
                C,
                S,
                P,
                start,
                window,
                torch.get_num_threads(),
            )
        )
        return y_TA

    def moe_mxfp4(
        self,
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
        """See `ops.moe_mxfp4`."""
        x_TD, ids_TK, weights_TK = x_TD.contiguous(), ids_TK.contiguous(), weights_TK.contiguous()
        (T, D), (E, _, F_blocks, _) = x_TD.shape, down_blocks.shape
        y_TD = torch.empty_like(x_TD)
        weights = (gate_up_blocks, gate_up_scales, gate_up_bias, down_blocks, down_scales, down_bias)
        if not all(tensor.is_contiguous() for tensor in weights):
            return reference.moe_mxfp4(x_TD, ids_TK, weights_TK, *weights, limit)
        check(
            self.functions.moe_mxfp4(
                x_TD.data_ptr(),
                ids_TK.data_ptr(),
                weights_TK.data_ptr(),
                *(tensor.data_ptr() for tensor in weights),
                y_TD.data_ptr(),
                T,
                ids_TK.shape[1],
                E,
                D,
                32 * F_blocks,
                limit,
                torch.get_num_threads(),
            )
        )
        return y_TD

    def moe_dense(
        self,
        x_TD: Tensor,
        ids_TK: Tensor,
        weights_TK: Tensor,
        gate_up_EOD: Tensor,
        gate_up_bias: Tensor,
        down_EDF: Tensor,
        down_bias: Tensor,
        limit: float,
    ) -> Tensor:
        """See `ops.moe_dense`."""
        (T, D), (E, _, F), K = x_TD.shape, down_EDF.shape, ids_TK.shape[1]
        weights = (gate_up_EOD, gate_up_bias, down_EDF.transpose(1, 2), down_bias)
        plain = gate_up_bias.is_contiguous() and down_bias.is_contiguous()
        if T * K > _FLOAT_ROWS or not plain or not takes_float_experts(gate_up_EOD, down_EDF):
            return reference.moe_dense(x_TD, ids_TK, weights_TK, gate_up_EOD, gate_up_bias, down_EDF, down_bias, limit)
        x_TD, ids_TK, weights_TK = x_TD.contiguous(), ids_TK.contiguous(), weights_TK.contiguous()
        y_TD = torch.empty_like(x_TD)
        check(
            self.functions.moe_float(
                x_TD.data_ptr(),
                ids_TK.data_ptr(),
                weights_TK.data_ptr(),
                *(tensor.data_ptr() for tensor in weights),
                y_TD.data_ptr(),
                T,
                K,
                E,
                D,
                F,
                limit,
                torch.get_num_threads(),
            )
        )
        return y_TD

    def rms_norm(self, x_TD: Tensor, delta_TD: Tensor | None, scale_D: Tensor, eps: float) -> Tensor:
        """See `ops.rms_norm`."""
        if not x_TD.is_contiguous():
            return reference.rms_norm(x_TD, delta_TD, scale_D, eps)
        if delta_TD is not None:
            delta_TD = delta_TD.contiguous()
        y_TD = torch.empty_like(x_TD)
        check(
            self.functions.rms_norm(
                x_TD.data_ptr(),
                _pointer(delta_TD),
                scale_D.data_ptr(),
                y_TD.data_ptr(),
                *x_TD.shape,
                eps,
                torch.get_num_threads(),
            )
        )
        return y_TD

    def rope_store(
        self, qkv_TA: Tensor, rope_TC: Tensor, page_table_N: Tensor, start: int, k_PSGC: Tensor, v_PSGC: Tensor
    ) -> Tensor:
        """See `ops.rope_store`."""
        (T, A), (P, S, G, C) = qkv_TA.shape, k_PSGC.shape
        known = k_PSGC.dtype in (torch.float32, torch.bfloat16) and v_PSGC.dtype == k_PSGC.dtype
        if not known or not (k_PSGC.is_contiguous() and v_PSGC.is_contiguous()):
            return reference.rope_store(qkv_TA, rope_TC, page_table_N, start, k_PSGC, v_PSGC)
        qkv_TA, rope_TC, page_table_N = qkv_TA.contiguous(), rope_TC.contiguous(), page_table_N.contiguous()
        H = A // C - 2 * G
        q_THC = qkv_TA.new_empty(T, H, C)
        _check_pages(page_table_N, S, start + T)
        check(
            self.functions.rope_store(
                qkv_TA.data_ptr(),
                rope_TC.data_ptr(),
                page_table_N.data_ptr(),
                k_PSGC.data_ptr(),
                v_PSGC.data_ptr(),
                k_PSGC.dtype == torch.bfloat16,
                q_THC.data_ptr(),
                T,
                H,
                G,
                C,
                S,
                P,
                start,
                torch.get_num_threads(),
            )
        )
        return q_THC

    def route(self, scores_TE: Tensor, chosen: int) -> tuple[Tensor, Tensor, Tensor]:
        """See `ops.route`."""
        scores_TE, (T, E) = scores_TE.contiguous(), scores_TE.shape
        ids_TK = torch.empty((T, chosen), dtype=torch.int64)
        weights_TK, entropy_T = torch.empty((T, chosen)), torch.empty(T)
        check(
            self.functions.route(
                scores_TE.data_ptr(), ids_TK.data_ptr(), weights_TK.data_ptr(), entropy_T.data_ptr(), T, E, chosen
            )
        )
        return ids_TK, weights_TK, entropy_T


def takes_float_experts(gate_up_EOD: Tensor, down_EDF: Tensor) -> bool:
    """Whether a few tokens' experts of these weights run in the compiled loop."""
    F = down_EDF.shape[2]
    laid_out = gate_up_EOD.is_contiguous() and down_EDF.transpose(1, 2).is_contiguous()
    small = F % 32 == 0 and gate_up_EOD[0].nbytes <= _FLOAT_EXPERT_BYTES
    return small and laid_out and gate_up_EOD.dtype == down_EDF.dtype == torch.float32


def _check_pages(page_table_N: Tensor, slots: int, positions: int) -> None:
    if len(page_table_N) * slots < positions:
        raise IndexError(f"{len(page_table_N)} pages of {slots} don't hold {positions} positions")


def _pointer(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
