"""A checkpoint that is not what it says gives one sentence that names the file and the tensor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gptoss_chat.errors import CheckpointError
from gptoss_chat.model.checkpoint import load_model

from .conftest import Case, spec

ROUTER = "model.layers.1.mlp.router.weight"
BLOCKS = "model.layers.2.mlp.experts.down_proj_blocks"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Case("one", spec()).write(tmp_path / "model")


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    return Case("three", spec(), shards=3).write(tmp_path / "model")


def complaint(folder: Path) -> str:
    """What load_model says; always one line, and always naming a path in the folder."""
    with pytest.raises(CheckpointError) as caught:
        load_model(folder)
    message = caught.value.message
    assert str(folder) in message
    assert "\n" not in message
    assert message.endswith(".")
    return message


def change_tensors(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    path = folder / "model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    change(tensors)
    save_file(tensors, path)


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


def change_header(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + size :])


def test_truncated_file_names_file_and_first_tensor_cut(folder: Path) -> None:
    """A download that stopped early."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    message = complaint(folder)
    assert "model.safetensors is cut short" in message
    assert "tensor lm_head.weight" in message


@pytest.mark.parametrize(
    "content", [b"", b"1234", b"\xff" * 40, (20).to_bytes(8, "little") + b"not json" * 9, b"PK\x03\x04" * 30]
)
def test_file_that_is_no_safetensors_is_refused(folder: Path, content: bytes) -> None:
    """Empty, too short, an absurd header size, a header that is not JSON, a zip."""
    (folder / "model.safetensors").write_bytes(content)
    assert "model.safetensors" in complaint(folder)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {"dtype": "BF16"},
        {"dtype": "BF16", "shape": [7, -96], "data_offsets": [0, 4]},
        {"dtype": "BF16", "shape": [7, 96], "data_offsets": [9, 4]},
        {"dtype": "BF16", "shape": [7, 96], "data_offsets": [0, 4]},
        {"dtype": 3, "shape": "x", "data_offsets": "ab"},
    ],
)
def test_corrupt_header_entry_names_the_tensor(folder: Path, entry: object) -> None:
    """Entries of the header that make no sense, or contradict themselves."""
    change_header(folder / "model.safetensors", lambda header: header.update({ROUTER: entry}))
    message = complaint(folder)
    assert ROUTER in message
    assert "corrupt" in message


def test_missing_tensor_is_named(folder: Path) -> None:
    """An incomplete checkpoint."""
    change_tensors(folder, lambda tensors: tensors.pop(BLOCKS))
    assert f"holds tensor {BLOCKS}" in complaint(folder)


def test_wrong_shape_names_file_tensor_and_both_shapes(folder: Path) -> None:
    """A tensor of another size than config.json implies."""
    change_tensors(folder, lambda tensors: tensors.update({ROUTER: torch.zeros(7, 95, dtype=torch.bfloat16)}))
    message = complaint(folder)
    assert all(part in message for part in ("model.safetensors", ROUTER, "[7, 95]", "[7, 96]"))


@pytest.mark.parametrize(
    ("name", "dtype"), [(ROUTER, torch.int8), (ROUTER, torch.float64), (BLOCKS, torch.int8), (ROUTER, torch.uint8)]
)
def test_wrong_type_names_file_and_tensor(folder: Path, name: str, dtype: torch.dtype) -> None:
    """A tensor of a type that the model can't have."""
    change_tensors(folder, lambda tensors: tensors.update({name: tensors[name].to(dtype)}))
    message = complaint(folder)
    assert all(part in message for part in ("model.safetensors", name, "has type"))


def test_missing_shard_is_named_with_a_tensor(sharded: Path) -> None:
    """One file of several was not downloaded."""
    (sharded / "model-00002-of-00003.safetensors").unlink()
    assert "model-00002-of-00003.safetensors is missing" in complaint(sharded)


def test_index_that_names_the_wrong_shard_is_refused(sharded: Path) -> None:
    """A mislabelled index."""
    path = sharded / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"][ROUTER] = next(
        file for file in index["weight_map"].values() if file != index["weight_map"][ROUTER]
    )
    path.write_text(json.dumps(index))
    assert ROUTER in complaint(sharded)


@pytest.mark.parametrize(
    "content", ["[", "{}", '{"weight_map": {"a": "../b.safetensors"}}', '{"weight_map": {"a": 3}}']
)
def test_broken_index_is_refused(sharded: Path, content: str) -> None:
    """An index that is not JSON, has no map, or points outside the folder."""
    (sharded / "model.safetensors.index.json").write_text(content)
    assert "index" in complaint(sharded)


def test_pickled_weights_are_never_opened(folder: Path) -> None:
    """A folder with only a .bin file is refused, and the hint says why."""
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"holds no \*\.safetensors.*pickle"):
        load_model(folder)


def test_other_tensors_are_no_gpt_oss(folder: Path) -> None:
    """The right config beside the weights of something else."""
    save_file({"transformer.h.0.attn.weight": torch.zeros(2)}, folder / "model.safetensors")
    assert "no gpt-oss checkpoint" in complaint(folder)


def test_other_architecture_is_named(folder: Path) -> None:
    """A llama is called a llama."""
    change_config(folder, model_type="llama")
    assert "'llama'" in complaint(folder)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"hidden_size": 97}, "multiples of 32"),
        ({"hidden_size": "96"}, "hidden_size"),
        ({"hidden_size": 96.5}, "whole number"),
        ({"num_hidden_layers": ...}, "num_hidden_layers"),
        ({"num_hidden_layers": 4, "layer_types": None}, "model.layers.3"),
        ({"vocab_size": 300}, "model.embed_tokens.weight"),
        ({"layer_types": ["full_attention"]}, "layer_types"),
        ({"num_experts_per_tok": 8}, "experts_per_token"),
        ({"num_key_value_heads": 4}, "num_key_value_heads"),
        ({"head_dim": 21}, "even"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 2.0}}, "llama3"),
        ({"rope_scaling": 3}, "rope_scaling"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "bitsandbytes"),
        ({"attention_bias": False}, "attention_bias"),
        ({"swiglu_alpha": 1.5}, "swiglu_alpha"),
        ({"model_type": ...}, "no gpt-oss model"),
    ],
)
def test_config_that_makes_no_sense_names_what_is_wrong(folder: Path, changes: dict[str, Any], word: str) -> None:
    """Every wrong, missing or unsupported setting is a sentence of ours."""
    change_config(folder, **changes)
    assert word in complaint(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "\xff"])
def test_config_that_is_no_json_object_is_refused(folder: Path, content: str) -> None:
    """A broken config.json."""
    (folder / "config.json").write_bytes(content.encode("latin-1"))
    assert "config.json" in complaint(folder)


def test_folder_without_config_is_no_model_folder(tmp_path: Path) -> None:
    """An empty folder."""
    assert "not a model folder" in complaint(tmp_path)
