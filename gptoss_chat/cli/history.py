"""`gptoss-chat history`: list, search, show, export, import and delete conversations."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from gptoss_chat.cli.opened import opened_store
from gptoss_chat.errors import UsageError
from gptoss_chat.text import printable

app = typer.Typer(help="The conversations so far.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


@app.command("list")
def list_(limit: Annotated[int, typer.Option(min=1)] = 20, json_: Json = False) -> None:
    """The latest conversations."""
    with opened_store() as store:
        conversations = store.conversations(limit)
    if json_:
        print(json.dumps([dataclasses.asdict(conversation) for conversation in conversations], indent=2))
        return
    for conversation in conversations:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(conversation.updated))
        print(f"{conversation.id[:8]}  {when}  {printable(conversation.title)}")


@app.command()
def search(words: list[str], json_: Json = False) -> None:
    """Messages that hold every word."""
    with opened_store() as store:
        hits = store.search(" ".join(words))
    if json_:
        print(json.dumps([dataclasses.asdict(hit) for hit in hits], indent=2))
        return
    for hit in hits:
        print(
            f"{hit.conversation_id[:8]}  {printable(hit.title)}\n          {printable(' '.join(hit.snippet.split()))}"
        )


@app.command()
def show(conversation: str, reasoning: bool = False, json_: Json = False) -> None:
    """One conversation, as Markdown; its id may be shortened."""
    from gptoss_chat.history.transfer import call_block

    with opened_store() as store:
        found = store.conversation(conversation)
        path = store.path_to(found.leaf_id) if found.leaf_id else []
    if json_:
        nodes = [dataclasses.asdict(node) for node in path]
        print(json.dumps({**dataclasses.asdict(found), "messages": nodes}, indent=2))
        return
    print(f"# {printable(found.title)}")
    for node in path:
        print(f"\n## {'You' if node.role == 'user' else printable(node.model)}\n")
        if reasoning and node.reasoning:
            print("\n".join(f"> {line}" for line in printable(node.reasoning).splitlines()) + "\n")
        print(printable("\n\n".join([*map(call_block, node.calls), *([node.text] if node.text else [])])))


@app.command()
def export(
    conversation: Annotated[str | None, typer.Argument(help="Its id, which may be shortened; without: all.")] = None,
    format_: Annotated[
        str, typer.Option("--format", help="json (every branch), jsonl (one line a conversation) or markdown.")
    ] = "json",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of stdout.")] = None,
) -> None:
    """Write conversations as JSON, JSON Lines or Markdown; Markdown is for reading, and can't be imported."""
    from gptoss_chat.history.transfer import to_json, to_markdown

    if format_ not in ("json", "jsonl", "markdown"):
        raise UsageError(f"'{format_}' is no export format.", "Use json, jsonl or markdown.")
    if conversation is None and format_ == "json":
        raise UsageError("One JSON object holds one conversation.", "Name one, or use --format jsonl.")
    with opened_store() as store:
        ids = [found.id for found in store.conversations(-1)] if conversation is None else [conversation]
        if format_ == "markdown":
            text = "\n".join(to_markdown(store, id_) for id_ in ids)
        else:
            indent = 2 if format_ == "json" else None
            text = "".join(json.dumps(to_json(store, id_), indent=indent) + "\n" for id_ in ids)
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"Can't write {output}: {error.strerror}.", "Choose another --output.") from error
        return
    print(printable(text) if sys.stdout.isatty() else text, end="")


@app.command("import")
def import_(file: Path) -> None:
    """Add the conversations of a file: JSON or JSON Lines of `history export`, or ChatGPT's export.

    Of ChatGPT's, give the zip or its conversations.json; every branch is kept. A conversation that is here already gets the
    messages that are new there; nothing that is here is changed, and one that was deleted here stays deleted. A malformed file
    changes nothing. Markdown can't be imported: it holds one branch, and no ids and times.
    """
    from gptoss_chat.history.importing import Tally, import_file

    tally = Tally()
    with opened_store() as store:
        for imported in import_file(store, file):
            tally.count(imported)
            if imported.conversation is not None and imported.outcome in ("added", "grown"):
                gained = f"  {imported.messages} more" if imported.outcome == "grown" else ""
                print(f"{imported.conversation.id[:8]}  {printable(imported.conversation.title)}{gained}")
    print(tally.sentence())


@app.command()
def delete(conversation: str) -> None:
    """Delete a conversation; `undelete` brings it back."""
    with opened_store() as store:
        found = store.conversation(conversation)
        store.delete(found.id)
    print(f"Deleted '{printable(found.title)}'. Bring it back with: gptoss-chat history undelete {found.id}")


@app.command()
def undelete(conversation: str) -> None:
    """Bring a deleted conversation back; takes its whole id."""
    with opened_store() as store:
        store.undelete(conversation)
        print(f"'{printable(store.conversation(conversation).title)}' is back.")
