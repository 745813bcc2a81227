"""Conversations of ChatGPT's data export as ours: every branch, hidden messages left out; it knows no files and no database.

There, each piece of an answer (thoughts, a call, its result, text) is a message of its own. Here, one answer is one message:
the pieces between two prompts are joined, once for every way through them.
"""

from __future__ import annotations

import re
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, NamedTuple

from gptoss_chat.errors import HistoryError
from gptoss_chat.history.chatgpt_content import content_text
from gptoss_chat.history.values import LATEST_S, Conversation, Incoming, Node, ToolCall

HINT = "Ask ChatGPT for the export again."
_IDS = uuid.UUID("6f6dd22a-64a4-4a27-a2c4-9d8a3be0b0c1")  # makes the same ids of the same export, every time
_BETWEEN = "\n\n"  # pieces of one answer are paragraphs
_TITLE_CHARS = 60
_COPIES = 16  # an answer that forks within is kept once for each way through it, up to so many times its size


@dataclass(frozen=True, slots=True)
class _Piece:
    """A message of the export that is shown. `call` names the tool it goes to, `tool` the one it is of."""

    key: str
    is_prompt: bool
    text: str
    is_reasoning: bool
    call: str
    tool: str
    model: str
    created: float | None
    goes_on: bool  # cut at the limit of tokens: what follows continues it within the sentence


class _Way(NamedTuple):
    """The pieces of an answer so far, last first, and how many characters they hold."""

    piece: _Piece
    before: _Way | None
    chars: int


def is_chatgpt(value: dict[str, Any]) -> bool:
    """Whether this is a conversation as ChatGPT exports it."""
    return "mapping" in value


def from_chatgpt(value: dict[str, Any]) -> Incoming | None:
    """A conversation with its messages; None where nothing in it is shown. Raises HistoryError."""
    mapping = _typed(value, "mapping", dict) or {}
    shown = {key: piece for key, node in mapping.items() if (piece := _piece(key, node)) is not None}
    parents, below = _tree(mapping, shown)
    begun = _time(value, "create_time")
    times = [piece.created for piece in shown.values() if piece.created is not None]
    created = begun if begun is not None else min(times, default=0.0)
    id_ = _conversation_id(value, mapping)
    nodes, node_of = _nodes(id_, shown, below, created)
    if not nodes:
        return None
    leaf = _typed(value, "current_node", str)
    while leaf is not None and leaf not in node_of:  # hidden: what is shown above it
        leaf = parents.get(leaf)
    conversation = Conversation(
        id=id_,
        title=_typed(value, "title", str) or next((_title(node.text) for node in nodes if node.role == "user"), ""),
        model=_typed(value, "default_model_slug", str) or next((n.model for n in reversed(nodes) if n.model), ""),
        date=time.strftime("%Y-%m-%d", time.gmtime(created)),
        created=created,
        updated=_time(value, "update_time") or max(times, default=created),
        leaf_id=nodes[-1].id if leaf is None else node_of[leaf],
    )
    return Incoming(conversation, tuple(nodes), {})


def _piece(key: str, node: object) -> _Piece | None:
    """One message; None for what ChatGPT does not show, and for what holds nothing."""
    if not isinstance(node, dict):
        raise HistoryError(f"the message '{key:.40}' is no object.", HINT)
    message = _typed(node, "message", dict)
    if message is None:
        return None
    author, metadata = _typed(message, "author", dict) or {}, _typed(message, "metadata", dict) or {}
    content = _typed(message, "content", dict) or {}
    role = _typed(author, "role", str) or ""
    if not role:
        raise HistoryError(f"the message '{key:.40}' has no author.", HINT)
    if metadata.get("is_visually_hidden_from_conversation") or metadata.get("is_user_system_message"):
        return None
    recipient = _typed(message, "recipient", str)
    call = recipient if role == "assistant" and recipient not in (None, "all") else ""
    text = content_text(content, in_call=bool(call) or role not in ("user", "assistant"))
    names = [file.get("name") for file in _typed(metadata, "attachments", list) or () if isinstance(file, dict)]
    text = "\n".join([*(f"[file {name}]" for name in names if isinstance(name, str)), *([text] if text else [])])
    if not text and not call:
        return None
    ending = metadata.get("finish_details")
    return _Piece(
        key=key,
        is_prompt=role == "user",
        text=text,
        is_reasoning=content.get("content_type") in ("thoughts", "reasoning_recap"),
        call=call or "",
        tool="" if role in ("user", "assistant", "system") else _typed(author, "name", str) or role,
        model=_typed(metadata, "model_slug", str) or "",
        created=_time(message, "create_time"),
        goes_on=isinstance(ending, dict) and ending.get("type") == "max_tokens",
    )


def _tree(
    mapping: dict[str, Any], shown: dict[str, _Piece]
) -> tuple[dict[str, str | None], dict[str | None, list[str]]]:
    """Every message's parent, and what is shown below each message that is shown (None: first), in the order of siblings."""
    parents: dict[str, str | None] = {}
    for key, node in mapping.items():
        parent = _typed(node, "parent", str)
        if parent is not None:
            parents[key] = parent if parent in mapping else None
    children: dict[str | None, dict[str, None]] = defaultdict(dict)  # in order, each once
    for key, node in mapping.items():
        for child in _typed(node, "children", list) or ():
            if isinstance(child, str) and child in mapping and parents.setdefault(child, key) == key:
                children[key][child] = None
    for key in mapping:  # those that their parent does not know of
        children[parents.setdefault(key, None)][key] = None
    below: dict[str | None, list[str]] = defaultdict(list)
    todo: list[tuple[str, str | None]] = [(key, None) for key in reversed(children[None])]
    met = 0
    while todo:
        key, above = todo.pop()
        met += 1
        if key in shown:
            below[above].append(key)
            above = key
        todo += [(child, above) for child in reversed(children[key])]
    if met != len(mapping):
        raise HistoryError("its messages are no tree: some are below themselves.", HINT)
    return parents, below


def _nodes(
    id_: str, shown: dict[str, _Piece], below: dict[str | None, list[str]], created: float
) -> tuple[list[Node], dict[str, str]]:
    """The prompts and answers, and which of them each message of the export went into."""
    nodes: list[Node] = []
    node_of: dict[str, str] = {}
    left = _COPIES * sum(len(piece.text) + 1 for piece in shown.values()) + 2**20
    todo: list[tuple[str, str | None, _Way | None]] = [(key, None, None) for key in reversed(below[None])]
    while todo:
        key, above, before = todo.pop()
        piece, following = shown[key], below[key]
        way = _Way(piece, before, len(piece.text) + 1 + (before.chars if before else 0))
        is_end = piece.is_prompt or not following or any(shown[child].is_prompt for child in following)
        if is_end:
            left -= way.chars
            if left < 0:
                raise HistoryError("its answers fork within themselves too often.", HINT)
            pieces = _pieces(way)
            node = _node(id_, above, pieces, created)
            nodes.append(node)
            for part in pieces:
                node_of.setdefault(part.key, node.id)
        for child in reversed(following):
            if piece.is_prompt or shown[child].is_prompt:
                todo.append((child, nodes[-1].id, None))
            else:
                todo.append((child, above, way))
    return nodes, node_of


def _pieces(way: _Way | None) -> list[_Piece]:
    found = []
    while way is not None:
        found.append(way.piece)
        way = way.before
    return found[::-1]


def _node(conversation_id: str, parent_id: str | None, pieces: list[_Piece], created: float) -> Node:
    """A prompt, or the pieces of an answer as one."""
    text, reasoning, calls = "", "", list[ToolCall]()
    between = ""
    for piece in pieces:
        if piece.call:
            calls.append(ToolCall(piece.call, piece.text, None, len(text), len(reasoning)))
        elif piece.tool:
            _add_result(calls, piece, len(text), len(reasoning))
        elif piece.is_reasoning:
            reasoning += (_BETWEEN if reasoning else "") + piece.text
        else:
            text += (between if text else "") + piece.text
            between = "" if piece.goes_on else _BETWEEN
    first, last = pieces[0], pieces[-1]
    return Node(
        id=uuid.uuid5(_IDS, f"{conversation_id}/{last.key.encode('utf-8', 'replace')!r}").hex,
        conversation_id=conversation_id,
        parent_id=parent_id,
        role="user" if first.is_prompt else "assistant",
        text=text,
        reasoning=reasoning,
        raw_ids=(),
        # Never 'stopped': going on with an answer begins with its tokens, and there are none, so its text would be lost.
        status="complete",
        model=next((piece.model for piece in reversed(pieces) if piece.model), "" if first.is_prompt else "ChatGPT"),
        effort="",
        usage=None,
        created=first.created if first.created is not None else created,
        calls=tuple(calls),
    )


def _add_result(calls: list[ToolCall], piece: _Piece, text_at: int, reasoning_at: int) -> None:
    """To the call it answers: one of its name without a result, else any without, else the last, else one made for it."""
    waiting = [at for at, call in enumerate(calls) if call.result is None]
    named = [at for at in waiting if calls[at].name == piece.tool]
    if not calls:
        calls.append(ToolCall(piece.tool, "", piece.text, text_at, reasoning_at))
        return
    at = [*named, *waiting, len(calls) - 1][0]
    call = calls[at]
    result = piece.text if call.result is None else call.result + _BETWEEN + piece.text
    calls[at] = ToolCall(call.name, call.arguments, result, call.text_at, call.reasoning_at)


def _conversation_id(value: dict[str, Any], mapping: dict[str, Any]) -> str:
    """Its own, or where it has none the same one for the same messages."""
    own = _typed(value, "conversation_id", str) or _typed(value, "id", str) or ""
    if re.fullmatch(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}", own):
        return uuid.UUID(own).hex
    return uuid.uuid5(_IDS, repr(own or [value.get("create_time"), *mapping])).hex


def _title(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= _TITLE_CHARS else line[: _TITLE_CHARS - 1].rstrip() + "…"


def _time(fields: dict[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise HistoryError(f"its {name} is no number: {value!r:.40}.", HINT)
    if not 0 <= value < LATEST_S:  # nor is NaN
        raise HistoryError(f"its {name} is no time: {value!r:.40}.", HINT)
    return float(value)


def _typed(fields: dict[str, Any], name: str, wanted: type[Any]) -> Any:
    """A field, which may be missing or null. Raises HistoryError where it is of another type."""
    value = fields.get(name)
    if value is not None and not isinstance(value, wanted):
        kind = {"dict": "object", "list": "list", "str": "text"}[wanted.__name__]
        raise HistoryError(f"its {name} is no {kind}: {value!r:.40}.", HINT)
    return value
