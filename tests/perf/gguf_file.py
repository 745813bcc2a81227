"""Writes a gpt-oss checkpoint as a GGUF for llama.cpp and its kin (needs the package gguf); it knows nothing of running one.

Shapes as in `model.layout`: E experts, O outputs, G blocks of 32 inputs.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gptoss_chat.errors import UsageError
from gptoss_chat.kernels.mxfp4 import dequantise
from gptoss_chat.model.opening import OpenedCheckpoint, open_checkpoint
from gptoss_chat.model.safetensors_file import MappedFiles
from gptoss_chat.model.spec import FULL, SLIDING, ModelSpec


@dataclass(frozen=True, slots=True)
class Rounding:
    """Which matrices are stored rounded: all else is float32, and so exactly what a checkpoint holds."""

    experts: bool
    """MXFP4, with the checkpoint's own codes and scales."""
    dense: bool
    """Projections of attention and the head: Q8_0."""
    embedding: bool
    """Q8_0, too."""


def write_gguf(path: Path, folder: Path, rounding: Rounding) -> None:
    """The checkpoint in `folder` (MXFP4 experts), with no vocabulary: for token ids only.

    Raises UsageError where gguf is not installed or the format can't say what config.json says.
    """
    try:
        gguf: Any = importlib.import_module("gguf")
    except ImportError:
        raise UsageError("The package gguf is not installed.", "pip install gguf") from None
    opened = open_checkpoint(folder)
    writer = gguf.GGUFWriter(str(path), "gpt-oss")
    _describe(writer, opened.spec, gguf)
    q8_0 = gguf.GGMLQuantizationType.Q8_0
    for name, tensor in _tensors(opened):
        if isinstance(tensor, tuple):
            if rounding.experts:
                writer.add_tensor(name, packed(*tensor), raw_dtype=gguf.GGMLQuantizationType.MXFP4)
                continue
            tensor = dequantise(*tensor)
        values = tensor.float().numpy()
        if values.ndim == 2 and (
            rounding.embedding if name == "token_embd.weight" else rounding.dense and name.endswith(_DENSE)
        ):
            writer.add_tensor(name, gguf.quants.quantize(values, q8_0), raw_dtype=q8_0)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


_DENSE = ("attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight", "output.weight")


def packed(blocks: Tensor, scales: Tensor) -> NDArray[np.uint8]:
    """uint8 [E, O, G * 17] of uint8 blocks [E, O, G, 16] and scales [E, O, G].

    ggml puts a block's scale before its codes, and values 0..15 in the low nibbles where the checkpoint has the even ones.
    """
    codes = torch.stack([blocks & 15, blocks >> 4], dim=-1).flatten(-2)  # [E, O, G, 32], in order
    nibbles = codes[..., :16] | codes[..., 16:] << 4
    whole: NDArray[np.uint8] = torch.cat([scales[..., None], nibbles], dim=-1).flatten(-2).numpy()
    return whole


def _describe(writer: Any, spec: ModelSpec, gguf: Any) -> None:
    rope = spec.rope
    if rope.factor is None or not rope.truncate or rope.attention_factor is not None:
        raise UsageError("A GGUF of gpt-oss knows only YaRN whose range is rounded to whole dimensions.")
    if spec.swiglu_limit != 7 or spec.layer_types != tuple((SLIDING, FULL)[layer % 2] for layer in range(spec.layers)):
        raise UsageError("A GGUF of gpt-oss knows only a SwiGLU limit of 7, and windows in every second layer.")
    writer.add_context_length(spec.context_limit)
    writer.add_embedding_length(spec.hidden)
    writer.add_block_count(spec.layers)
    writer.add_feed_forward_length(spec.intermediate)
    writer.add_expert_feed_forward_length(spec.intermediate)
    writer.add_head_count(spec.q_heads)
    writer.add_head_count_kv(spec.kv_heads)
    writer.add_key_length(spec.head_dim)
    writer.add_value_length(spec.head_dim)
    writer.add_layer_norm_rms_eps(spec.eps)
    writer.add_expert_count(spec.experts)
    writer.add_expert_used_count(spec.experts_per_token)
    writer.add_sliding_window(spec.window)
    writer.add_rope_freq_base(rope.theta)
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(rope.factor)
    writer.add_rope_scaling_orig_ctx_len(rope.original_context)
    writer.add_rope_scaling_yarn_beta_fast(rope.beta_fast)
    writer.add_rope_scaling_yarn_beta_slow(rope.beta_slow)
    writer.add_vocab_size(spec.vocab)
    writer.add_tokenizer_model("no_vocab")


_NAMES = {
    "attn_norm": "attn_norm.weight",
    "sinks": "attn_sinks.weight",
    "out_w": "attn_output.weight",
    "out_b": "attn_output.bias",
    "mlp_norm": "post_attention_norm.weight",
    "router_w": "ffn_gate_inp.weight",
    "router_b": "ffn_gate_inp.bias",
    "down_b": "ffn_down_exps.bias",
}


def _tensors(opened: OpenedCheckpoint) -> Iterator[tuple[str, Tensor | tuple[Tensor, Tensor]]]:
    """Names and values; of packed experts their blocks and scales."""
    files = MappedFiles()
    spec = opened.spec
    held = {
        slot.key: torch.cat([files.tensor(opened.entries[name]) for name, _ in slot.parts]) for slot in opened.wanted
    }
    yield "token_embd.weight", held["embedding"]
    yield "output_norm.weight", held["norm"]
    yield "output.weight", held["embedding" if spec.tied else "head"]
    q_rows, kv_rows = spec.q_heads * spec.head_dim, spec.kv_heads * spec.head_dim
    for layer in range(spec.layers):
        ours, theirs = f"layers.{layer}.", f"blk.{layer}."
        for key, name in _NAMES.items():
            yield theirs + name, held[ours + key]
        for key, suffix in (("qkv_w", "weight"), ("qkv_b", "bias")):
            for letter, part in zip("qkv", torch.split(held[ours + key], [q_rows, kv_rows, kv_rows]), strict=True):
                yield f"{theirs}attn_{letter}.{suffix}", part
        blocks, scales = held[ours + "gate_up_blocks"], held[ours + "gate_up_scales"]
        for first, name in enumerate(("gate", "up")):  # rows in turns
            yield f"{theirs}ffn_{name}_exps.weight", (blocks[:, first::2], scales[:, first::2])
            yield f"{theirs}ffn_{name}_exps.bias", held[ours + "gate_up_b"][:, first::2]
        yield theirs + "ffn_down_exps.weight", (held[ours + "down_blocks"], held[ours + "down_scales"])
