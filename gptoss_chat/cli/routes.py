"""`gptoss-chat routes`: the experts of a stored answer or conversation, or of a text from stdin, as tables and pictures."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gptoss_chat.cli.opened import opened_store
from gptoss_chat.errors import GptossChatError, HistoryError, ModelNotFoundError, UsageError
from gptoss_chat.text import printable

if TYPE_CHECKING:
    from gptoss_chat.history import Store
    from gptoss_chat.routing import KnownModel, ModelOf, Routes
    from gptoss_chat.settings import Settings

FORMATS: Final = ("table", "json", "csv", "npz", "svg", "html")
SUFFIXES: Final = {".json": "json", ".csv": "csv", ".npz": "npz", ".svg": "svg", ".html": "html", ".htm": "html"}


def routes(
    what: Annotated[
        str,
        typer.Argument(
            help="'last' (the last answer), a conversation's id, which may be shortened, an answer's id, "
            "or '-' for a text on stdin, which the model reads and does not answer.",
        ),
    ] = "last",
    format_: Annotated[
        str | None,
        typer.Option("--format", help=f"{', '.join(FORMATS)}. As the name of --output says, else table."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of stdout.")] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="The model that reads '-', or whose vocabulary a stored answer is in."),
    ] = None,
    turn: Annotated[int | None, typer.Option(min=1, help="Only this turn of the conversation.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only tokens of this channel, such as analysis or final.")] = None,
    against: Annotated[
        str | None, typer.Option(help="Show the difference to this answer or conversation; as table or json.")
    ] = None,
) -> None:
    """Show which experts every token went to, and what can be said of it."""
    from gptoss_chat.paths import Paths
    from gptoss_chat.settings import load_settings

    form = _form(format_, output)
    settings = load_settings(Paths.of_user())
    if against is not None and form not in ("table", "json"):
        raise UsageError("A difference is a table or JSON.", "Use --format table or json.")
    found = _selected(_scored(model, settings) if what == "-" else _stored(what, model, settings), turn, channel)
    if against is None:
        content = written(found, form)
    else:
        content = _written_difference(found, _selected(_stored(against, model, settings), turn, channel), form)
    if output is not None:
        try:
            output.write_bytes(content)
        except OSError as error:
            raise UsageError(f"Can't write {output}: {error.strerror}.", "Choose another --output.") from error
    elif form == "npz":
        sys.stdout.buffer.write(content)
    else:
        text = content.decode("utf-8")
        sys.stdout.write(printable(text) if sys.stdout.isatty() else text)


def _form(format_: str | None, output: Path | None) -> str:
    form = format_ or (SUFFIXES.get(output.suffix.lower(), "table") if output else "table")
    if form not in FORMATS:
        raise UsageError(f"'{form}' is no format of routes.", f"Use {', '.join(FORMATS)}.")
    if form == "npz" and output is None and sys.stdout.isatty():
        raise UsageError("NPZ is binary, and stdout is a terminal.", "Name a file with --output.")
    return form


def written(routes: Routes, form: str) -> bytes:
    """The bytes of a file in that format, one of FORMATS."""
    from gptoss_chat.routing import tables
    from gptoss_chat.routing.page import page
    from gptoss_chat.routing.summary import summarise, table
    from gptoss_chat.routing.svg import figure

    match form:
        case "npz":
            arrays = io.BytesIO()
            tables.write_npz(routes, arrays)
            return arrays.getvalue()
        case "csv" | "json":
            out = io.StringIO(newline="")
            (tables.write_csv if form == "csv" else tables.write_json)(routes, out)
            text = out.getvalue()
        case "svg":
            text = figure(routes, summarise(routes))
        case "html":
            text = page(routes)
        case _:
            text = table(routes, summarise(routes))
    return text.encode("utf-8", errors="replace")


def _written_difference(first: Routes, second: Routes, form: str) -> bytes:
    import json

    from gptoss_chat.routing.difference import difference, difference_json, difference_table

    found = difference(first, second)
    if form == "json":
        return (json.dumps(difference_json(first, second, found)) + "\n").encode("ascii")
    return difference_table(first, second, found).encode("utf-8", errors="replace")


def _selected(routes: Routes, turn: int | None, channel: str | None) -> Routes:
    from gptoss_chat.routing import CHANNELS

    if turn is not None:
        if turn > len(routes.turn_ids):
            raise UsageError(f"There is no turn {turn}.", f"Routing is stored of {len(routes.turn_ids)}.")
        routes = routes.only_turn(turn - 1)
    if channel is not None:
        if channel not in CHANNELS:
            raise UsageError(f"'{channel}' is no channel.", f"Use {', '.join(CHANNELS)}.")
        routes = routes.select(routes.channels_T == CHANNELS.index(channel))
        if not routes.tokens:
            raise UsageError(f"No token stands in the channel '{channel}'.", "Choose another, or leave --channel out.")
    return routes


def _stored(what: str, model: str | None, settings: Settings) -> Routes:
    from gptoss_chat.routing import conversation_routes, turn_routes

    with opened_store() as store:
        model_of = _model_of(model, settings)
        if what == "last":
            return turn_routes(store, _last_reply(store), model_of)
        try:
            conversation_id = store.conversation(what).id
        except HistoryError:
            try:
                reply_id = store.node(what).id
            except HistoryError:
                raise HistoryError(
                    f"'{what}' is neither a conversation nor an answer.", "`gptoss-chat history list` shows them."
                ) from None
            return turn_routes(store, reply_id, model_of)
        return conversation_routes(store, conversation_id, model_of)


def _last_reply(store: Store) -> str:
    """The newest answer of the newest conversation, on the branch that is shown."""
    latest = store.conversations(limit=1)
    path = store.path_to(latest[0].leaf_id) if latest and latest[0].leaf_id else []
    reply = next((node for node in reversed(path) if node.role == "assistant"), None)
    if reply is None:
        raise HistoryError("There is no answer yet.", 'Ask something first, or pipe a text into "routes -".')
    return reply.id


def _model_of(chosen: str | None, settings: Settings) -> ModelOf:
    from gptoss_chat import catalog
    from gptoss_chat.harmony import load_encoding
    from gptoss_chat.routing import KnownModel

    def known(name: str) -> KnownModel:
        try:
            entry = catalog.find(chosen or name, settings)
        except ModelNotFoundError:
            if chosen:
                raise
            print(f"The model '{printable(name)}' is not found here: tokens are shown by their ids.", file=sys.stderr)
            print("Name its folder with --model.", file=sys.stderr)
            return KnownModel()
        return KnownModel(load_encoding(entry.folder), entry.spec.experts)

    return known


def _scored(model: str | None, settings: Settings) -> Routes:
    """Run a text from stdin through the model, without harmony around it and without an answer."""
    from gptoss_chat import catalog
    from gptoss_chat.catalog.memory import fits, too_big
    from gptoss_chat.chat.loading import model_loader
    from gptoss_chat.cli.oneshot import piped_stdin
    from gptoss_chat.engine.types import Finished, GenerateRequest, SamplingParams
    from gptoss_chat.routing import text_routes

    text = piped_stdin()
    if not text:
        raise UsageError("There is no text on stdin.", "Pipe one in: gptoss-chat routes - < text.txt")
    entry = catalog.find(model, settings)
    report = fits(entry)
    if not report.ok:
        raise too_big(report)
    loaded = model_loader(
        entry.name, entry.folder, cache_bytes=int(settings.cache_gib * 2**30), device=settings.device
    )(lambda _: None)
    try:
        ids = tuple(loaded.encoding.encode_text(text))
        # One token is drawn and thrown away: it is never run, so the record ends with the text.
        generation = loaded.engine.submit(GenerateRequest(ids, SamplingParams(temperature=0, max_tokens=1)))
        finished: Finished | None = None
        while finished is None:
            generation.wait()
            finished = next((event for event in generation.drain() if isinstance(event, Finished)), None)
        if finished.error is not None:
            raise finished.error
        if finished.routes is None:
            raise GptossChatError("The model returned no routing.", "Try again.")
        return text_routes(finished.routes, loaded.encoding, model=entry.name, experts=entry.spec.experts)
    finally:
        loaded.engine.close()
