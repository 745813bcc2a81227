"""The prefix tree and its pages against the plainest model there is: a set of token lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gptoss_chat.engine.cache import CachedSequence, CacheFullError, KVCache
from gptoss_chat.engine.pages import PagePool
from gptoss_chat.engine.prefix_tree import Node

from .conftest import PAGE_BYTES
from .hash_model import HashModel, routing

# Hypothesis' own lists are mostly short; pages need long runs, trees need runs that part late.
runs = st.tuples(st.sampled_from([0, 1, 5, 31, 32, 33, 64]) | st.integers(0, 70), st.integers(0, 2))
tokens = st.lists(runs, max_size=2).map(lambda parts: [token for length, token in parts for _ in range(length)][:70])


def extend(cache: KVCache, sequence: CachedSequence, ids: list[int], model: HashModel) -> None:
    """Run `ids` after the sequence, as the decoder does; the model asserts that it reads the right pages."""
    import torch

    if not ids:
        return
    table = sequence.page_table(sequence.length + len(ids))
    entropy = torch.empty(len(ids), model.spec.layers)
    _, experts, weights = model.forward(torch.tensor(ids), sequence.length, table, cache.kv, entropy_out=entropy)
    sequence.extend(ids, experts, weights, entropy)


class TreeMachine(RuleBasedStateMachine):
    """Sequences are opened, grown and closed in any order, several at once, in a cache that has to evict."""

    @initialize(pages=st.integers(2, 14))
    def begin(self, pages: int) -> None:
        self.model = HashModel()
        self.cache = KVCache(self.model, pages * PAGE_BYTES)
        self.known: set[tuple[int, ...]] = {()}  # every list that was ever run, with nothing forgotten
        self.open: list[tuple[CachedSequence, list[int]]] = []

    def longest_known(self, ids: list[int]) -> int:
        return max(
            length for length in range(len(ids) + 1) if any(k[:length] == tuple(ids[:length]) for k in self.known)
        )

    @rule(
        base=st.integers(0, 10**6),
        cut=st.sampled_from([31, 32, 33, 64]) | st.integers(0, 200),
        new=tokens,
        cap=st.integers(0, 2),
    )
    def open_sequence(self, base: int, cut: int, new: list[int], cap: int) -> None:
        """Open a prompt that begins like something known; it reuses no more than was ever run."""
        if len(self.open) == 3:
            return
        ids = [*sorted(self.known)[base % len(self.known)][:cut], *new]
        limit = max(0, len(ids) - cap)
        sequence = self.cache.open(ids, limit)
        assert sequence.length <= min(limit, self.longest_known(ids))
        self.open.append((sequence, ids[: sequence.length]))
        if sequence.length:
            record = sequence.routes_from(0)
            assert record is not None
            assert record.token_ids.tolist() == ids[: sequence.length]
        self.grow(len(self.open) - 1, ids[sequence.length :])

    @rule(which=st.integers(0, 2), new=tokens)
    def grow(self, which: int, new: list[int]) -> None:
        """Run more tokens on a sequence; a full cache leaves it as it was."""
        if not self.open:
            return
        sequence, ids = self.open[which % len(self.open)]
        before = sequence.length
        try:
            extend(self.cache, sequence, new, self.model)
        except CacheFullError:
            assert sequence.length == before
        else:
            ids.extend(new)

    @rule(which=st.integers(0, 2))
    def close_sequence(self, which: int) -> None:
        """What was run is known, and found again at once, row by row."""
        if not self.open:
            return
        sequence, ids = self.open.pop(which % len(self.open))
        record = sequence.routes_from(0)
        sequence.close()
        self.known.add(tuple(ids))
        node = self.cache.tree.match(np.array(ids, dtype=np.uint32), len(ids))
        assert node.end == len(ids)
        rows = [row for step in self.cache.tree.path(node) for row in step.rows["experts"]]
        for position, row in enumerate(rows):
            assert np.array_equal(row, routing(ids[position], position, self.model.spec).numpy())
        if ids:
            assert record is not None
            assert np.array_equal(record.experts, np.stack(rows))

    @rule(pages=st.integers(1, 5))
    def evict(self, pages: int) -> None:
        """Evicting frees what it says."""
        free = self.cache.pool.free
        freed = self.cache.tree.evict(pages)
        assert self.cache.pool.free == free + freed

    @invariant()
    def tree_is_sound(self) -> None:
        """Spans join up, every held page is accounted for, and every path reads its own tokens."""
        if not hasattr(self, "cache"):
            return
        held: dict[int, int] = {}
        locks = 0
        pending: list[tuple[Node, list[int]]] = [(self.cache.tree.root, [])]
        while pending:
            node, before = pending.pop()
            ids = before + node.ids.tolist()
            assert node.end == len(ids)
            assert node.pages or node is self.cache.tree.root
            assert len(node.rows) == len(node.ids)
            table = self.cache.tree.page_table(node)
            assert len(table) == -(-node.end // 32)
            stored = [int(self.cache.kv.k[1, table[p // 32], p % 32, 0, 0]) for p in range(node.end)]
            assert stored == ids, "a page was overwritten"
            for page in node.pages:
                held[page] = held.get(page, 0) + 1
            for first, child in node.children.items():
                assert child.parent is node
                assert child.start == node.end
                assert int(child.ids[0]) == first
                assert child is self.cache.tree.root or child.locks <= max(node.locks, len(self.open))
                pending.append((child, ids))
            locks = max(locks, node.locks)
        for sequence, _ in self.open:
            for page in sequence._own:
                held[page] = held.get(page, 0) + 1
        pool = self.cache.pool
        assert pool.used == len(held)
        assert all(pool.references(page) == count for page, count in held.items())
        assert locks <= len(self.open)

    def teardown(self) -> None:
        """With everything closed, nothing is locked and eviction frees every page."""
        if not hasattr(self, "cache"):
            return
        while self.open:
            self.close_sequence(0)
        self.cache.tree.evict(self.cache.pool.capacity)
        assert self.cache.pool.used == 0
        assert self.cache.tree.root.children == {}


TreeMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestTree = TreeMachine.TestCase


def test_pool_hands_out_resident_pages_first() -> None:
    """A page that was given back is the next one taken, so memory that was never touched stays untouched."""
    pool = PagePool(4)
    first = pool.allocate()
    assert first == 0
    assert not (pool.retain(0))
    assert not (pool.release(0))
    assert pool.release(0)
    assert pool.allocate() == 0
    assert [pool.allocate() for _ in range(4)] == [1, 2, 3, None]


def test_pool_refuses_to_release_a_free_page() -> None:
    """A page let go twice is a defect, not a second free page."""
    pool = PagePool(1)
    with pytest.raises(AssertionError):
        pool.release(0)


def test_branch_in_mid_page_copies_the_page() -> None:
    """Two continuations of one 40-token prefix share its first page and have their own second ones."""
    model = HashModel()
    cache = KVCache(model, 10 * PAGE_BYTES)
    prefix = [1] * 40
    for tail in ([2] * 5, [3] * 5, [4] * 5):
        sequence = cache.open(prefix + tail, 45)
        extend(cache, sequence, (prefix + tail)[sequence.length :], model)
        sequence.close()
    assert cache.pool.used == 4


def test_straight_continuation_copies_nothing() -> None:
    """A conversation that only grows takes the pages of its tokens and no more."""
    model = HashModel()
    cache = KVCache(model, 10 * PAGE_BYTES)
    ids: list[int] = []
    for turn in range(9):
        ids += [turn] * 11
        sequence = cache.open(ids, len(ids))
        assert sequence.length == len(ids) - 11
        extend(cache, sequence, ids[-11:], model)
        sequence.close()
    assert cache.pool.used == 4  # 99 tokens


def test_eviction_shortens_the_oldest_leaf_and_spares_locked_paths() -> None:
    """The end of the least recently used leaf goes first, page by page; what a sequence stands on stays."""
    model = HashModel()
    cache = KVCache(model, 10 * PAGE_BYTES)
    for first in (1, 2):
        sequence = cache.open([first] * 100, 100)
        extend(cache, sequence, [first] * 100, model)
        sequence.close()
    assert cache.tree.evict(2) == 2
    locked = cache.open([1] * 100, 100)
    assert locked.reused == 64
    assert cache.tree.evict(100) == 4
    locked.close()
    assert cache.tree.match(np.full(100, 1, dtype=np.uint32), 100).end == 64
    assert cache.tree.match(np.full(100, 2, dtype=np.uint32), 100).end == 0
