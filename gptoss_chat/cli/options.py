"""The flags that the chat and the one-shot prompt share, and what they mean; it knows nothing of Typer's machinery."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gptoss_chat.chat.turn import Effort, TurnOptions
from gptoss_chat.config.fields import BY_NAME
from gptoss_chat.engine.sampling import SamplingParams
from gptoss_chat.errors import CheckpointError, UsageError
from gptoss_chat.model.route import Route, parse_route

if TYPE_CHECKING:
    from gptoss_chat.settings import Settings

EFFORTS: tuple[Effort, ...] = ("low", "medium", "high")
NUMBERS = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "max_tokens")
RANGES: dict[str, tuple[float, float]] = {name: (BY_NAME[name].low, BY_NAME[name].high) for name in NUMBERS}

_IN_GIB = {"g": 1.0, "gib": 1.0, "gb": 1e9 / 2**30, "m": 2**-10, "mib": 2**-10, "mb": 1e6 / 2**30}


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling flags; None means: as the settings, the checkpoint or OpenAI's recommendation say, in this order."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says about every prompt; None means: as the settings say."""

    sampling: Sampling = Sampling()
    effort: str | None = None
    developer: str | None = None
    identity: str | None = None
    stop: tuple[str, ...] = ()
    logprobs: int = 0
    route: str | None = None
    tools: tuple[str, ...] | None = None
    preset: str | None = None

    @property
    def given(self) -> frozenset[str]:
        """The settings that they say, by their names; sampling apart."""
        said = {"preset": self.preset, "effort": self.effort, "system": self.identity}
        said |= {"developer": self.developer, "route": self.route}
        return frozenset(name for name, value in said.items() if value is not None)


def on_device(settings: Settings, device: str | None, memory: str | None) -> Settings:
    """The settings with what the flags --device and --gpu-memory say in their place. Raises SettingsError or UsageError."""
    if device is not None:
        settings = dataclasses.replace(settings, device=BY_NAME["device"].check(device, "--device"))
    if memory is not None:
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(G|GB|GiB|M|MB|MiB)?\s*", memory, re.IGNORECASE)
        if found is None:
            raise UsageError(f"--gpu-memory {memory} is no amount of memory.", "Write it as 12GiB or 12000MiB.")
        gib = float(found[1]) * _IN_GIB[(found[2] or "gib").lower()]
        settings = dataclasses.replace(settings, gpu_memory_gib=BY_NAME["gpu_memory_gib"].check(gib, "--gpu-memory"))
    return settings


def effort_of(word: str) -> Effort:
    """Check a reasoning effort; raises UsageError."""
    for effort in EFFORTS:
        if word.lower() == effort:
            return effort
    raise UsageError(f"'{word}' is no reasoning effort.", "Use low, medium or high.")


def sampling_params(flags: Sampling, settings: Settings, folder: Path) -> SamplingParams:
    """Flags over settings over the checkpoint's generation_config.json over OpenAI's defaults.

    Raises UsageError for a flag or a setting, CheckpointError for a file, that holds what is no such number.
    """
    chosen = _checkpoint_defaults(folder)
    for name, (low, high) in RANGES.items():
        for source, value in (
            (f"The setting {name}", getattr(settings, name, None)),
            (_flag(name), getattr(flags, name)),
        ):
            if value is not None:
                if not low <= value <= high:
                    raise UsageError(f"{source} {value} is out of range.", f"Use a number from {low:g} to {high:g}.")
                chosen[name] = value
    return SamplingParams(**chosen)  # type: ignore[arg-type]


def turn_options(flags: Flags, settings: Settings, folder: Path) -> TurnOptions:
    """What the flags and settings say about every prompt; raises UsageError."""
    sampling = dataclasses.replace(sampling_params(flags.sampling, settings, folder), logprobs=flags.logprobs)
    return TurnOptions(
        effort=effort_of(flags.effort or settings.effort),
        developer=flags.developer if flags.developer is not None else settings.developer,
        identity=(flags.identity if flags.identity is not None else settings.system) or None,
        sampling=sampling,
        stop=flags.stop,
        route=_route(flags, settings),
        tools=flags.tools,
    )


def _route(flags: Flags, settings: Settings) -> Route:
    if flags.route is not None:
        return parse_route(flags.route)
    try:
        return parse_route(settings.route)
    except UsageError as error:
        raise UsageError(f"The setting route: {error.message}", error.hint) from error


def today() -> str:
    """The date that a new conversation is pinned to, as YYYY-MM-DD."""
    return datetime.date.today().isoformat()


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _checkpoint_defaults(folder: Path) -> dict[str, int | float]:
    """What a checkpoint says of its own sampling. `do_sample: false` is greedy; no file says nothing.

    The file is from elsewhere: its numbers are checked for their kind as well as for their range. Raises CheckpointError.
    """
    file = folder / "generation_config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(config, dict):
        return {}
    if config.get("do_sample") is False:
        return {"temperature": 0.0}
    values: dict[str, int | float] = {}
    for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty"):
        value = config.get(name)
        if value is not None:
            values[name] = _checkpoint_number(name, value, file)
    return values


def _checkpoint_number(name: str, value: object, file: Path) -> int | float:
    low, high = RANGES[name]
    whole = name == "top_k"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, int | float) or not number or not low <= value <= high or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        hint = f"Mend the file, or give {_flag(name)} and remove it there."
        raise CheckpointError(f"{file}: {name} is {value!r}, and must be {kind} from {low:g} to {high:g}.", hint)
    return int(value) if whole else value
