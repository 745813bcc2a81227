"""What the history holds, as frozen values; it knows nothing of SQLite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["user", "assistant"]
Status = Literal["streaming", "complete", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A tree of nodes and the leaf that is shown. `date` is the ISO date its prompts are pinned to; times are Unix seconds."""

    id: str
    title: str
    model: str
    date: str
    created: float
    updated: float
    leaf_id: str | None


@dataclass(frozen=True, slots=True)
class Node:
    """A prompt or a reply. Siblings (same parent) are versions of one another; nothing overwrites a sibling.

    raw_ids are the reply's tokens, end token left out; status "streaming" means that a living process is writing it.
    effort, sampling (JSON) and usage are set on replies; created is in Unix seconds.
    """

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
    sampling: str
    usage: Mapping[str, Any] | None
    created: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A node whose text holds what was searched for; `snippet` is the text around it."""

    conversation_id: str
    node_id: str
    title: str
    snippet: str
