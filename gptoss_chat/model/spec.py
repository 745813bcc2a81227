"""What a checkpoint says it is: config.json in either dialect as one frozen value; it knows no weights and no torch.

Hugging Face's file and OpenAI's `original/config.json` name the same things differently; nothing here assumes a size.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gptoss_chat.errors import CheckpointError

SLIDING, FULL = "sliding_attention", "full_attention"
SWIGLU_ALPHA = 1.702
_PUBLISHED_ROPE = {"rope_type": "yarn", "factor": 32.0, "truncate": False, "original_max_position_embeddings": 4096}


@dataclass(frozen=True, slots=True)
class RopeSpec:
    """Rotary embedding; `factor` None means plain RoPE, else YaRN (Peng et al. 2023, arXiv:2309.00071)."""

    theta: float
    factor: float | None = None
    original_context: int = 4096
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    truncate: bool = False
    attention_factor: float | None = None  # None: 0.1 ln(factor) + 1

    @property
    def concentration(self) -> float:
        """What cos and sin are multiplied by."""
        if self.factor is None:
            return 1.0
        if self.attention_factor is not None:
            return self.attention_factor
        return 0.1 * math.log(self.factor) + 1.0 if self.factor > 1 else 1.0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The sizes and constants of one gpt-oss model. `window` counts keys, the query's own included."""

    layers: int
    hidden: int
    intermediate: int
    experts: int
    experts_per_token: int
    q_heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    window: int
    layer_types: tuple[str, ...]
    rope: RopeSpec
    swiglu_limit: float
    eps: float
    context_limit: int
    tied: bool
    eos_ids: tuple[int, ...] = ()

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes of one token's keys and values in every layer, at bf16."""
        return 2 * 2 * self.layers * self.kv_heads * self.head_dim

    @property
    def parameters(self) -> int:
        """Weights in the whole model, biases and norms left out (they are under a thousandth)."""
        attention = self.hidden * self.head_dim * (2 * self.q_heads + 2 * self.kv_heads)
        expert = 3 * self.hidden * self.intermediate
        layer = attention + self.experts * (expert + self.hidden)
        return self.layers * layer + self.vocab * self.hidden * (1 if self.tied else 2)

    @classmethod
    def read(cls, folder: Path) -> ModelSpec:
        """The spec of `folder/config.json` (stops also from generation_config.json). Raises CheckpointError."""
        path = folder / "config.json"
        return parse_spec(_read_json(path), path, _generation_stops(folder))


def parse_spec(config: Mapping[str, Any], path: Path, extra_stops: tuple[int, ...] = ()) -> ModelSpec:
    """The spec of a parsed config of either dialect; `path` is only for messages. Raises CheckpointError."""
    architecture = config.get("model_type")
    fields = _Fields(config, path)
    if architecture is not None and architecture != "gpt_oss":
        raise CheckpointError(
            f"{path} describes a model of type {architecture!r}, and only gpt_oss models can be run.",
            "Choose a gpt-oss checkpoint, for instance openai/gpt-oss-20b.",
        )
    original = architecture is None and "num_experts" in config and "initial_context_length" in config
    if architecture is None and not original:
        raise CheckpointError(
            f"{path} has neither model_type nor the keys of an original gpt-oss config: it describes no gpt-oss model."
        )
    quantisation = config.get("quantization_config")
    if isinstance(quantisation, Mapping) and quantisation.get("quant_method") != "mxfp4":
        raise CheckpointError(
            f"{path} says that the weights are quantised with {quantisation.get('quant_method')!r}, "
            "and only mxfp4, bf16 and float weights can be read."
        )
    alpha = config.get("swiglu_alpha", SWIGLU_ALPHA)
    if alpha != SWIGLU_ALPHA:
        raise CheckpointError(f"{path}: swiglu_alpha is {alpha!r}, and only {SWIGLU_ALPHA} is supported.")
    if config.get("attention_bias", True) is not True:
        raise CheckpointError(f"{path}: attention_bias is off, and gpt-oss attention always has biases.")

    layers = fields.count("num_hidden_layers")
    rope = _original_rope(fields) if original else _hf_rope(fields)
    if original:
        context_limit = int(rope.original_context * (rope.factor or 1.0))
    else:
        context_limit = fields.count("max_position_embeddings", default=131072)
    spec = ModelSpec(
        layers=layers,
        hidden=fields.count("hidden_size"),
        intermediate=fields.count("intermediate_size"),
        experts=fields.count("num_local_experts", "num_experts"),
        experts_per_token=fields.count("num_experts_per_tok", "experts_per_token"),
        q_heads=fields.count("num_attention_heads"),
        kv_heads=fields.count("num_key_value_heads"),
        head_dim=fields.count("head_dim"),
        vocab=fields.count("vocab_size"),
        window=fields.count("sliding_window"),
        layer_types=_layer_types(config.get("layer_types"), layers, path),
        rope=rope,
        swiglu_limit=fields.number("swiglu_limit", default=7.0),
        eps=fields.number("rms_norm_eps", default=1e-5),
        context_limit=context_limit,
        tied=config.get("tie_word_embeddings", False) is True,
        eos_ids=tuple(sorted({*_ids(config.get("eos_token_id")), *extra_stops})),
    )
    _check(spec, path)
    return spec


class _Fields:
    """Typed access to a config; every complaint names the file and the key."""

    def __init__(self, config: Mapping[str, Any], path: Path) -> None:
        self.config, self.path = config, path

    def number(self, *names: str, default: float | None = None) -> float:
        for name in names:
            value = self.config.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise CheckpointError(f"{self.path}: {name} is {value!r}, and a number above 0 was expected.")
            return float(value)
        if default is None:
            raise CheckpointError(f"{self.path} has no {' or '.join(names)}.")
        return default

    def count(self, *names: str, default: int | None = None) -> int:
        value = self.number(*names, default=default)
        if value != int(value):
            raise CheckpointError(f"{self.path}: {names[0]} is {value}, and a whole number was expected.")
        return int(value)


def _original_rope(fields: _Fields) -> RopeSpec:
    factor = fields.number("rope_scaling_factor", default=1.0)
    return RopeSpec(
        theta=fields.number("rope_theta"),
        factor=factor if factor > 1 else None,
        original_context=fields.count("initial_context_length"),
        beta_fast=fields.number("rope_ntk_beta", default=32.0),
        beta_slow=fields.number("rope_ntk_alpha", default=1.0),
    )


def _hf_rope(fields: _Fields) -> RopeSpec:
    """`rope_scaling` (with rope_theta beside it) or, in newer files, `rope_parameters` (with rope_theta inside).

    A file with neither means the published models' YaRN, as it does to transformers' GptOssConfig.
    """
    scaling = fields.config.get("rope_parameters") or fields.config.get("rope_scaling") or _PUBLISHED_ROPE
    if not isinstance(scaling, Mapping):
        raise CheckpointError(f"{fields.path}: rope_scaling is {scaling!r}, and an object was expected.")
    inner = _Fields(scaling, fields.path)
    theta = inner.number("rope_theta", default=fields.number("rope_theta", default=150000.0))
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return RopeSpec(theta=theta)
    if kind != "yarn" or scaling.get("mscale") or scaling.get("mscale_all_dim"):
        raise CheckpointError(f"{fields.path}: RoPE scaling {dict(scaling)!r} is not supported.")
    attention_factor = scaling.get("attention_factor")
    return RopeSpec(
        theta=theta,
        factor=inner.number("factor"),
        original_context=inner.count(
            "original_max_position_embeddings", default=fields.count("initial_context_length", default=4096)
        ),
        beta_fast=inner.number("beta_fast", default=32.0),
        beta_slow=inner.number("beta_slow", default=1.0),
        truncate=scaling.get("truncate", True) is True,
        attention_factor=None if attention_factor is None else inner.number("attention_factor"),
    )


def _layer_types(value: object, layers: int, path: Path) -> tuple[str, ...]:
    if value is None:
        return tuple(FULL if layer % 2 else SLIDING for layer in range(layers))
    if not isinstance(value, list) or len(value) != layers or not {*value} <= {SLIDING, FULL}:
        raise CheckpointError(f"{path}: layer_types must hold {layers} times {SLIDING!r} or {FULL!r}.")
    return tuple(value)


def _check(spec: ModelSpec, path: Path) -> None:
    problems = {
        "experts_per_token must not exceed num_experts": spec.experts_per_token > spec.experts,
        "at most 255 experts a layer are supported": spec.experts > 255,  # a byte, and one value for none
        "num_attention_heads must be a multiple of num_key_value_heads": spec.q_heads % spec.kv_heads != 0,
        "head_dim must be even": spec.head_dim % 2 != 0,
    }
    for sentence, wrong in problems.items():
        if wrong:
            raise CheckpointError(f"{path}: {sentence}.")


def _ids(value: object) -> tuple[int, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(v for v in values if isinstance(v, int) and not isinstance(v, bool))


def _generation_stops(folder: Path) -> tuple[int, ...]:
    path = folder / "generation_config.json"
    return _ids(_read_json(path).get("eos_token_id")) if path.is_file() else ()


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{path.parent} holds no {path.name}, so it is not a model folder.",
            "Point at the folder that holds config.json and the *.safetensors files.",
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} does not hold a JSON object.")
    return value
