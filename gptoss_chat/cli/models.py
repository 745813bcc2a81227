"""`gptoss-chat models`: list, show, use and pull."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Annotated, Any

import typer

from gptoss_chat.text import printable

app = typer.Typer(help="The models on this machine, and getting more.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


@app.command("list")
def list_(json_: Json = False) -> None:
    """Every model found, and whether it fits this machine."""
    from gptoss_chat import catalog
    from gptoss_chat.paths import Paths
    from gptoss_chat.settings import load_settings

    default = load_settings(Paths.of_user()).model
    rows = [_row(entry) for entry in catalog.list_models()]
    if json_:
        print(json.dumps([{**row, "default": row["name"] == default} for row in rows], indent=2))
        return
    for row in rows:
        mark = "*" if row["name"] == default else " "
        print(
            f"{mark} {printable(row['name']):32} {row['weight_gib']:7.2f} GiB  {row['source']:10}  {printable(row['memory'])}"
        )


@app.command()
def show(model: Annotated[str | None, typer.Argument(help="As --model.")] = None, json_: Json = False) -> None:
    """What a model is made of."""
    from gptoss_chat import catalog
    from gptoss_chat.catalog.memory import fits
    from gptoss_chat.paths import Paths
    from gptoss_chat.settings import load_settings

    entry = catalog.find(model, load_settings(Paths.of_user()))
    spec = entry.spec
    if json_:
        print(json.dumps({**_row(entry), "spec": dataclasses.asdict(spec)}, indent=2))
        return
    sliding = sum(kind == "sliding_attention" for kind in spec.layer_types)
    facts = {
        "name": entry.name,
        "folder": entry.folder,
        "source": entry.source,
        "weights": f"{entry.weight_bytes / 2**30:.2f} GiB on disk, {spec.parameters / 1e6:,.1f} million parameters",
        "layers": f"{spec.layers} ({sliding} with a window of {spec.window}, {spec.layers - sliding} full)",
        "experts": f"{spec.experts} a layer, {spec.experts_per_token} active",
        "width": f"{spec.hidden} hidden, {spec.intermediate} inside an expert",
        "attention": f"{spec.q_heads} query and {spec.kv_heads} key-value heads of {spec.head_dim}",
        "vocabulary": f"{spec.vocab:,}",
        "context": f"{spec.context_limit:,} tokens, {spec.kv_bytes_per_token / 1024:.1f} KiB of cache each",
        "memory": fits(entry).sentence,
    }
    for name, fact in facts.items():
        print(f"{name:10} {printable(str(fact))}")


@app.command()
def use(model: str) -> None:
    """Make a model the default."""
    from gptoss_chat import catalog
    from gptoss_chat.paths import Paths
    from gptoss_chat.settings import Settings, write_setting

    entry = catalog.find(model, Settings())
    name = str(entry.folder) if entry.source == "folder" else entry.name
    paths = Paths.of_user()
    write_setting(paths, "model", name)
    print(f"The default model is now {printable(name)} ({paths.config_file}).")


@app.command()
def pull(repository: str) -> None:
    """Download a model from the Hugging Face hub; an interrupted download goes on where it stopped."""
    from gptoss_chat.catalog.memory import fits
    from gptoss_chat.catalog.pull import pull as fetch

    entry = fetch(repository, lambda line: print(printable(line), file=sys.stderr))
    print(f"{printable(entry.name)} is here: {entry.folder}")
    print(f"Use it with: gptoss-chat models use {printable(entry.name)}")
    print(fits(entry).sentence)


def _row(entry: Any) -> dict[str, Any]:
    from gptoss_chat.catalog.memory import fits

    return {
        "name": entry.name,
        "source": entry.source,
        "folder": str(entry.folder),
        "weight_gib": round(entry.weight_bytes / 2**30, 3),
        "memory": fits(entry).sentence,
    }
