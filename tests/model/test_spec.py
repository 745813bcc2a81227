"""The published configs are read as what they are, in each dialect."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gptoss_chat.model.rope import inverse_frequencies
from gptoss_chat.model.spec import FULL, SLIDING, ModelSpec
from gptoss_chat.model.synthetic import preset

SHARED: dict[str, Any] = {
    "num_hidden_layers": 24,
    "vocab_size": 201088,
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "swiglu_limit": 7.0,
    "head_dim": 64,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "sliding_window": 128,
    "initial_context_length": 4096,
    "experts_per_token": 4,
    "rope_theta": 150000,
}
ORIGINAL = SHARED | {"num_experts": 32, "rope_scaling_factor": 32.0, "rope_ntk_alpha": 1, "rope_ntk_beta": 32}
YARN = {
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "factor": 32.0,
    "original_max_position_embeddings": 4096,
    "rope_type": "yarn",
    "truncate": False,
}
HF = SHARED | {
    "architectures": ["GptOssForCausalLM"],
    "model_type": "gpt_oss",
    "attention_bias": True,
    "eos_token_id": 200002,
    "layer_types": [SLIDING, FULL] * 12,
    "max_position_embeddings": 131072,
    "num_local_experts": 32,
    "quantization_config": {"quant_method": "mxfp4"},
    "rms_norm_eps": 1e-05,
    "rope_scaling": YARN,
    "tie_word_embeddings": False,
}
NEWER = {key: value for key, value in HF.items() if key not in ("rope_scaling", "rope_theta")} | {
    "rope_parameters": YARN | {"rope_theta": 150000.0}
}


@pytest.mark.parametrize("config", [HF, NEWER, ORIGINAL], ids=["hf", "hf-newer", "original"])
def test_published_config_gives_the_20b(config: dict[str, Any], tmp_path: Path) -> None:
    """Every dialect gives the 20b's spec; stops come from both files, and the original has none."""
    (tmp_path / "config.json").write_text(json.dumps(config))
    if config is not ORIGINAL:
        (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [200002, 199999, 200012]}))
    read, expected = ModelSpec.read(tmp_path), preset("20b")
    assert read.eos_ids == (() if config is ORIGINAL else (199999, 200002, 200012))
    assert {**_values(read), "eos_ids": ()} == {**_values(expected), "eos_ids": ()}
    assert read.kv_bytes_per_token == 48 * 1024
    assert 20.5e9 < read.parameters < 21.5e9
    assert read.rope.concentration == pytest.approx(1.34657, abs=1e-5)


def test_yarn_frequencies_stay_below_the_range_and_shrink_by_the_factor_above() -> None:
    """The first 9 of 32 frequencies are unscaled, those from the 19th on divided by 32."""
    plain = 1.0 / 150000.0 ** (2 / 64)
    frequencies = inverse_frequencies(preset("20b").rope, 64)
    assert frequencies[1].item() == pytest.approx(plain)
    assert frequencies[8].item() == pytest.approx(plain**8)
    assert frequencies[18].item() == pytest.approx(plain**18 / 32)


def test_reading_a_spec_does_not_import_torch() -> None:
    """The catalogue lists models before torch is there."""
    code = "import sys, gptoss_chat.model.spec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _values(spec: ModelSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in ModelSpec.__slots__}
