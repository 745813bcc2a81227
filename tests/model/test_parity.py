"""The forward pass equals transformers' GptOssForCausalLM on the same weights, in float32."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from gptoss_chat.model.route import NO_EXPERT, parse_route
from gptoss_chat.model.spec import ModelSpec
from gptoss_chat.model.synthetic import config_of
from gptoss_chat.model.transformer import Transformer

from .conftest import CASES, Case, run, token_ids


def _unpack(blocks: Tensor, scales: Tensor) -> Tensor:
    """MXFP4 to float32 [E, inputs, rows] the way transformers does it."""
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    return convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)


def _peer_weights(folder: Path, spec: ModelSpec) -> dict[str, Tensor]:
    """The folder's tensors under transformers' names, unpacked, read by the safetensors package."""
    found: dict[str, Tensor] = {}
    for path in folder.glob("*.safetensors"):
        found |= load_file(path)
    renamed = {"embedding.weight": "model.embed_tokens.weight", "norm.scale": "model.norm.weight"}
    renamed["unembedding.weight"] = "lm_head.weight"
    inner = {
        "attn.norm.scale": "input_layernorm.weight",
        "attn.out.": "self_attn.o_proj.",
        "attn.sinks": "self_attn.sinks",
        "mlp.norm.scale": "post_attention_layernorm.weight",
        "mlp.gate.": "mlp.router.",
        "mlp.mlp1_weight": "mlp.experts.gate_up_proj",
        "mlp.mlp1_bias": "mlp.experts.gate_up_proj_bias",
        "mlp.mlp2_weight": "mlp.experts.down_proj",
        "mlp.mlp2_bias": "mlp.experts.down_proj_bias",
        ".blocks": "_blocks",
        ".scales": "_scales",
    }
    weights: dict[str, Tensor] = {}
    for name, value in found.items():
        if name.startswith("block."):
            name = "model.layers." + name.removeprefix("block.")
            dense_original = name.endswith(("mlp1_weight", "mlp2_weight"))
            for ours, theirs in inner.items():
                name = name.replace(ours, theirs)
            if dense_original:
                value = value.transpose(1, 2)
        weights[renamed.get(name, name)] = value
    for name in [name for name in weights if name.endswith("_blocks")]:
        stem = name.removesuffix("_blocks")
        weights[stem] = _unpack(weights.pop(name), weights.pop(f"{stem}_scales"))
    for name in [name for name in weights if ".attn.qkv." in name]:
        sizes = [spec.q_heads * spec.head_dim, *[spec.kv_heads * spec.head_dim] * 2]
        for letter, part in zip("qkv", weights.pop(name).split(sizes), strict=True):
            weights[name.replace("attn.qkv", f"self_attn.{letter}_proj")] = part
    if spec.tied:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    return {name: value.float() for name, value in weights.items()}


def test_logits_and_routing_equal_transformers(case: Case, load: Callable[[Path], Transformer], tmp_path: Path) -> None:
    """Logits within 1e-4 at every position, expert ids equal, expert weights to float16, for every checkpoint."""
    transformers = pytest.importorskip("transformers")
    folder = case.write(tmp_path / "model")
    config = transformers.GptOssConfig(
        **config_of(case.spec, "hf"), attn_implementation="eager", experts_implementation="eager"
    )
    peer = transformers.GptOssForCausalLM(config).float().eval()
    peer.load_state_dict(_peer_weights(folder, case.spec), strict=True)
    routed: list[tuple[Tensor, Tensor]] = []
    for block in peer.model.layers:
        block.mlp.router.register_forward_hook(lambda _module, _inputs, output: routed.append(output[1:]))
    ids_T = token_ids(case.spec)
    with torch.no_grad():
        expected_TV = peer(ids_T[None]).logits[0]

    logits_TV, experts_TLK, weights_TLK = run(load(folder), ids_T, chunk=len(ids_T))

    assert (logits_TV - expected_TV).abs().max() < 1e-4
    assert expected_TV.std() > 0.1  # the comparison means something
    assert torch.equal(experts_TLK, torch.stack([ids for _, ids in routed], dim=1).to(torch.uint8))
    torch.testing.assert_close(
        weights_TLK, torch.stack([scores for scores, _ in routed], dim=1).half(), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("count", [1, 2, 5])
def test_other_topk_equals_a_transformers_model_of_that_k(
    count: int, load: Callable[[Path], Transformer], tmp_path: Path
) -> None:
    """The rule `topk k` on a model of 3 is what transformers computes when its config says k: logits, ids and weights."""
    transformers = pytest.importorskip("transformers")
    case = CASES[0]
    folder = case.write(tmp_path / "model")
    config = transformers.GptOssConfig(
        **{**config_of(case.spec, "hf"), "num_experts_per_tok": count},
        attn_implementation="eager",
        experts_implementation="eager",
    )
    peer = transformers.GptOssForCausalLM(config).float().eval()
    peer.load_state_dict(_peer_weights(folder, case.spec), strict=True)
    routed: list[tuple[Tensor, Tensor]] = []
    logits: list[Tensor] = []
    for block in peer.model.layers:
        block.mlp.router.register_forward_hook(lambda _module, _inputs, output: routed.append(output[1:]))
        block.mlp.router.register_forward_hook(
            lambda router, inputs, _output: logits.append(
                torch.nn.functional.linear(inputs[0].reshape(-1, case.spec.hidden), router.weight, router.bias)
            )
        )
    ids_T = token_ids(case.spec)
    with torch.no_grad():
        expected_TV = peer(ids_T[None]).logits[0]

    model = load(folder)
    steering = model.steering_for(parse_route(f"topk {count}"))
    table, entropy_TL = torch.arange(3, dtype=torch.int32), torch.empty(len(ids_T), case.spec.layers)
    logits_TV, experts_TLK, weights_TLK = model.forward(
        ids_T, 0, table, model.new_kv_pool(3), all_logits=True, steering=steering, entropy_out=entropy_TL
    )

    assert (logits_TV - expected_TV).abs().max() < 1e-4
    assert experts_TLK.shape[2] == max(count, case.spec.experts_per_token)
    assert torch.equal(experts_TLK[..., :count], torch.stack([ids for ids, _ in _by_id(routed)], dim=1).to(torch.uint8))
    want_TLK = torch.stack([scores for _, scores in _by_id(routed)], dim=1).half()
    torch.testing.assert_close(weights_TLK[..., :count], want_TLK, atol=1e-3, rtol=0)
    assert (experts_TLK[..., count:] == NO_EXPERT).all()
    p_TLE = torch.stack(logits, dim=1).double().softmax(-1)
    torch.testing.assert_close(entropy_TL.double(), -(p_TLE * p_TLE.log2()).sum(-1), atol=1e-4, rtol=0)


def _by_id(routed: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """(ids, weights) of each layer; the router's hook gives (weights, ids)."""
    return [(ids, scores) for scores, ids in routed]


def test_spec_read_back_equals_what_was_written(case: Case, tmp_path: Path) -> None:
    """config.json in either dialect gives the spec again (the original one has no stops, tied head or truncation)."""
    folder = case.write(tmp_path / "model")
    assert ModelSpec.read(folder) == case.spec
    assert ("model_type" in json.loads((folder / "config.json").read_text())) == (case.layout == "hf")
