"""A radix tree of all that was run through the model, and the KV pages that hold it; it knows nothing of tensors.

Pages are cut at absolute multiples of 32 positions while nodes begin and end anywhere, so the page at a node's start
may also hold its ancestors' last tokens. For every page index the deepest node on a path has the page that is valid
for the whole path: a branch in mid-page brings its own copy.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gptoss_chat.engine.pages import PagePool
from gptoss_chat.engine.protocol import PAGE_TOKENS
from gptoss_chat.engine.rows import Rows


@dataclass(slots=True, eq=False)
class Node:
    """A span of tokens: ids [T], the pages that hold positions start .. end, and what is recorded of each, rows [T]."""

    parent: Node | None
    start: int
    ids: NDArray[np.uint32]
    pages: list[int]
    rows: Rows
    children: dict[int, Node] = field(default_factory=dict)
    locks: int = 0
    last_use: int = 0

    @property
    def end(self) -> int:
        """Position after the last token."""
        return self.start + len(self.ids)


class PrefixTree:
    """Finds the longest known prefix, takes in new spans, and gives pages back, least recently used leaves first."""

    def __init__(self, pool: PagePool, row: np.dtype[np.void]) -> None:
        self._pool = pool
        self._clock = 0
        self._leaves: set[Node] = set()
        self.root = Node(None, 0, np.empty(0, np.uint32), [], np.empty(0, row))

    def match(self, ids_T: NDArray[np.uint32], limit: int) -> Node:
        """The node that ends where the longest known prefix of ids_T[:limit] ends, split off for it where needed."""
        node, done = self.root, 0
        while done < limit:
            child = node.children.get(int(ids_T[done]))
            if child is None:
                break
            same = common_prefix(child.ids, ids_T[done:limit])
            done += same
            if same < len(child.ids):
                node = self._split(child, same)
                break
            node = child
        self._touch(node)
        return node

    def insert(self, node: Node, ids_T: NDArray[np.uint32], pages: list[int], rows: Rows) -> None:
        """Add a span that follows `node`; `pages` begin with the one that holds position node.end.

        What is already known is kept as it is; the tree holds the pages of the rest.
        """
        first_page = node.end // PAGE_TOKENS
        done = 0
        while done < len(ids_T):
            child = node.children.get(int(ids_T[done]))
            if child is None:
                break
            same = common_prefix(child.ids, ids_T[done:])
            done += same
            node = child if same == len(child.ids) else self._split(child, same)
        if done < len(ids_T):
            held = pages[node.end // PAGE_TOKENS - first_page :]
            for page in held:
                self._pool.retain(page)
            leaf = Node(node, node.end, ids_T[done:], held, rows[done:])
            node.children[int(ids_T[done])] = leaf
            self._leaves.discard(node)
            self._leaves.add(leaf)
            node = leaf
        self._touch(node)

    def path(self, node: Node) -> list[Node]:
        """The nodes from the first below the root to `node`."""
        nodes = []
        at: Node | None = node
        while at is not None and at.parent is not None:
            nodes.append(at)
            at = at.parent
        nodes.reverse()
        return nodes

    def page_table(self, node: Node) -> list[int]:
        """The pages of positions 0 .. node.end, in order."""
        table: list[int] = []
        for step in self.path(node):
            table[step.start // PAGE_TOKENS :] = step.pages
        return table

    def lock(self, node: Node) -> None:
        """Keep `node` and everything above it from eviction."""
        for step in self.path(node):
            step.locks += 1

    def unlock(self, node: Node) -> None:
        """Undo one `lock`."""
        for step in self.path(node):
            assert step.locks > 0, "unlocked more often than locked"
            step.locks -= 1

    def evict(self, wanted: int) -> int:
        """Free at least `wanted` pages if the unlocked leaves hold that many; returns how many were freed."""
        freed = 0
        while freed < wanted:
            leaf = min((leaf for leaf in self._leaves if not leaf.locks), key=lambda leaf: leaf.last_use, default=None)
            if leaf is None:
                break
            freed += self._trim(leaf, wanted - freed)
        return freed

    def _trim(self, leaf: Node, wanted: int) -> int:
        """Take `wanted` pages off the end of a leaf (its beginning is what others share), or the whole leaf."""
        keep = len(leaf.pages) - wanted
        end = (leaf.start // PAGE_TOKENS + keep) * PAGE_TOKENS
        if keep > 0 and end > leaf.start:
            freed = sum(self._pool.release(page) for page in leaf.pages[keep:])
            tokens = end - leaf.start
            del leaf.pages[keep:]
            leaf.ids = leaf.ids[:tokens].copy()  # copies, so that the memory behind the cut part is freed
            leaf.rows = leaf.rows[:tokens].copy()
            return freed
        freed = sum(self._pool.release(page) for page in leaf.pages)
        parent = leaf.parent
        assert parent is not None
        del parent.children[int(leaf.ids[0])]
        self._leaves.remove(leaf)
        if parent is not self.root:
            if not parent.children:
                self._leaves.add(parent)
            if self._pool.references(parent.pages[-1]) == 1 and parent.end % PAGE_TOKENS:
                # Nobody but the parent reads this page now, so it can be appended to in place again.
                self._pool.filled[parent.pages[-1]] = parent.end % PAGE_TOKENS
        return freed

    def _split(self, node: Node, tokens: int) -> Node:
        """Cut `node` after `tokens` tokens and return the new upper half; `node` itself stays the lower half."""
        cut = node.start + tokens
        parent = node.parent
        assert parent is not None
        assert 0 < tokens < len(node.ids)
        first_page = node.start // PAGE_TOKENS
        upper = Node(
            parent,
            node.start,
            node.ids[:tokens],
            node.pages[: -(-cut // PAGE_TOKENS) - first_page],
            node.rows[:tokens],
            {int(node.ids[tokens]): node},
            node.locks,
            node.last_use,
        )
        parent.children[int(node.ids[0])] = upper
        if cut % PAGE_TOKENS:
            self._pool.retain(upper.pages[-1])  # both halves hold the page that the cut goes through
        node.parent, node.start = upper, cut
        node.pages = node.pages[cut // PAGE_TOKENS - first_page :]
        node.ids, node.rows = node.ids[tokens:], node.rows[tokens:]
        return upper

    def _touch(self, node: Node) -> None:
        self._clock += 1
        at: Node | None = node
        while at is not None:
            at.last_use = self._clock
            at = at.parent


def common_prefix(a_T: NDArray[np.uint32], b_T: NDArray[np.uint32]) -> int:
    """How many leading ids are equal."""
    length = min(len(a_T), len(b_T))
    different = np.flatnonzero(a_T[:length] != b_T[:length])
    return int(different[0]) if len(different) else length
