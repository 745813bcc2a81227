"""The `gptoss-chat` command: the chat by default, one-shot with -p, and the subcommands.

The one place where errors become a sentence and an exit code. Nothing here imports torch: `--help` and completion are quick.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gptoss_chat import __version__
from gptoss_chat.cli import bench, config, doctor, history, models
from gptoss_chat.cli.routes import routes as routes_command
from gptoss_chat.errors import GptossChatError, UsageError
from gptoss_chat.paths import Paths, private_folder
from gptoss_chat.text import printable

if TYPE_CHECKING:
    from gptoss_chat.catalog import ModelEntry
    from gptoss_chat.chat.loading import Loader
    from gptoss_chat.chat.session import Session
    from gptoss_chat.chat.turn import TurnOptions
    from gptoss_chat.history import Store
    from gptoss_chat.settings import Settings

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


def run() -> None:
    """The console script: run the command, and tell what went wrong in one sentence."""
    try:
        app(standalone_mode=True)
    except GptossChatError as error:
        print(f"gptoss-chat: {printable(error.message)}", file=sys.stderr)
        if error.hint:
            print(printable(error.hint), file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)


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
    continue_: Annotated[bool, typer.Option("--continue", "-c", help="Go on with the last conversation.")] = False,
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
        Path | None, typer.Option("--routes", help="Write the experts of every token here (.csv or .npz).")
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
    from gptoss_chat.cli.options import Sampling, turn_options
    from gptoss_chat.settings import load_settings

    if json_ and jsonl:
        raise UsageError("--json and --jsonl exclude each other.", "Choose one.")
    if continue_ and resume:
        raise UsageError("--continue and --resume exclude each other.", "Choose one.")
    paths = Paths.of_user()
    settings = load_settings(paths)
    flags = Sampling(temperature, top_p, top_k, min_p, repetition_penalty, seed, max_tokens)
    one_shot = prompt is not None or not sys.stdin.isatty()
    text = oneshot.gather_prompt(prompt or "", file or [], oneshot.piped_stdin()) if one_shot else ""
    if one_shot and not text.strip():
        raise UsageError(
            "There is no prompt.", 'Give one with -p "..." or pipe one in; in a terminal, the chat opens without.'
        )
    if not one_shot and (json_ or jsonl or routes or file):
        raise UsageError("--json, --jsonl, --routes and --file go with -p.", 'Add -p "...".')

    with _session(paths, settings, model, no_history=no_history, later=not one_shot) as (session, options_folder):
        options = turn_options(
            flags, settings, options_folder, effort=reasoning, developer=developer, identity=system,
            stop=tuple(stop or ()), logprobs=logprobs,
        )  # fmt: skip
        conversation_id = _conversation(session.store, continue_, resume)
        if one_shot:
            asked = oneshot.OneShot(
                text,
                options,
                conversation_id,
                output="json" if json_ else "jsonl" if jsonl else "text",
                show_reasoning=show_reasoning,
                routes_file=routes,
            )
            if session.store.notice:
                print(session.store.notice, file=sys.stderr)
            session.start()
            code = oneshot.run_oneshot(session, asked)
        else:
            code = _open_chat(session, settings, options, conversation_id)
    raise typer.Exit(code)


def _open_chat(session: Session, settings: Settings, options: TurnOptions, conversation_id: str | None) -> int:
    if os.environ.get("TERM", "") in ("", "dumb") or not sys.stdout.isatty():
        raise UsageError("The chat needs a terminal that can move its cursor.", 'Use gptoss-chat -p "..." here.')
    from gptoss_chat.tui.app import ChatApp

    ChatApp(session, settings=settings, options=options, resume=conversation_id).run()
    return 0


@contextmanager
def _session(
    paths: Paths, settings: Settings, model: str | None, *, no_history: bool, later: bool
) -> Iterator[tuple[Session, Path]]:
    """A session on the model asked for; closed, with its store, whatever happens.

    With `later`, the history is opened at its first use and the memory is checked when the model is loaded: the screen is
    painted before either, and tells of both.
    """
    from gptoss_chat import catalog
    from gptoss_chat.chat.session import Session
    from gptoss_chat.cli.options import today
    from gptoss_chat.history import Store

    entry = catalog.find(model, settings)
    if not later and (warning := _memory_warning(entry)):
        print(warning, file=sys.stderr)
    with _history_file(paths, no_history=no_history) as file:
        store = Store(file) if later else Store.open(file)
        session = Session(store, _loader(entry, settings), model_name=entry.name, date=today)
        try:
            yield session, entry.folder
        finally:
            session.close()
            store.close()


@contextmanager
def _history_file(paths: Paths, *, no_history: bool) -> Iterator[Path]:
    if no_history:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="gptoss-chat-") as scratch:
            yield Path(scratch) / "history.db"
    else:
        private_folder(paths.data)
        logging.basicConfig(filename=paths.log_file, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
        yield paths.history_db


def _loader(entry: ModelEntry, settings: Settings) -> Loader:
    """Loads the model unless the memory can't hold it; raises MemoryLimitError or CheckpointError."""
    from gptoss_chat.chat.loading import LoadedModel, model_loader

    load = model_loader(entry.name, entry.folder, cache_bytes=int(settings.cache_gib * 2**30))

    def checked(progress: Callable[[float], None]) -> LoadedModel:
        notice = _memory_warning(entry)
        return dataclasses.replace(load(progress), notice=notice)

    return checked


def _memory_warning(entry: ModelEntry) -> str:
    """What the reader should know of `entry` in this machine's memory, if anything; raises MemoryLimitError."""
    from gptoss_chat import catalog

    report = catalog.fits(entry)
    if not report.ok:
        raise catalog.too_big(report)
    return report.sentence if report.warning else ""


def _conversation(store: Store, continue_: bool, resume: str | None) -> str | None:
    if resume is not None:
        return store.conversation(resume).id
    if continue_:
        latest = store.conversations(limit=1)
        if not latest:
            raise UsageError("There is no conversation to go on with.", "Leave out --continue.")
        return latest[0].id
    return None


if __name__ == "__main__":
    run()
