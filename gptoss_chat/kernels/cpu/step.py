"""A few tokens through a whole model in a single compiled call; it knows pointers and shapes, not where weights came from.

T tokens, L layers, D model, V vocabulary, K experts a token, P pages, S slots a page, G key-value heads, C head size, N pages of a
sequence.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gptoss_chat.kernels.cpu.library import Functions, check
from gptoss_chat.kernels.int8 import Int8Matrix

_P, _N, _F = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float
_KINDS = {torch.float32: 0, torch.bfloat16: 1}
_INT8 = 2


class _Matrix(ctypes.Structure):
    _fields_ = [("kind", _N), ("data", _P), ("scales", _P)]


class StepLayer(ctypes.Structure):
    """A layer's weights and pages, as src/step.h has them; `put` fills it."""

    _fields_ = [
        ("attn_norm", _P), ("qkv", _Matrix), ("qkv_bias", _P), ("sinks", _P), ("out", _Matrix), ("out_bias", _P),
        ("mlp_norm", _P), ("router", _Matrix), ("router_bias", _P), ("gate_up", _P), ("gate_up_scales", _P),
        ("gate_up_bias", _P), ("down", _P), ("down_scales", _P), ("down_bias", _P), ("k_pages", _P), ("v_pages", _P),
        ("window", _N),
    ]  # fmt: skip


class StepModel(ctypes.Structure):
    """A model's sizes, and its weights outside the layers; `put` fills it, but for the layers."""

    _fields_ = [
        ("layers", ctypes.POINTER(StepLayer)), ("norm", _P), ("head", _Matrix), *[(name, _N) for name in "LDHGCSPEKFV"],
        ("bf16_pages", _N), ("eps", _F), ("limit", _F),
    ]  # fmt: skip


class UnfitError(Exception):
    """A tensor is of a kind that only the separate operators take."""


def put(target: ctypes.Structure, **values: Tensor | Int8Matrix | float | None) -> None:
    """Set fields: of a tensor its address, None where there is none. Raises UnfitError; the caller keeps the tensors alive."""
    kinds = dict(field[:2] for field in target._fields_)
    for name, value in values.items():
        if kinds[name] is _Matrix:
            assert isinstance(value, Tensor | Int8Matrix)
            setattr(target, name, _matrix(value))
        else:
            setattr(target, name, _address(value) if isinstance(value, Tensor) else value)


def _matrix(w_OI: Tensor | Int8Matrix) -> _Matrix:
    if isinstance(w_OI, Int8Matrix):
        return _Matrix(_INT8, _address(w_OI.values), _address(w_OI.scales))
    if w_OI.dtype not in _KINDS:
        raise UnfitError(f"a matrix of {w_OI.dtype}")
    return _Matrix(_KINDS[w_OI.dtype], _address(w_OI), None)


def _address(tensor: Tensor) -> int:
    if not tensor.is_cpu or not tensor.is_contiguous():
        raise UnfitError("a tensor with strides, or of a device")
    return tensor.data_ptr()


class Step:
    """Runs tokens through `layers`; `kept` are the tensors whose addresses they and `model` hold."""

    def __init__(self, functions: Functions, model: StepModel, layers: Sequence[StepLayer], kept: object) -> None:
        self._step, self._model, self._kept = functions.step, model, kept
        model.L = len(layers)
        self._layers = (StepLayer * len(layers))(*layers)
        model.layers = self._layers

    def run(
        self, x_TD: Tensor, rope_TC: Tensor, page_table_N: Tensor, start: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of T >= 1 tokens, each as if it ran alone: logits float32 [V] of the last one, and of each its experts uint8 [T, L, K], their
        weights float16 [T, L, K] and entropy float32 [T, L].

        x float32 [T, D], which is written; rope, page_table and start as for `ops.rope_store`. Raises IndexError when there is no
        such page, MemoryError.
        """
        model, T = self._model, len(x_TD)
        if len(page_table_N) * model.S < start + T:
            raise IndexError(f"{len(page_table_N)} pages of {model.S} don't hold position {start + T - 1}")
        # Arrays, not tensors: torch lets go of Python in each of its calls, and a screen that is being drawn takes it.
        logits_V, entropy_LT = np.empty(model.V, np.float32), np.empty((model.L, T), np.float32)
        ids_LTK = np.empty((model.L, T, model.K), np.int64)
        shares_LTK = np.empty(ids_LTK.shape, np.float32)
        given = [tensor.data_ptr() for tensor in (x_TD, rope_TC, page_table_N)]
        places = [array.ctypes.data for array in (logits_V, ids_LTK, shares_LTK, entropy_LT)]
        check(self._step(ctypes.byref(model), *given, T, start, *places, torch.get_num_threads()))
        experts_TLK = ids_LTK.swapaxes(0, 1).astype(np.uint8, order="C")
        weights_TLK = shares_LTK.swapaxes(0, 1).astype(np.float16, order="C")
        entropy_TL = np.ascontiguousarray(entropy_LT.T)
        found_V, experts, weights, entropy = map(torch.from_numpy, (logits_V, experts_TLK, weights_TLK, entropy_TL))
        return found_V, experts, weights, entropy
