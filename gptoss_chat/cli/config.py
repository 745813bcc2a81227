"""`gptoss-chat config`: show, set and path."""

from __future__ import annotations

import dataclasses

import typer

from gptoss_chat.text import printable

app = typer.Typer(help="The settings: flags over GPTOSS_CHAT_* variables over config.toml.", no_args_is_help=True)


@app.command()
def show() -> None:
    """Every setting in force; 'unset' is as the checkpoint or OpenAI's recommendation says."""
    from gptoss_chat.paths import Paths
    from gptoss_chat.settings import load_settings

    for name, value in dataclasses.asdict(load_settings(Paths.of_user())).items():
        print(f"{name:20} {'unset' if value is None else printable(repr(value))}")


@app.command("set")
def set_(name: str, value: str) -> None:
    """Put a setting into config.toml."""
    from gptoss_chat.paths import Paths
    from gptoss_chat.settings import parse_setting, write_setting

    paths = Paths.of_user()
    write_setting(paths, name, parse_setting(name, value, "config set"))
    print(f"{name} is set in {paths.config_file}.")


@app.command()
def path() -> None:
    """Where config.toml is."""
    from gptoss_chat.paths import Paths

    print(Paths.of_user().config_file)
