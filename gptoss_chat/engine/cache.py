"""The KV cache: one model's pages, the tree that remembers them, and sequences that grow on it; it knows no sampling.

Legend: T tokens, L layers, K places for chosen experts, S = 32 tokens a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gptoss_chat.engine.pages import PagePool
from gptoss_chat.engine.prefix_tree import Node, PrefixTree
from gptoss_chat.engine.protocol import PAGE_TOKENS, LanguageModel
from gptoss_chat.engine.rows import Rows, cut_to, put, put_draw, record_of, row_type
from gptoss_chat.engine.types import RouteRecord
from gptoss_chat.errors import MemoryLimitError

# Never more than this many full contexts: for a tiny model a setting in GiB would be millions of pages.
MAX_CONTEXTS = 64


class CacheFullError(Exception):
    """Every page is held by something that is in use."""


class KVCache:
    """Pages of keys and values within `cache_bytes`; routing rows (under 1 % of that) come on top.

    Raises MemoryLimitError when `cache_bytes` holds no page, or when the machine does not have that much.
    """

    def __init__(self, model: LanguageModel[Any], cache_bytes: int) -> None:
        spec = model.spec
        one_page = model.new_kv_pool(1)
        self.page_bytes: int = one_page.nbytes
        pages = min(cache_bytes // self.page_bytes, MAX_CONTEXTS * pages_for(spec.context_limit))
        if pages < 1:
            raise MemoryLimitError(
                f"A cache of {cache_bytes:,} bytes is too small: {PAGE_TOKENS} tokens take {self.page_bytes:,} bytes.",
                "Raise the cache size in the settings.",
            )
        # One allocation of the full size: the operating system commits memory only when a page is first written.
        try:
            self.kv = model.new_kv_pool(pages)
        except RuntimeError as error:  # torch's "can't allocate memory"
            raise MemoryLimitError(
                f"There is no memory for a cache of {pages * self.page_bytes / 2**30:.1f} GiB.",
                "Lower the cache size in the settings.",
            ) from error
        self.pool = PagePool(pages)
        self.row = row_type(spec.layers, spec.experts_per_token)
        self.tree = PrefixTree(self.pool, self.row)
        self._layers = spec.layers
        self.max_pages = min(pages, pages_for(spec.context_limit))

    def open(self, ids: Sequence[int], reuse_limit: int, width: int | None = None) -> CachedSequence:
        """A sequence that begins with what is known of ids[:reuse_limit]; close it to give its tokens to the tree.

        `width` is how many places for experts its rows need, when that is not the model's own number.
        """
        row = self.row if width is None else row_type(self._layers, width)
        ids_T = np.asarray(ids, dtype=np.uint32)
        node = self.tree.match(ids_T, reuse_limit)
        self.tree.lock(node)
        try:
            return CachedSequence(self, node, row)
        except CacheFullError:
            # No page for the copy of the last, partly filled one: begin at the page boundary before it.
            self.tree.unlock(node)
            node = self.tree.match(ids_T, node.end // PAGE_TOKENS * PAGE_TOKENS)
            self.tree.lock(node)
            return CachedSequence(self, node, row)

    def take_page(self) -> int:
        """An empty page, evicting the least recently used leaf when none is free. Raises CacheFullError."""
        page = self.pool.allocate()
        if page is None:
            self.tree.evict(1)
            page = self.pool.allocate()
        if page is None:
            raise CacheFullError
        return page

    def copy_page(self, source: int) -> int:
        """A new page with the contents of `source` in every layer. Raises CacheFullError."""
        page = self.take_page()
        self.kv.copy_page(source, page)
        return page


class CachedSequence:
    """One sequence being run: what it reuses is locked in the tree, what it adds is its own until `close`.

    `length` is how many tokens have their keys and values in the cache; `reused` of them were there before.
    """

    def __init__(self, cache: KVCache, node: Node, row: np.dtype[np.void]) -> None:
        self._cache = cache
        self._node = node
        self.reused = self.length = node.end
        self._ids: list[int] = []
        self._rows = np.empty(256, row)
        table = cache.tree.page_table(node)
        self._own: list[int] = []  # pages from position `reused` on
        if node.end % PAGE_TOKENS:
            pool, last = cache.pool, table[-1]
            if pool.filled[last] == node.end % PAGE_TOKENS:
                pool.retain(last)
            else:
                last = table[-1] = cache.copy_page(last)
            pool.filled[last] = PAGE_TOKENS  # claimed until close
            self._own.append(last)
        self._pages = len(table)
        self._table_n = torch.zeros(cache.max_pages, dtype=torch.int32)
        self._table_n[: len(table)] = torch.tensor(table, dtype=torch.int32)

    def page_table(self, end: int) -> Tensor:
        """The pages (int32) of positions 0 .. end, with room made for those that are new. Raises CacheFullError."""
        pages = pages_for(end)
        while self._pages < pages:
            page = self._cache.take_page()
            self._cache.pool.filled[page] = PAGE_TOKENS
            self._own.append(page)
            self._table_n[self._pages] = page
            self._pages += 1
        return self._table_n[:pages]

    def extend(self, ids: Sequence[int], experts_TLK: Tensor, weights_TLK: Tensor, entropy_TL: Tensor) -> None:
        """Note that `ids` have been run: their keys and values are in the pages, here is their routing."""
        used = len(self._ids)
        end = used + len(ids)
        if end > len(self._rows):
            # The experts of a row are never rewritten, so that events may hold views of them: growing makes a new array.
            larger = np.empty(max(end, 2 * len(self._rows)), self._rows.dtype)
            larger[:used] = self._rows[:used]
            self._rows = larger
        put(self._rows[used:end], experts_TLK.numpy(), weights_TLK.numpy(), entropy_TL.numpy())
        self._ids.extend(ids)
        self.length += len(ids)

    def note_draw(self, logprob: float, alternatives: Sequence[tuple[int, float]]) -> None:
        """Note how the token that was run last was drawn: its log-probability, and the likeliest tokens with theirs."""
        put_draw(self._rows, len(self._ids) - 1, logprob, alternatives)

    def last_routing(self) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
        """Experts and weights [L, K] of the token that was run last."""
        row = len(self._ids) - 1
        return self._rows["experts"][row], self._rows["weights"][row]

    def routes_from(self, start: int) -> RouteRecord | None:
        """The routing of positions start .. length, reused ones included; None when there are none.

        A sequence of another width than the cache's has rows of its own only: `start` must not be among the reused ones.
        """
        if start >= self.length:
            return None
        ids: list[NDArray[np.uint32]] = []
        rows: list[Rows] = []
        for node in self._cache.tree.path(self._node):
            if node.end > start:
                skip = max(0, start - node.start)
                ids.append(node.ids[skip:])
                rows.append(node.rows[skip:])
        skip = max(0, start - self.reused)
        ids.append(np.array(self._ids[skip:], dtype=np.uint32))
        rows.append(self._rows[skip : len(self._ids)])
        return record_of(start, np.concatenate(ids), np.concatenate(rows))

    def forget_from(self, position: int) -> None:
        """Do not give the tree what was run from `position` on: it holds only for this sequence."""
        del self._ids[max(0, position - self.reused) :]
        self.length = self.reused + len(self._ids)

    def close(self) -> None:
        """Give everything that was run to the tree and let the path go."""
        cache, rows = self._cache, len(self._ids)
        held = pages_for(self.length) - self.reused // PAGE_TOKENS
        if self._own and held > 0 and self.length % PAGE_TOKENS:
            cache.pool.filled[self._own[held - 1]] = self.length % PAGE_TOKENS
        if rows:
            cache.tree.insert(
                self._node,
                np.array(self._ids, dtype=np.uint32),
                self._own[:held],
                cut_to(self._rows[:rows], cache.row),
            )
        for page in self._own:
            cache.pool.release(page)
        self._own.clear()
        cache.tree.unlock(self._node)


def pages_for(tokens: int) -> int:
    """How many pages `tokens` tokens take."""
    return -(-tokens // PAGE_TOKENS)
