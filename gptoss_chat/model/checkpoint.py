"""From a folder of safetensors to a Transformer: finds, checks and maps every tensor; knows not where models live.

Weights stay memory-mapped in the type the checkpoint holds, with two exceptions: a whole model that is small is expanded
to float32, and where compiled kernels run a big one's dense matrices are rounded to int8, which halves what is read for
every token.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from gptoss_chat.errors import CheckpointError, UsageError
from gptoss_chat.kernels import backend
from gptoss_chat.kernels.int8 import BLOCK, Int8Matrix
from gptoss_chat.kernels.mxfp4 import dequantise
from gptoss_chat.model.layout import MXFP4_BLOCK, ExpertFormat, Layout, Slot, layer_prefix, slots
from gptoss_chat.model.safetensors_file import MappedFiles, TensorEntry, read_entries
from gptoss_chat.model.spec import ModelSpec
from gptoss_chat.model.transformer import Transformer
from gptoss_chat.model.weights import DenseExperts, LayerWeights, Mxfp4Experts

# A model whose weights fit in this as float32 is expanded once, at load: its steps are then free of conversions.
EXPAND_BYTES = 256 << 20
# Overrides the type of a big model's dense matrices: int8 or bf16.
DENSE_VARIABLE = "GPTOSS_CHAT_DENSE"
_INDEX = "model.safetensors.index.json"
_FLOATS = ("BF16", "F16", "F32")


def load_model(
    folder: Path, *, dtype: torch.dtype | None = None, progress: Callable[[float], None] | None = None
) -> Transformer:
    """The model in `folder`, either layout, MXFP4 or plain experts; returns at once, pages are read when first used.

    dtype is that of cached keys and values: float32 for models small enough to be expanded, else bfloat16, unless
    given. Arithmetic is always float32. progress gets 0..1. Raises CheckpointError naming file and tensor, UsageError
    where GPTOSS_CHAT_DENSE is neither int8 nor bf16.
    """
    spec = ModelSpec.read(folder)
    entries = _find_entries(folder)
    layout, experts = _recognise(entries, folder)
    if experts == "mxfp4" and (spec.hidden % MXFP4_BLOCK or spec.intermediate % MXFP4_BLOCK):
        raise CheckpointError(
            f"{folder / 'config.json'}: MXFP4 experts need hidden_size and intermediate_size to be multiples of "
            f"{MXFP4_BLOCK}."
        )
    wanted = slots(spec, layout, experts)
    for slot in wanted:
        _check(slot, entries, folder)
    files = MappedFiles()
    small = 4 * spec.parameters <= EXPAND_BYTES
    prepare = _dense_matrices(small)
    tensors: dict[str, Tensor] = {}
    matrices: dict[str, Tensor | Int8Matrix] = {}
    for done, slot in enumerate(wanted, start=1):
        tensor = _load(slot, entries, files)
        if slot.key.rsplit(".", 1)[-1] in _DENSE:
            matrices[slot.key] = prepare(tensor)
            if isinstance(matrices[slot.key], Int8Matrix):
                for name, _ in slot.parts:
                    files.release(entries[name])
        else:
            tensors[slot.key] = tensor
        if progress is not None:
            progress(done / len(wanted))
    embedding = tensors["embedding"].float() if small else tensors["embedding"]
    return Transformer(
        spec,
        embedding=embedding,
        layers=[_layer(tensors, matrices, layer, experts, small) for layer in range(spec.layers)],
        norm=tensors["norm"].float(),
        head=prepare(embedding) if spec.tied else matrices["head"],
        kv_dtype=dtype or (torch.float32 if small else torch.bfloat16),
    )


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


def _find_entries(folder: Path) -> dict[str, TensorEntry]:
    """Every tensor of the folder by name: of the files that the index names or, without one, of all *.safetensors."""
    index = folder / _INDEX
    paths = sorted(folder.glob("*.safetensors"))
    promised: dict[str, str] = {}
    if index.is_file():
        promised = _read_index(index)
        paths = [folder / name for name in sorted(set(promised.values()))]
    if not paths:
        raise CheckpointError(
            f"{folder} holds no *.safetensors file.",
            "Weights in pickle formats (.bin, .pt, .pth) are never opened: convert them to safetensors.",
        )
    entries: dict[str, TensorEntry] = {}
    for path in paths:
        if not path.is_file():
            missing = next((name for name, file in promised.items() if file == path.name), "")
            raise CheckpointError(
                f"{path} is missing, and {_INDEX} says that it holds {missing}.",
                "Resume the download.",
            )
        entries.update(read_entries(path))
    for name, file in promised.items():
        if name not in entries or entries[name].file.name != file:
            raise CheckpointError(f"{index} says that {file} holds tensor {name}, and it does not.")
    return entries


def _read_index(path: Path) -> dict[str, str]:
    try:
        weight_map = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not a safetensors index.", "Download it again.") from error
    sound = isinstance(weight_map, dict) and all(
        isinstance(file, str) and Path(file).name == file for file in weight_map.values()
    )
    if not sound:
        raise CheckpointError(f"{path} is not a safetensors index: weight_map must name files beside it.")
    return dict(weight_map)


def _recognise(entries: dict[str, TensorEntry], folder: Path) -> tuple[Layout, ExpertFormat]:
    prefixes: dict[Layout, str] = {layout: layer_prefix(layout, 0) for layout in ("hf", "original")}
    for layout, prefix in prefixes.items():
        names = [name for name in entries if name.startswith(prefix)]
        if names:
            packed = any(name.endswith(("_blocks", ".blocks")) for name in names)
            return layout, "mxfp4" if packed else "dense"
    raise CheckpointError(
        f"{folder} holds neither {prefixes['hf']}* nor {prefixes['original']}* tensors, so it is no gpt-oss checkpoint."
    )


def _check(slot: Slot, entries: dict[str, TensorEntry], folder: Path) -> None:
    allowed = ("U8",) if slot.packed else _FLOATS
    for name, rows in slot.parts:
        entry = entries.get(name)
        if entry is None:
            raise CheckpointError(
                f"{folder} is incomplete: no *.safetensors file in it holds tensor {name}.",
                "Download what is missing.",
            )
        expected = slot.stored_shape(rows)
        if entry.shape != expected:
            raise CheckpointError(
                f"{entry.file}: tensor {name} has shape {list(entry.shape)}, and config.json implies {list(expected)}."
            )
        if entry.dtype not in allowed:
            raise CheckpointError(
                f"{entry.file}: tensor {name} has type {entry.dtype}, and {' or '.join(allowed)} was expected."
            )


def _load(slot: Slot, entries: dict[str, TensorEntry], files: MappedFiles) -> Tensor:
    parts = [files.tensor(entries[name]) for name, _ in slot.parts]
    whole = parts[0] if len(parts) == 1 else torch.cat(parts)
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
