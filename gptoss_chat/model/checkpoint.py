"""From a folder of safetensors to a Transformer: every tensor mapped, or copied to a device; knows not where models live.

Weights stay memory-mapped in the type the checkpoint holds, with three exceptions: a whole model that is small is expanded
to float32; where compiled kernels run, a big one's dense matrices are rounded to int8, which halves what is read for every
token; and what goes on a GPU is copied there, part by part, as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from gptoss_chat.errors import DeviceMemoryError, UsageError
from gptoss_chat.kernels import backend
from gptoss_chat.kernels.int8 import BLOCK, Int8Matrix
from gptoss_chat.kernels.mxfp4 import dequantise
from gptoss_chat.model.device import measure_rates
from gptoss_chat.model.device_errors import device_error
from gptoss_chat.model.layout import ExpertFormat, Slot
from gptoss_chat.model.opening import OpenedCheckpoint, open_checkpoint
from gptoss_chat.model.placement import Placement, Precision, device_bytes, parts_of, place
from gptoss_chat.model.safetensors_file import MappedFiles, TensorEntry
from gptoss_chat.model.spec import ModelSpec
from gptoss_chat.model.transformer import Transformer
from gptoss_chat.model.upload import Uploader
from gptoss_chat.model.weights import DenseExperts, LayerWeights, Mxfp4Experts

# A model whose weights fit in this as float32 is expanded once, at load: its steps are then free of conversions.
EXPAND_BYTES = 256 << 20
# Overrides the type of a big model's dense matrices: int8 or bf16.
DENSE_VARIABLE = "GPTOSS_CHAT_DENSE"


@dataclass(frozen=True, slots=True)
class Target:
    """A device, what weights and cache may take of its memory, and how much of keys and values is to be cached in all."""

    device: torch.device
    budget_bytes: int
    cache_bytes: int


def is_small(spec: ModelSpec) -> bool:
    """Whether a model is expanded to float32 when it is loaded."""
    return 4 * spec.parameters <= EXPAND_BYTES


def load_model(
    folder: Path,
    *,
    dtype: torch.dtype | None = None,
    progress: Callable[[float], None] | None = None,
    target: Target | None = None,
) -> Transformer:
    """The model in `folder`, either layout, MXFP4 or plain experts; what the CPU keeps of it is read when first used.

    dtype is that of cached keys and values: float32 for models small enough to be expanded, else bfloat16, unless
    given. Arithmetic is always float32. progress gets 0..1. With a `target` as much as its budget holds goes there, and less where
    its memory turns out to be short. Raises CheckpointError naming file and tensor, UsageError where GPTOSS_CHAT_DENSE is
    neither int8 nor bf16, DeviceLostError when the device fails.
    """
    opened = open_checkpoint(folder)
    small = is_small(opened.spec)
    kv_dtype = dtype or (torch.float32 if small else torch.bfloat16)
    prepare = _dense_matrices(small)
    while True:
        placement = _placement(opened, kv_dtype, target)
        try:
            return _build(opened, kv_dtype, prepare, placement, target, progress)
        except RuntimeError as error:
            told = device_error(error)
            if told is None:
                raise
            if target is None or not isinstance(told, DeviceMemoryError):
                raise told from None
        target = replace(target, budget_bytes=target.budget_bytes * 7 // 8)


def _placement(opened: OpenedCheckpoint, kv_dtype: torch.dtype, target: Target | None) -> Placement:
    """What goes on the target. Its speed is measured only where that decides something."""
    layers, small = opened.spec.layers, is_small(opened.spec)
    if target is None:
        return Placement.all(layers, on_device=False)
    stored = opened.entries[opened.wanted[0].parts[0][0]].dtype  # the embedding's stands for all
    dense_bits = 32.0 if small or stored == "F32" else 16.0
    experts_packed = opened.experts == "mxfp4" and not small
    precision = Precision(
        host_dense_bits=8.5 if backend.compiled and not small else dense_bits,
        device_dense_bits=dense_bits,
        expert_bits=4.25 if experts_packed else dense_bits,
        cache_bits=8.0 * kv_dtype.itemsize,
    )
    token_bytes = opened.spec.kv_bytes_per_token // 2 * kv_dtype.itemsize
    parts = parts_of(opened.spec, precision, target.cache_bytes // token_bytes)
    whole = Placement.all(layers, on_device=True)
    if device_bytes(parts, whole) <= target.budget_bytes:
        return whole
    return place(parts, target.budget_bytes, measure_rates(target.device))


def _build(
    opened: OpenedCheckpoint,
    kv_dtype: torch.dtype,
    prepare: Callable[[Tensor], Tensor | Int8Matrix],
    placement: Placement,
    target: Target | None,
    progress: Callable[[float], None] | None,
) -> Transformer:
    spec, entries, files, small = opened.spec, opened.entries, MappedFiles(), is_small(opened.spec)
    tensors: dict[str, Tensor] = {}
    matrices: dict[str, Tensor | Int8Matrix] = {}
    with ExitStack() as stack:
        send: Callable[[Tensor], Tensor] | None = None
        if target is not None and placement.any:
            send = stack.enter_context(closing(Uploader(target.device))).send
        for done, slot in enumerate(opened.wanted, start=1):
            there = _goes_there(slot, placement)
            tensor = _load(slot, entries, files, send if there else None)
            copied = there
            if slot.key.rsplit(".", 1)[-1] in _DENSE:
                # A GPU reads its own type as fast as its memory gives it: nothing is rounded there.
                kept = matrices[slot.key] = (tensor.float() if small else tensor) if there else prepare(tensor)
                copied |= isinstance(kept, Int8Matrix)
            else:
                tensors[slot.key] = tensor
            if copied:
                for name, _ in slot.parts:
                    files.release(entries[name])
            if progress is not None:
                progress(done / len(opened.wanted))
        embedding = tensors["embedding"].float() if small else tensors["embedding"]
        if spec.tied:
            matrices["head"] = send(embedding) if send is not None and placement.head else prepare(embedding)
    return Transformer(
        spec,
        embedding=embedding,
        layers=[_layer(tensors, matrices, layer, opened.experts, small) for layer in range(spec.layers)],
        norm=tensors["norm"].float(),
        head=matrices["head"],
        kv_dtype=kv_dtype,
    )


def _goes_there(slot: Slot, placement: Placement) -> bool:
    """Whether a tensor belongs on the device. The embedding never does: it is read a row a token."""
    if slot.key == "embedding":
        return False
    if slot.key in ("norm", "head"):
        return placement.head
    _, layer, name = slot.key.split(".")
    return placement.holds("attention" if name in _ATTENTION else "experts", int(layer))


_ATTENTION = ("attn_norm", "qkv_w", "qkv_b", "sinks", "out_w", "out_b")
_DENSE = ("qkv_w", "out_w", "head")


def _dense_matrices(small: bool) -> Callable[[Tensor], Tensor | Int8Matrix]:
    """What is done with a dense matrix when it is loaded."""
    wish = os.environ.get(DENSE_VARIABLE) or "int8"
    if wish not in ("int8", "bf16"):
        raise UsageError(f"{DENSE_VARIABLE}={wish} is not a type of weights.", "Possible are int8 and bf16.")
    if small:
        return Tensor.float
    if wish == "bf16" or not backend.compiled:
        return lambda tensor: tensor
    return lambda tensor: tensor if tensor.shape[1] % BLOCK else backend.quantise(tensor)


def _load(
    slot: Slot, entries: dict[str, TensorEntry], files: MappedFiles, send: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    parts = [files.tensor(entries[name]) for name, _ in slot.parts]
    whole = parts[0] if len(parts) == 1 else torch.cat(parts)
    if send is not None:
        whole = send(whole)
    return whole.transpose(1, 2) if slot.transposed else whole


def _layer(
    tensors: dict[str, Tensor],
    matrices: dict[str, Tensor | Int8Matrix],
    layer: int,
    experts: ExpertFormat,
    small: bool,
) -> LayerWeights:
    def get(key: str) -> Tensor:
        return tensors[f"layers.{layer}.{key}"]

    gate_up_b, down_b = get("gate_up_b").float(), get("down_b").float()
    if experts == "mxfp4" and not small:
        packed = [get(key) for key in ("gate_up_blocks", "gate_up_scales", "down_blocks", "down_scales")]
        moe: Mxfp4Experts | DenseExperts = Mxfp4Experts(packed[0], packed[1], gate_up_b, packed[2], packed[3], down_b)
    else:
        if experts == "mxfp4":
            gate_up = dequantise(get("gate_up_blocks"), get("gate_up_scales"))
            down = dequantise(get("down_blocks"), get("down_scales"))
        else:
            gate_up, down = get("gate_up"), get("down")
        if small:  # the strides that the single-token path of the reference kernel gathers without a copy
            gate_up, down = gate_up.float().contiguous(), down.float().transpose(1, 2).contiguous().transpose(1, 2)
        moe = DenseExperts(gate_up, gate_up_b, down, down_b)
    return LayerWeights(
        attn_norm=get("attn_norm").float(),
        qkv_w=matrices[f"layers.{layer}.qkv_w"],
        qkv_b=get("qkv_b").float(),
        sinks=get("sinks").float(),
        out_w=matrices[f"layers.{layer}.out_w"],
        out_b=get("out_b").float(),
        mlp_norm=get("mlp_norm").float(),
        router_w=get("router_w").float(),
        router_b=get("router_b").float(),
        experts=moe,
    )
