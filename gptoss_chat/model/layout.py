"""The names and shapes of every tensor of a checkpoint, in both published layouts; it opens no file, needs no torch.

Shapes: D hidden, F intermediate, E experts, H / G query / key-value heads, C head size, V vocabulary, B = 32 a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gptoss_chat.model.spec import ModelSpec

Layout = Literal["hf", "original"]
ExpertFormat = Literal["mxfp4", "dense"]
MXFP4_BLOCK, MXFP4_BLOCK_BYTES = 32, 16


@dataclass(frozen=True, slots=True)
class Slot:
    """One logical tensor of the model and the tensors that hold it in a layout.

    key: our name (`layers.3.qkv_w`). shape: the logical shape. parts: (name in the file, rows of it), stacked along
    axis 0. transposed: the file holds [E, columns, rows] of a logical [E, rows, columns]. packed: uint8 MXFP4 data.
    """

    key: str
    shape: tuple[int, ...]
    parts: tuple[tuple[str, int], ...]
    transposed: bool = False
    packed: bool = False

    def stored_shape(self, rows: int) -> tuple[int, ...]:
        """The shape in the file of a part with so many rows."""
        if self.transposed:
            return (self.shape[0], self.shape[2], self.shape[1])
        return (rows, *self.shape[1:])


def slots(spec: ModelSpec, layout: Layout, experts: ExpertFormat) -> list[Slot]:
    """Every tensor that a checkpoint of this spec must hold, in the order of the forward pass."""
    found = [_whole("embedding", (spec.vocab, spec.hidden), _TOP[layout][0])]
    for layer in range(spec.layers):
        found += _layer(spec, layer, layout, experts)
    found.append(_whole("norm", (spec.hidden,), _TOP[layout][1]))
    if not spec.tied:
        found.append(_whole("head", (spec.vocab, spec.hidden), _TOP[layout][2]))
    return found


# embedding, final norm, head
_TOP: dict[Layout, tuple[str, str, str]] = {
    "hf": ("model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"),
    "original": ("embedding.weight", "norm.scale", "unembedding.weight"),
}
_LAYER: dict[Layout, dict[str, str]] = {
    "hf": {
        "attn_norm": "input_layernorm.weight",
        "out_w": "self_attn.o_proj.weight",
        "out_b": "self_attn.o_proj.bias",
        "sinks": "self_attn.sinks",
        "mlp_norm": "post_attention_layernorm.weight",
        "router_w": "mlp.router.weight",
        "router_b": "mlp.router.bias",
        "gate_up": "mlp.experts.gate_up_proj",
        "gate_up_blocks": "mlp.experts.gate_up_proj_blocks",
        "gate_up_scales": "mlp.experts.gate_up_proj_scales",
        "gate_up_b": "mlp.experts.gate_up_proj_bias",
        "down": "mlp.experts.down_proj",
        "down_blocks": "mlp.experts.down_proj_blocks",
        "down_scales": "mlp.experts.down_proj_scales",
        "down_b": "mlp.experts.down_proj_bias",
    },
    "original": {
        "attn_norm": "attn.norm.scale",
        "out_w": "attn.out.weight",
        "out_b": "attn.out.bias",
        "sinks": "attn.sinks",
        "mlp_norm": "mlp.norm.scale",
        "router_w": "mlp.gate.weight",
        "router_b": "mlp.gate.bias",
        "gate_up": "mlp.mlp1_weight",
        "gate_up_blocks": "mlp.mlp1_weight.blocks",
        "gate_up_scales": "mlp.mlp1_weight.scales",
        "gate_up_b": "mlp.mlp1_bias",
        "down": "mlp.mlp2_weight",
        "down_blocks": "mlp.mlp2_weight.blocks",
        "down_scales": "mlp.mlp2_weight.scales",
        "down_b": "mlp.mlp2_bias",
    },
}


def layer_prefix(layout: Layout, layer: int) -> str:
    """What the names of a layer's tensors begin with."""
    return f"model.layers.{layer}." if layout == "hf" else f"block.{layer}."


def _whole(key: str, shape: tuple[int, ...], name: str, *, transposed: bool = False, packed: bool = False) -> Slot:
    return Slot(key, shape, ((name, shape[0]),), transposed, packed)


def _layer(spec: ModelSpec, layer: int, layout: Layout, experts: ExpertFormat) -> list[Slot]:
    D, F, E = spec.hidden, spec.intermediate, spec.experts
    q_rows, kv_rows = spec.q_heads * spec.head_dim, spec.kv_heads * spec.head_dim
    prefix, names = layer_prefix(layout, layer), _LAYER[layout]

    def whole(key: str, *shape: int, transposed: bool = False, packed: bool = False) -> Slot:
        return _whole(f"layers.{layer}.{key}", shape, prefix + names[key], transposed=transposed, packed=packed)

    def qkv(key: str, suffix: str, *tail: int) -> Slot:
        rows = q_rows + 2 * kv_rows
        parts: tuple[tuple[str, int], ...] = ((f"{prefix}attn.qkv.{suffix}", rows),)
        if layout == "hf":
            sizes = zip("qkv", (q_rows, kv_rows, kv_rows), strict=True)
            parts = tuple((f"{prefix}self_attn.{letter}_proj.{suffix}", size) for letter, size in sizes)
        return Slot(f"layers.{layer}.{key}", (rows, *tail), parts)

    def matrix(key: str, rows: int, columns: int) -> list[Slot]:
        if experts == "dense":
            return [whole(key, E, rows, columns, transposed=layout == "hf")]
        groups = columns // MXFP4_BLOCK
        return [
            whole(f"{key}_blocks", E, rows, groups, MXFP4_BLOCK_BYTES, packed=True),
            whole(f"{key}_scales", E, rows, groups, packed=True),
        ]

    return [
        whole("attn_norm", D),
        qkv("qkv_w", "weight", D),
        qkv("qkv_b", "bias"),
        whole("sinks", spec.q_heads),
        whole("out_w", D, q_rows),
        whole("out_b", D),
        whole("mlp_norm", D),
        whole("router_w", E, D),
        whole("router_b", E),
        *matrix("gate_up", 2 * F, D),
        whole("gate_up_b", E, 2 * F),
        *matrix("down", D, F),
        whole("down_b", E, D),
    ]
