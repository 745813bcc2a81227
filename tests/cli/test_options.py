"""Sampling: flags over settings over the checkpoint's own file, each blamed for its own mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gptoss_chat.cli.options import Flags, Sampling, sampling_params, turn_options
from gptoss_chat.errors import CheckpointError, GptossChatError, UsageError
from gptoss_chat.model.route import route_text
from gptoss_chat.settings import Preset, Settings


def write(folder: Path, **values: object) -> None:
    """A checkpoint's generation_config.json."""
    (folder / "generation_config.json").write_text(json.dumps(values))


def test_flags_are_over_settings_over_the_checkpoint(tmp_path: Path) -> None:
    """Each fills what the one above leaves open; a whole top_k may be written with a point."""
    write(tmp_path, temperature=0.7, top_p=0.9, top_k=40.0, pad_token_id=3)
    chosen = sampling_params(Sampling(temperature=0.1), Settings(temperature=0.2, top_p=0.8), tmp_path)
    assert (chosen.temperature, chosen.top_p, chosen.top_k) == (0.1, 0.8, 40)
    assert type(chosen.top_k) is int


def test_no_sampling_in_the_checkpoint_is_greedy(tmp_path: Path) -> None:
    """`do_sample: false` outranks its other numbers; a file that is none says nothing."""
    write(tmp_path, do_sample=False, temperature=0.7)
    assert sampling_params(Sampling(), Settings(), tmp_path).temperature == 0.0
    (tmp_path / "generation_config.json").write_text("[")
    assert sampling_params(Sampling(), Settings(), tmp_path).temperature == 1.0


@pytest.mark.parametrize(
    "values",
    [{"top_k": 1.5}, {"top_k": -1}, {"temperature": True}, {"top_p": 2}, {"min_p": "x"}, {"temperature": float("nan")}],
)
def test_senseless_checkpoint_number_is_blamed_on_its_file(tmp_path: Path, values: dict[str, object]) -> None:
    """The file and the name are told, not a flag that nobody gave."""
    write(tmp_path, **values)
    with pytest.raises(CheckpointError, match=next(iter(values))) as caught:
        sampling_params(Sampling(), Settings(), tmp_path)
    assert "generation_config.json" in caught.value.message


@pytest.mark.parametrize(
    ("flags", "settings", "says"),
    [
        (Sampling(top_p=1.5), Settings(), "--top-p 1.5"),
        (Sampling(), Settings(top_k=-1), "The setting top_k -1"),
        (Sampling(temperature=float("nan")), Settings(), "--temperature nan"),
        (Sampling(repetition_penalty=0.0), Settings(), "--repetition-penalty 0.0"),
    ],
)
def test_senseless_flag_or_setting_is_named(tmp_path: Path, flags: Sampling, settings: Settings, says: str) -> None:
    """Whoever gave it learns where."""
    with pytest.raises(GptossChatError, match=says) as caught:
        sampling_params(flags, settings, tmp_path)
    assert isinstance(caught.value, UsageError)


def test_settings_and_presets_reach_the_prompt_under_the_flags(tmp_path: Path) -> None:
    """The system text, the rules for the router and the seed are the preset's where no flag says otherwise."""
    preset = Preset("odd", {"system": "You are odd.", "route": "ban 0:1", "seed": 7, "effort": "high"})
    settings = Settings(presets=(preset,)).with_preset("odd")
    options = turn_options(Flags(), settings, tmp_path)
    assert (options.identity, options.effort, options.sampling.seed) == ("You are odd.", "high", 7)
    assert route_text(options.route) == "ban 0:1"
    options = turn_options(Flags(Sampling(seed=8), effort="low", identity="", route=""), settings, tmp_path)
    assert (options.identity, options.effort, options.sampling.seed, options.route) == (None, "low", 8, ())
