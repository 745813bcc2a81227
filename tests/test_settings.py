"""Settings: environment over file over defaults, and a file that is edited without losing anything."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gptoss_chat.errors import SettingsError
from gptoss_chat.paths import Paths
from gptoss_chat.settings import (
    BY_NAME,
    Settings,
    add_preset,
    change_config,
    load_settings,
    parse_setting,
    remove_preset,
    write_setting,
)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Folders of a person who has none of them yet."""
    return Paths(tmp_path / "data", tmp_path / "cache", tmp_path / "config")


def write(paths: Paths, text: str) -> None:
    """Put text into config.toml."""
    paths.config.mkdir(exist_ok=True)
    paths.config_file.write_text(text)


def test_defaults_hold_without_a_file(paths: Paths) -> None:
    """Nothing has to exist, and nothing is made."""
    assert load_settings(paths, {}) == Settings()
    assert not paths.config.exists()


def test_environment_is_over_the_file(paths: Paths) -> None:
    """Each variable overrides one line; whole numbers serve as numbers."""
    write(paths, 'effort = "high"\ncache_gib = 3\ntemperature = 0\n')
    settings = load_settings(paths, {"GPTOSS_CHAT_EFFORT": "low", "GPTOSS_CHAT_SHOW_REASONING": "true"})
    assert (settings.effort, settings.cache_gib, settings.temperature) == ("low", 3.0, 0.0)
    assert settings.show_reasoning is True


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("effort = 3", "effort"),
        ('effort = "huge"', "effort"),
        ("cache_gib = true", "cache_gib"),
        ("cache_gib = -1", "cache_gib"),
        ("top_k = 1.5", "top_k"),
        ("efort = 'low'", "efort"),
        ("effort = ", "TOML"),
    ],
)
def test_senseless_file_is_one_sentence(paths: Paths, text: str, says: str) -> None:
    """The file and the setting are named."""
    write(paths, text)
    with pytest.raises(SettingsError, match=says) as caught:
        load_settings(paths, {})
    assert str(paths.config_file) in caught.value.message


@pytest.mark.parametrize(
    "line", ["effort = 3", "'effort' = 3", '  "effort"=3', "efort = 1", "[efort]", "effort.x = 1", "effort.x.y = 2"]
)
def test_line_of_a_senseless_setting_is_told(paths: Paths, line: str) -> None:
    """The reader goes straight to it, past comments and values that look like it."""
    write(paths, f'# effort = 1\ndeveloper = "effort = 2"\n\n{line}\n')
    with pytest.raises(SettingsError, match="line 4"):
        load_settings(paths, {})


def test_senseless_variable_is_named(paths: Paths) -> None:
    """The reader learns which variable to mend."""
    with pytest.raises(SettingsError, match="GPTOSS_CHAT_TOP_K"):
        load_settings(paths, {"GPTOSS_CHAT_TOP_K": "many"})


def test_written_setting_leaves_the_rest_as_it_was(paths: Paths) -> None:
    """Comments, order and other values stay; the new value is read back."""
    write(paths, '# mine\neffort = "high"  # thorough\ndeveloper = """\nBe\nbrief."""\n')
    write_setting(paths, "model", 'a "quoted" \\ näme')
    write_setting(paths, "effort", "low")
    text = paths.config_file.read_text()
    assert "# mine" in text
    assert "# thorough" in text
    settings = load_settings(paths, {})
    assert (settings.model, settings.effort, settings.developer) == ('a "quoted" \\ näme', "low", "Be\nbrief.")


def test_linked_file_stays_a_link(paths: Paths, tmp_path: Path) -> None:
    """The file that it leads to is replaced where it is, keeps its permissions, and nothing is left beside it."""
    elsewhere = tmp_path / "dotfiles"
    elsewhere.mkdir()
    file = elsewhere / "mine.toml"
    file.write_text("seed = 1\n")
    file.chmod(0o640)
    paths.config.mkdir(parents=True, exist_ok=True)
    paths.config_file.symlink_to(file)
    write_setting(paths, "seed", 2)
    assert paths.config_file.is_symlink()
    assert file.read_text() == "seed = 2\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in (*elsewhere.iterdir(), *paths.config.iterdir())] == ["mine.toml", "config.toml"]


def test_first_setting_makes_the_file(paths: Paths) -> None:
    """`models use` works on a fresh machine."""
    write_setting(paths, "model", "openai/gpt-oss-20b")
    assert load_settings(paths, {}).model == "openai/gpt-oss-20b"


def test_invalid_file_is_not_overwritten(paths: Paths) -> None:
    """A slip of the pen costs nothing."""
    write(paths, "effort = ")
    with pytest.raises(SettingsError):
        write_setting(paths, "effort", "low")
    assert paths.config_file.read_text() == "effort = "


def test_text_is_parsed_by_the_kind_of_its_setting() -> None:
    """As `config set` gets it."""
    assert parse_setting("top_k", "5", "x") == 5
    assert parse_setting("temperature", "1", "x") == 1.0
    assert parse_setting("show_reasoning", "No", "x") is False
    with pytest.raises(SettingsError, match="nowhere"):
        parse_setting("nowhere", "1", "x")


PRESETS = """effort = "low"
developer = "Be kind."

[presets.careful]
effort = "high"  # takes its time
temperature = 0
system = "You are a proof-reader."

[presets."in verse"]
developer = "Answer in verse."
"""


def test_preset_is_laid_over_the_settings(paths: Paths) -> None:
    """What it sets is as it says, the rest as it was; an empty name is none."""
    write(paths, PRESETS)
    settings = load_settings(paths, {})
    careful = settings.with_preset("careful")
    assert (careful.effort, careful.temperature, careful.system) == ("high", 0.0, "You are a proof-reader.")
    assert (careful.developer, careful.preset) == ("Be kind.", "careful")
    assert settings.with_preset("in verse").developer == "Answer in verse."
    assert settings.with_preset("") == settings
    with pytest.raises(SettingsError, match="careful, in verse"):
        settings.with_preset("other")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("effort = 'huge'", "effort"),
        ("top_p = 2", "top_p"),
        ("model = 'x'", "can't set 'model'"),
        ("seed = true", "seed"),
    ],
)
def test_senseless_preset_names_its_line(paths: Paths, line: str, says: str) -> None:
    """The line inside the preset's table, past the same name outside it and inside a text of several lines."""
    write(paths, f'effort = "low"\ndeveloper = """\ntop_p = 2\nseed = true\n"""\ntop_p = 1\n\n[presets.x]\n{line}\n')
    with pytest.raises(SettingsError, match=says) as caught:
        load_settings(paths, {})
    assert "line 9" in caught.value.message


@pytest.mark.parametrize("text", ["presets = 3", "[presets]\nx = 3", "keys = 3", "[keys]\nstop = 3"])
def test_tables_that_are_none_are_one_sentence(paths: Paths, text: str) -> None:
    """The file and the line are named."""
    write(paths, text)
    with pytest.raises(SettingsError, match=r"line [12]"):
        load_settings(paths, {})


@pytest.mark.parametrize(
    "text", ["", "seed = 1\n", "[presets.old]\nseed = 1 # one\n[keys]\n", "presets = {old = {}}\n"]
)
def test_preset_is_added_changed_and_removed(paths: Paths, text: str) -> None:
    """However the others are written; a name that is taken, or that can't be typed as a command's word, is refused."""
    write(paths, text)
    add_preset(paths, "new")
    write_setting(paths, "effort", "high", "new")
    write_setting(paths, "seed", 3, "new")
    write_setting(paths, "seed", None, "new")
    write_setting(paths, "preset", "new")
    settings = load_settings(paths, {})
    assert "[presets]" not in paths.config_file.read_text()
    assert settings.with_preset("new").effort == "high"
    assert settings.presets[-1].values == {"effort": "high"}
    for name in ("new", "none", "a b", "", "a.b"):
        with pytest.raises(SettingsError):
            add_preset(paths, name)
    remove_preset(paths, "new")
    settings = load_settings(paths, {})
    assert settings.preset == ""
    assert [preset.name for preset in settings.presets] == (["old"] if "old" in text else [])
    assert ("# one" in paths.config_file.read_text()) == ("# one" in text)


def test_change_reaches_into_tables(paths: Paths) -> None:
    """A preset gains and loses settings, a new one is made, and every comment stays."""
    write(paths, PRESETS)
    change_config(
        paths,
        {
            ("presets", "careful", "effort"): "medium",
            ("presets", "careful", "temperature"): None,
            ("presets", "new", "seed"): 7,
            ("theme",): "light",
            ("developer",): 'Say """so""" \\ and\nso.',
        },
    )
    assert "# takes its time" in paths.config_file.read_text()
    settings = load_settings(paths, {})
    assert [preset.name for preset in settings.presets] == ["careful", "in verse", "new"]
    assert dict(settings.presets[0].values) == {"effort": "medium", "system": "You are a proof-reader."}
    assert (settings.presets[2].values, settings.theme) == ({"seed": 7}, "light")
    assert settings.developer == 'Say """so""" \\ and\nso.'


def test_every_setting_is_in_the_list() -> None:
    """The list and the values name the same settings, with the same defaults."""
    defaults = dataclasses.asdict(Settings())
    assert list(BY_NAME) == [name for name in defaults if name not in ("presets", "keys")]
    for name, field in BY_NAME.items():
        assert field.unset if defaults[name] is None else field.check(defaults[name], "here") == defaults[name]
