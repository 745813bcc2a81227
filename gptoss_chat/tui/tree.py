"""A conversation's tree as lines of text; it knows nodes, nothing of widgets.

A chain of messages without a fork stays in its column, however long; only a fork indents, its branches one level each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gptoss_chat.history.values import Node


@dataclass(frozen=True, slots=True)
class TreeLine:
    """One message. `guide` is what is drawn before it; `fork` says that several versions stand here."""

    node_id: str
    role: str
    words: str
    status: str
    guide: str
    on_path: bool
    fork: bool


def tree_lines(nodes: Sequence[Node], leaf_id: str | None) -> list[TreeLine]:
    """The lines, from the first prompts down, versions in the order in which they were asked for."""
    children: dict[str | None, list[Node]] = {}
    by_id = {node.id: node for node in nodes}
    for node in nodes:
        children.setdefault(node.parent_id, []).append(node)
    path = set[str]()
    at = by_id.get(leaf_id or "")
    while at is not None:
        path.add(at.id)
        at = by_id.get(at.parent_id or "")
    lines: list[TreeLine] = []
    # (parent, what its children's lines begin with); a stack: a chain may be longer than Python recurses.
    first = children.get(None, [])
    waiting = [(node, *_guides("", place, len(first))) for place, node in reversed(list(enumerate(first)))]
    while waiting:
        node, guide, below = waiting.pop()
        versions = children[node.parent_id]
        words = " ".join(node.text.split()) or " ".join(node.reasoning.split())
        lines.append(TreeLine(node.id, node.role, words, node.status, guide, node.id in path, len(versions) > 1))
        after = children.get(node.id, [])
        waiting += [(child, *_guides(below, place, len(after))) for place, child in reversed(list(enumerate(after)))]
    return lines


def _guides(before: str, place: int, versions: int) -> tuple[str, str]:
    """What is drawn before a child's line, and before what follows it."""
    if versions == 1:
        return before, before
    last = place == versions - 1
    return before + ("└ " if last else "├ "), before + ("  " if last else "│ ")
