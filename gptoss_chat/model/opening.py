"""Finds and checks every tensor of a checkpoint in a folder of safetensors; it loads none, and knows not what they are for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from gptoss_chat.errors import CheckpointError
from gptoss_chat.model.layout import MXFP4_BLOCK, ExpertFormat, Layout, Slot, layer_prefix, slots
from gptoss_chat.model.safetensors_file import TensorEntry, read_entries
from gptoss_chat.model.spec import ModelSpec

_INDEX = "model.safetensors.index.json"
_FLOATS = ("BF16", "F16", "F32")


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint that was found whole: `wanted` is what a model needs of it, `entries` where it lies, by name in the files."""

    spec: ModelSpec
    entries: dict[str, TensorEntry]
    experts: ExpertFormat
    wanted: list[Slot]


def open_checkpoint(folder: Path) -> OpenedCheckpoint:
    """What `folder` holds, every tensor there and of the right shape and type. Raises CheckpointError naming file and tensor."""
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
    return OpenedCheckpoint(spec, entries, experts, wanted)


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
