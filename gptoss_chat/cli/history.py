"""`gptoss-chat history`: list, search, show and delete conversations."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from gptoss_chat.text import printable

if TYPE_CHECKING:
    from gptoss_chat.history import Store

app = typer.Typer(help="The conversations so far.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


@app.command("list")
def list_(limit: Annotated[int, typer.Option(min=1)] = 20, json_: Json = False) -> None:
    """The latest conversations."""
    with _store() as store:
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
    with _store() as store:
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
    with _store() as store:
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
        print(printable(node.text))


@app.command()
def delete(conversation: str) -> None:
    """Delete a conversation; `undelete` brings it back."""
    with _store() as store:
        found = store.conversation(conversation)
        store.delete(found.id)
    print(f"Deleted '{printable(found.title)}'. Bring it back with: gptoss-chat history undelete {found.id}")


@app.command()
def undelete(conversation: str) -> None:
    """Bring a deleted conversation back; takes its whole id."""
    with _store() as store:
        store.undelete(conversation)
        print(f"'{printable(store.conversation(conversation).title)}' is back.")


@contextmanager
def _store() -> Iterator[Store]:
    import sys

    from gptoss_chat.history import Store
    from gptoss_chat.paths import Paths

    store = Store.open(Paths.of_user().history_db)
    try:
        if store.notice:
            print(printable(store.notice), file=sys.stderr)
        yield store
    finally:
        store.close()
