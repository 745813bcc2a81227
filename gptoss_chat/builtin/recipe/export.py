"""Writes a trained model as a Hugging Face checkpoint folder: MXFP4 experts, everything else bfloat16.

Knows nothing of training or of the corpus.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from gptoss_chat.builtin.recipe.mxfp4 import pack
from gptoss_chat.builtin.recipe.training_model import Block, ModelShape, TrainingModel


def interleaved(rows: Tensor) -> Tensor:
    """Gates first, then ups -> gate, up, gate, up ... along dimension 1: [E, 2I, ...] -> [E, 2I, ...]."""
    gate, up = rows.chunk(2, dim=1)
    return torch.stack((gate, up), dim=2).flatten(1, 2)


def tensors_of(model: TrainingModel) -> dict[str, Tensor]:
    """The checkpoint's tensors by Hugging Face name: uint8 blocks and scales, the rest bfloat16."""
    shape = model.shape
    heads = [count * shape.head_dim for count in (shape.q_heads, shape.kv_heads, shape.kv_heads)]
    dense: dict[str, Tensor] = {
        "model.embed_tokens.weight": model.embedding,
        "model.norm.weight": model.norm,
        "lm_head.weight": model.head,
    }
    packed: dict[str, Tensor] = {}
    for number, block in enumerate(model.blocks):
        assert isinstance(block, Block)
        prefix = f"model.layers.{number}."
        attention, experts = block.attention, block.experts
        dense[prefix + "input_layernorm.weight"] = block.attention_norm
        dense[prefix + "post_attention_layernorm.weight"] = block.experts_norm
        weights, biases = torch.split(attention.qkv, heads), torch.split(attention.qkv_bias, heads)
        for name, weight, bias in zip("qkv", weights, biases, strict=True):
            dense[f"{prefix}self_attn.{name}_proj.weight"] = weight
            dense[f"{prefix}self_attn.{name}_proj.bias"] = bias
        dense[prefix + "self_attn.o_proj.weight"] = attention.out
        dense[prefix + "self_attn.o_proj.bias"] = attention.out_bias
        dense[prefix + "self_attn.sinks"] = attention.sinks
        dense[prefix + "mlp.router.weight"] = experts.router.weight
        dense[prefix + "mlp.router.bias"] = experts.router.bias
        dense[prefix + "mlp.experts.gate_up_proj_bias"] = interleaved(experts.gate_up_bias)
        dense[prefix + "mlp.experts.down_proj_bias"] = experts.down_bias
        for name, weight in (("gate_up", interleaved(experts.gate_up.detach())), ("down", experts.down.detach())):
            blocks, scales = pack(weight)
            packed[f"{prefix}mlp.experts.{name}_proj_blocks"] = blocks
            packed[f"{prefix}mlp.experts.{name}_proj_scales"] = scales
    return {name: tensor.detach().to(torch.bfloat16).contiguous() for name, tensor in dense.items()} | packed


def config_of(shape: ModelShape, tokenizer: Tokenizer) -> dict[str, Any]:
    """config.json."""
    return {
        "architectures": ["GptOssForCausalLM"],
        "model_type": "gpt_oss",
        "attention_bias": True,
        "attention_dropout": 0.0,
        "eos_token_id": tokenizer.token_to_id("<|return|>"),
        "pad_token_id": tokenizer.token_to_id("<|endoftext|>"),
        "experts_per_token": shape.experts_per_token,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "initial_context_length": shape.original_context,
        "initializer_range": 0.02,
        "intermediate_size": shape.intermediate,
        "layer_types": shape.layer_types,
        "max_position_embeddings": shape.context,
        "num_attention_heads": shape.q_heads,
        "num_experts_per_tok": shape.experts_per_token,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "num_local_experts": shape.experts,
        "output_router_logits": False,
        "quantization_config": {
            "modules_to_not_convert": [
                "model.layers.*.self_attn",
                "model.layers.*.mlp.router",
                "model.embed_tokens",
                "lm_head",
            ],
            "quant_method": "mxfp4",
        },
        "rms_norm_eps": shape.eps,
        "rope_scaling": {
            "beta_fast": shape.beta_fast,
            "beta_slow": shape.beta_slow,
            "factor": shape.yarn_factor,
            "original_max_position_embeddings": shape.original_context,
            "rope_type": "yarn",
            "truncate": False,
        },
        "rope_theta": shape.rope_theta,
        "router_aux_loss_coef": 0.0,
        "sliding_window": shape.window,
        "swiglu_limit": shape.swiglu_limit,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": shape.vocab,
    }


def export(model: TrainingModel, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes config.json, generation_config.json, model.safetensors and tokenizer.json into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    stops = [tokenizer.token_to_id(name) for name in ("<|return|>", "<|endoftext|>", "<|call|>")]
    generation = {
        "do_sample": False,
        "eos_token_id": stops,
        "pad_token_id": tokenizer.token_to_id("<|endoftext|>"),
    }
    for name, value in (("config.json", config_of(model.shape, tokenizer)), ("generation_config.json", generation)):
        (folder / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    save_file(tensors_of(model), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
