"""Random checkpoints on disk, in either layout: for tests, and to time a size before its download.

Written a slice at a time, so that a 60 GiB checkpoint needs no memory. The same seed gives the same weights in both
layouts. Scales are such that activations stay near 1.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gptoss_chat.errors import MemoryLimitError, UsageError
from gptoss_chat.model.layout import ExpertFormat, Layout, Slot, slots
from gptoss_chat.model.spec import FULL, SLIDING, ModelSpec, RopeSpec

_SLICE_BYTES = 16 << 20
_RESERVE_BYTES = 256 << 20
# rms of a uniformly drawn MXFP4 code
_CODE_RMS = 2.926
_STOPS = (199999, 200002, 200012)
# As in the published config.json.
_MXFP4 = {
    "quant_method": "mxfp4",
    "modules_to_not_convert": [
        "model.layers.*.self_attn",
        "model.layers.*.mlp.router",
        "model.embed_tokens",
        "lm_head",
    ],
}


def preset(name: str) -> ModelSpec:
    """The spec of "20b", "120b" (as published) or "tiny". Raises UsageError for another name."""
    sizes = {"20b": (24, 32), "120b": (36, 128)}
    if name in sizes:
        layers, experts = sizes[name]
        return ModelSpec(
            layers=layers, hidden=2880, intermediate=2880, experts=experts, experts_per_token=4, q_heads=64,
            kv_heads=8, head_dim=64, vocab=201088, window=128, layer_types=_alternating(layers),
            rope=RopeSpec(150000.0, factor=32.0), swiglu_limit=7.0, eps=1e-5, context_limit=131072, tied=False,
            eos_ids=_STOPS,
        )  # fmt: skip
    if name == "tiny":
        return ModelSpec(
            layers=3, hidden=96, intermediate=64, experts=7, experts_per_token=3, q_heads=6, kv_heads=2,
            head_dim=20, vocab=301, window=9, layer_types=_alternating(3), rope=RopeSpec(10000.0), swiglu_limit=7.0,
            eps=1e-5, context_limit=4096, tied=False,
        )  # fmt: skip
    raise UsageError(f"There is no synthetic model {name!r}.", "Known: 20b, 120b, tiny.")


def write_synthetic(
    folder: Path,
    spec: ModelSpec | str = "tiny",
    seed: int = 0,
    layout: Layout = "hf",
    experts: Literal["mxfp4", "bf16"] = "mxfp4",
    shards: int = 1,
    *,
    hollow: bool = False,
    progress: Callable[[float], None] | None = None,
) -> ModelSpec:
    """Write config.json and *.safetensors of random bf16 / MXFP4 weights into `folder` (made if missing).

    With `hollow` the experts' packed weights are holes in the file, which read as zeros and take no disk: the size of a model
    that the disk can't hold, with its true routers.
    Raises MemoryLimitError where the disk lacks the space, UsageError for a preset that does not exist or a folder
    that already holds a checkpoint.
    """
    spec = preset(spec) if isinstance(spec, str) else spec
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "config.json").exists() or any(folder.glob("*.safetensors")):
        raise UsageError(f"{folder} already holds a model.", "Choose an empty folder.")
    expert_format: ExpertFormat = "mxfp4" if experts == "mxfp4" else "dense"
    wanted = slots(spec, layout, expert_format)
    total = sum(_slot_bytes(slot) for slot in wanted if not (hollow and slot.packed))
    free = shutil.disk_usage(folder).free
    if total + _RESERVE_BYTES > free:
        raise MemoryLimitError(f"{folder} has {free / 1e9:.1f} GB free, and this model needs {total / 1e9:.1f} GB.")
    groups = [group for group in (wanted[i::shards] for i in range(shards)) if group]
    names = [f"model-{i:05d}-of-{len(groups):05d}.safetensors" for i in range(1, len(groups) + 1)]
    if len(groups) == 1:
        names = ["model.safetensors"]
    written = 0
    for name, group in zip(names, groups, strict=True):
        with (folder / name).open("wb") as file:
            file.write(_header(group))
            for slot in group:
                if hollow and slot.packed:
                    file.seek(_slot_bytes(slot), os.SEEK_CUR)
                    continue
                for piece in _pieces(slot, seed):
                    file.write(piece.data)
                    written += piece.nbytes
                    if progress is not None:
                        progress(written / total)
            file.truncate()  # a hole at the end counts, too
    if len(groups) > 1:
        weight_map = {
            part: name for name, group in zip(names, groups, strict=True) for slot in group for part, _ in slot.parts
        }
        _write_json(folder / "model.safetensors.index.json", {"weight_map": weight_map})
    packed = {"quantization_config": _MXFP4} if layout == "hf" and expert_format == "mxfp4" else {}
    _write_json(folder / "config.json", config_of(spec, layout) | packed)
    return spec


def config_of(spec: ModelSpec, layout: Layout) -> dict[str, Any]:
    """config.json of a spec in a layout's dialect. The original dialect has no eos ids, layer types or tied head."""
    rope = spec.rope
    shared = {
        "num_hidden_layers": spec.layers,
        "hidden_size": spec.hidden,
        "intermediate_size": spec.intermediate,
        "experts_per_token": spec.experts_per_token,
        "num_attention_heads": spec.q_heads,
        "num_key_value_heads": spec.kv_heads,
        "head_dim": spec.head_dim,
        "vocab_size": spec.vocab,
        "sliding_window": spec.window,
        "swiglu_limit": spec.swiglu_limit,
        "initial_context_length": rope.original_context if rope.factor else spec.context_limit,
        "rope_theta": rope.theta,
    }
    if layout == "original":
        return shared | {
            "num_experts": spec.experts,
            "rope_scaling_factor": rope.factor or 1.0,
            "rope_ntk_alpha": rope.beta_slow,
            "rope_ntk_beta": rope.beta_fast,
        }
    scaling: dict[str, Any] = {"rope_type": "default"}
    if rope.factor is not None:
        scaling = {
            "rope_type": "yarn",
            "factor": rope.factor,
            "beta_fast": rope.beta_fast,
            "beta_slow": rope.beta_slow,
            "original_max_position_embeddings": rope.original_context,
            "truncate": rope.truncate,
        }
        if rope.attention_factor is not None:
            scaling["attention_factor"] = rope.attention_factor
    return shared | {
        "architectures": ["GptOssForCausalLM"],
        "model_type": "gpt_oss",
        "num_local_experts": spec.experts,
        "num_experts_per_tok": spec.experts_per_token,
        "layer_types": list(spec.layer_types),
        "rope_scaling": scaling,
        "rms_norm_eps": spec.eps,
        "max_position_embeddings": spec.context_limit,
        "tie_word_embeddings": spec.tied,
        "attention_bias": True,
        "hidden_act": "silu",
        "eos_token_id": list(spec.eos_ids) or None,
    }


def _alternating(layers: int) -> tuple[str, ...]:
    return tuple(FULL if layer % 2 else SLIDING for layer in range(layers))


def _itemsize(slot: Slot) -> int:
    return 1 if slot.packed else 2


def _slot_bytes(slot: Slot) -> int:
    return math.prod(slot.shape) * _itemsize(slot)


def _header(group: list[Slot]) -> bytes:
    header: dict[str, Any] = {}
    offset = 0
    for slot in group:
        for name, rows in slot.parts:
            shape = slot.stored_shape(rows)
            end = offset + math.prod(shape) * _itemsize(slot)
            header[name] = {"dtype": "U8" if slot.packed else "BF16", "shape": shape, "data_offsets": [offset, end]}
            offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _pieces(slot: Slot, seed: int) -> Iterator[NDArray[Any]]:
    """The bytes of a slot in file order, in slices along axis 0 whose size depends only on the logical shape."""
    rng = np.random.Generator(np.random.SFC64([seed, zlib.crc32(slot.key.encode())]))
    row_bytes = _slot_bytes(slot) // slot.shape[0]
    step = 1 if len(slot.shape) > 2 else max(1, _SLICE_BYTES // row_bytes)
    for a in range(0, slot.shape[0], step):
        shape = (min(step, slot.shape[0] - a), *slot.shape[1:])
        piece = _draw(slot, shape, rng)
        yield np.ascontiguousarray(piece.swapaxes(1, 2)) if slot.transposed else piece


def _draw(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    kind = slot.key.rsplit(".", 1)[-1]
    count = math.prod(shape)
    if kind.endswith("_blocks"):
        return np.frombuffer(rng.bytes(count), np.uint8).reshape(shape)
    if kind.endswith("_scales"):
        inputs = shape[-1] * 32
        exponent = round(math.log2(1 / (_CODE_RMS * math.sqrt(inputs))))
        return rng.integers(126 + exponent, 129 + exponent, shape, dtype=np.uint8)
    if kind.endswith("norm"):
        return _bf16(1 + 0.1 * rng.standard_normal(shape, np.float32))
    if len(shape) == 1 or kind.endswith("_b"):
        return _bf16(0.2 * rng.standard_normal(shape, np.float32))
    deviation = 1.0 if kind == "embedding" else 1 / math.sqrt(slot.shape[-1])
    # Random bits become sign and mantissa of +-[1, 2) x 2^e: ten times faster than normals, and good enough.
    exponent = round(math.log2(deviation / 1.53))
    bits = np.frombuffer(rng.bytes(2 * count), np.uint16) & 0x807F
    return (bits | np.uint16((127 + exponent) << 7)).reshape(shape)


def _bf16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    return (values.view(np.uint32) >> 16).astype(np.uint16)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
