"""The command line: the chat by default, one-shot with -p, and the subcommands.

Nothing here imports torch: `--help` and completion are quick. It knows nothing of how errors are told.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gptoss_chat import __version__
from gptoss_chat.cli import bench, config, doctor, history, models
from gptoss_chat.cli.routes import routes as routes_command
from gptoss_chat.errors import UsageError
from gptoss_chat.paths import Paths
from gptoss_chat.text import printable

app = typer.Typer(
    name="gptoss-chat",
    help="Talk to, and look inside, OpenAI's open-weight gpt-oss models on your own machine.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, module in (
    ("models", models),
    ("history", history),
    ("config", config),
    ("doctor", doctor),
    ("bench", bench),
):
    app.add_typer(module.app, name=name)
app.command("routes")(routes_command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gptoss-chat {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def chat(
    context: typer.Context,
    prompt: Annotated[
        str | None, typer.Option("-p", "--prompt", help="Answer this one prompt and exit; piped text is added.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="A folder, a Hugging Face repository in the local cache, or 'built-in'."),
    ] = None,
    reasoning: Annotated[str | None, typer.Option("--reasoning", help="Reasoning effort: low, medium or high.")] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="A set of settings from config.toml: [presets.NAME].")
    ] = None,
    continue_: Annotated[
        bool, typer.Option("--continue", "-c", help="Go on with the last conversation; the chat reopens its panes.")
    ] = False,
    resume: Annotated[str | None, typer.Option("--resume", help="Go on with the conversation of this id.")] = None,
    system: Annotated[
        str | None, typer.Option("--system", help="Replaces the first line of the system message.")
    ] = None,
    developer: Annotated[
        str | None, typer.Option("--developer", help="Instructions for the whole conversation.")
    ] = None,
    file: Annotated[list[Path] | None, typer.Option("--file", "-f", help="Attach a text file (repeatable).")] = None,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object instead of the text.")] = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="One JSON object an event: reasoning, answer, every token with its routing.")
    ] = False,
    show_reasoning: Annotated[bool, typer.Option("--show-reasoning", help="The reasoning too, on stderr.")] = False,
    temperature: Annotated[float | None, typer.Option(help="0 is greedy.")] = None,
    top_p: Annotated[float | None, typer.Option("--top-p")] = None,
    top_k: Annotated[int | None, typer.Option("--top-k", help="0 is off.")] = None,
    min_p: Annotated[float | None, typer.Option("--min-p", help="0 is off.")] = None,
    repetition_penalty: Annotated[float | None, typer.Option("--repetition-penalty", help="1 is off.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed and prompt give the same text.")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", help="Reasoning included.")] = None,
    stop: Annotated[
        list[str] | None, typer.Option("--stop", help="End the answer before this text (repeatable).")
    ] = None,
    logprobs: Annotated[
        int, typer.Option("--logprobs", min=0, max=50, help="Alternatives to report with each token in --jsonl.")
    ] = 0,
    routes: Annotated[
        Path | None,
        typer.Option(
            "--routes", help="Write the routing of every token here, as `routes` does (.csv, .npz, .json, .html)."
        ),
    ] = None,
    route: Annotated[
        str | None,
        typer.Option(
            "--route", help="Change the router: 'ban 3:7; boost 0-5:12 2.5; pin *:1; topk 2' (layers:experts)."
        ),
    ] = None,
    tool: Annotated[
        list[str] | None,
        typer.Option("--tool", help="Offer this tool, or a server's tools, and no others (repeatable)."),
    ] = None,
    allow_tools: Annotated[
        bool, typer.Option("--allow-tools", help="With -p: run what the model calls without asking.")
    ] = False,
    device: Annotated[
        str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N; auto takes a GPU for big models.")
    ] = None,
    gpu_memory: Annotated[
        str | None,
        typer.Option(
            "--gpu-memory", help="The most of the GPU's memory to take, such as 12GiB; the CPU does the rest."
        ),
    ] = None,
    no_history: Annotated[bool, typer.Option("--no-history", help="Store nothing.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Open the chat, or answer one prompt with -p."""
    if context.invoked_subcommand is not None:
        return
    from gptoss_chat.cli import oneshot
    from gptoss_chat.cli.arrangement import ArrangementFile
    from gptoss_chat.cli.opening import conversation_of, open_chat, open_session
    from gptoss_chat.cli.options import Flags, Sampling, on_device, turn_options
    from gptoss_chat.settings import load_settings

    if json_ and jsonl:
        raise UsageError("--json and --jsonl exclude each other.", "Choose one.")
    if continue_ and resume:
        raise UsageError("--continue and --resume exclude each other.", "Choose one.")
    paths = Paths.of_user()
    settings = load_settings(paths)
    settings = on_device(settings.with_preset(settings.preset if preset is None else preset), device, gpu_memory)
    tools = tuple(tool) if tool else None
    flags = Flags(
        Sampling(temperature, top_p, top_k, min_p, repetition_penalty, seed, max_tokens),
        effort=reasoning, developer=developer, identity=system,
        stop=tuple(stop or ()), logprobs=logprobs, route=route, tools=tools, preset=preset,
    )  # fmt: skip
    one_shot = prompt is not None or not sys.stdin.isatty()
    text = oneshot.gather_prompt(prompt or "", file or [], oneshot.piped_stdin()) if one_shot else ""
    if one_shot and not text.strip():
        raise UsageError(
            "There is no prompt.", 'Give one with -p "..." or pipe one in; in a terminal, the chat opens without.'
        )
    if not one_shot and (json_ or jsonl or routes or file):
        raise UsageError("--json, --jsonl, --routes and --file go with -p.", 'Add -p "...".')

    if not one_shot and allow_tools:
        raise UsageError("--allow-tools goes with -p.", "In the chat, each call asks.")

    with open_session(
        paths, settings, model, no_history=no_history, later=not one_shot, tools=tools
    ) as (session, options_folder):  # fmt: skip
        options = turn_options(flags, settings, options_folder)
        conversation_id = conversation_of(session.store, continue_, resume, or_new=not one_shot)
        if one_shot:
            asked = oneshot.OneShot(
                text,
                options,
                conversation_id,
                output="json" if json_ else "jsonl" if jsonl else "text",
                show_reasoning=show_reasoning,
                routes_file=routes,
                allow_tools=allow_tools,
            )
            if session.store.notice:
                print(printable(session.store.notice), file=sys.stderr)
            session.start()
            code = oneshot.run_oneshot(session, asked)
        else:
            left = None if no_history else ArrangementFile(paths.panes_file)
            code = open_chat(session, settings, flags, options_folder, conversation_id, left=left, reopen=continue_)
    raise typer.Exit(code)
