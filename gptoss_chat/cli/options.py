"""The flags that the chat and the one-shot prompt share, and what they mean; it knows nothing of Typer's machinery."""

from __future__ import annotations

import dataclasses
import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gptoss_chat.chat.turn import Effort, TurnOptions
from gptoss_chat.engine.types import SamplingParams
from gptoss_chat.errors import UsageError
from gptoss_chat.model.route import parse_route

if TYPE_CHECKING:
    from gptoss_chat.settings import Settings

EFFORTS: tuple[Effort, ...] = ("low", "medium", "high")


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


def effort_of(word: str) -> Effort:
    """Check a reasoning effort; raises UsageError."""
    for effort in EFFORTS:
        if word.lower() == effort:
            return effort
    raise UsageError(f"'{word}' is no reasoning effort.", "Use low, medium or high.")


def sampling_params(flags: Sampling, settings: Settings, folder: Path) -> SamplingParams:
    """Flags over settings over the checkpoint's generation_config.json over OpenAI's defaults; raises UsageError."""
    chosen = _checkpoint_defaults(folder)
    for source in (settings, flags):
        for field in dataclasses.fields(Sampling):
            value = getattr(source, field.name, None)
            if value is not None:
                chosen[field.name] = value
    _check("--temperature", chosen.get("temperature"), 0, 10)
    _check("--top-p", chosen.get("top_p"), 0, 1)
    _check("--top-k", chosen.get("top_k"), 0, 1_000_000)
    _check("--min-p", chosen.get("min_p"), 0, 1)
    _check("--repetition-penalty", chosen.get("repetition_penalty"), 0.1, 10)
    _check("--max-tokens", chosen.get("max_tokens"), 1, 10_000_000)
    _check("--seed", chosen.get("seed"), 0, 2**63 - 1)
    return SamplingParams(**chosen)  # type: ignore[arg-type]


def turn_options(
    flags: Sampling,
    settings: Settings,
    folder: Path,
    *,
    effort: str | None = None,
    developer: str | None = None,
    identity: str | None = None,
    stop: tuple[str, ...] = (),
    logprobs: int = 0,
    route: str = "",
) -> TurnOptions:
    """What the flags and settings say about every prompt; raises UsageError."""
    sampling = dataclasses.replace(sampling_params(flags, settings, folder), logprobs=logprobs)
    return TurnOptions(
        effort=effort_of(effort or settings.effort),
        developer=developer if developer is not None else settings.developer,
        identity=identity,
        sampling=sampling,
        stop=stop,
        route=parse_route(route),
    )


def today() -> str:
    """The date that a new conversation is pinned to, as YYYY-MM-DD."""
    return datetime.date.today().isoformat()


def _check(flag: str, value: object, low: float, high: float) -> None:
    if value is not None and not (isinstance(value, int | float) and low <= value <= high):
        raise UsageError(f"{flag} {value} is out of range.", f"Use a number from {low:g} to {high:g}.")


def _checkpoint_defaults(folder: Path) -> dict[str, object]:
    """What a checkpoint says of its own sampling. `do_sample: false` is greedy; an unreadable file says nothing."""
    try:
        config = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(config, dict):
        return {}
    if config.get("do_sample") is False:
        return {"temperature": 0.0}
    names = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
    return {name: config[name] for name in names if isinstance(config.get(name), int | float)}
