"""`gptoss-chat config`: show, set, path and example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from gptoss_chat.text import printable

if TYPE_CHECKING:
    from gptoss_chat.paths import Paths

app = typer.Typer(help="The settings: flags over GPTOSS_CHAT_* variables over config.toml.", no_args_is_help=True)


@app.command()
def show() -> None:
    """Every setting in force; 'unset' is as the checkpoint or OpenAI's recommendation says."""
    from gptoss_chat.paths import Paths
    from gptoss_chat.settings import BY_NAME, load_settings

    settings = load_settings(Paths.of_user())
    for name in BY_NAME:
        value = getattr(settings, name)
        print(f"{name:20} {'unset' if value is None else printable(repr(value))}")


@app.command("set")
def set_(name: str, value: str) -> None:
    """Put a setting into config.toml."""
    from gptoss_chat.paths import Paths
    from gptoss_chat.settings import parse_setting, write_setting

    paths = Paths.of_user()
    parsed = parse_setting(name, value, "config set")
    _check(paths, name, parsed)
    write_setting(paths, name, parsed)
    print(f"{name} is set in {paths.config_file}.")


def _check(paths: Paths, name: str, value: Any) -> None:
    """Raises GptossChatError for what would only be refused at the next start."""
    if name == "model":
        from gptoss_chat import catalog
        from gptoss_chat.settings import Settings

        catalog.find(value, Settings())
    elif name == "preset":
        from gptoss_chat.settings import load_settings

        load_settings(paths).with_preset(value)
    elif name == "route":
        from gptoss_chat.model.route import parse_route

        parse_route(value)
    elif name == "theme":
        from gptoss_chat.tui.colours import check_theme

        check_theme(value, "config set")


@app.command()
def path() -> None:
    """Where config.toml is."""
    from gptoss_chat.paths import Paths

    print(Paths.of_user().config_file)


@app.command()
def example() -> None:
    """A config.toml with every setting, explained and commented out: a start for one's own."""
    from gptoss_chat.settings import FIELDS

    print("# gptoss-chat: flags are over GPTOSS_CHAT_* variables, which are over this file.")
    for field in FIELDS:
        print(f"\n# {field.help}." + (f" Left out: {field.unset}." if field.unset else ""))
        print(f"# It holds {field.when}.\n# {field.name} = {field.example}")
    from gptoss_chat.tools.config import EXAMPLE, EXAMPLE_OFFERED

    print(f"\n# Functions that a model may call; the tables below declare more of them.\n# {EXAMPLE_OFFERED}")
    print("\n# A preset: settings under a name, for --preset or the setting above.\n# [presets.careful]")
    print('# effort = "high"\n# temperature = 0')
    print('\n# Keys: several with commas, "" for none.\n# [keys]')
    from gptoss_chat.tui.key_map import KeyMap, setting_name

    for action in KeyMap().actions:
        print(f'# {setting_name(action)} = "{action.keys}"  # {action.help}')
    print()
    for line in EXAMPLE.splitlines():
        print(line if line.startswith("#") or not line else f"# {line}")
