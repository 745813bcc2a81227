"""What the history hands out: plain values; it knows nothing of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["user", "assistant"]
Status = Literal["complete", "streaming", "stopped", "failed"]
LATEST_S = 253402300800.0  # the year 10000: what comes later can't be shown as a date


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation. `date` (YYYY-MM-DD) is pinned in its prompts; times are seconds since the epoch."""

    id: str
    title: str
    model: str
    date: str
    created: float
    updated: float
    leaf_id: str | None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that a reply called. `result` is None until there is one, and for good where the reply was ended before.

    `text_at` and `reasoning_at` are how many characters of the reply's text and reasoning stand before it.
    """

    name: str
    arguments: str
    result: str | None
    text_at: int = 0
    reasoning_at: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """One message of the tree. `raw_ids` are a reply's tokens as sampled, its end token left out, and where it called tools,
    the tokens of their results too; `sampling` is how it was drawn, in JSON."""

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    text: str
    reasoning: str
    raw_ids: tuple[int, ...]
    status: Status
    model: str
    effort: str
    usage: dict[str, Any] | None
    created: float
    sampling: str = "{}"
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A conversation from elsewhere: its messages, parents before their children, and the routing records of some of them."""

    conversation: Conversation
    nodes: tuple[Node, ...]
    routes: Mapping[str, bytes]


HIT_START, HIT_END = "\x01", "\x02"
"""Around the words found, in the snippet of a Listed; the text itself may hold them too, and then is marked a little oddly."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the list of conversations; `snippet` is where a search found its words, empty when it was in the title."""

    id: str
    title: str
    pinned: bool
    updated: float
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """One message that a search found."""

    conversation_id: str
    node_id: str
    title: str
    snippet: str
