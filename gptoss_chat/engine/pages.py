"""Which KV pages are free and how often each is held; it knows neither tensors nor what a page stores."""

from __future__ import annotations


class PagePool:
    """An allocator of page numbers 0 .. capacity-1 with reference counts.

    `filled[page]` is how many of a page's slots hold something: only a sequence that ends exactly there may append in
    place; any other has to copy the page first. It never understates.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.filled = [0] * capacity
        self._references = [0] * capacity
        # A stack with low numbers on top: pages touched before, and so resident, are handed out again first.
        self._free = list(range(capacity - 1, -1, -1))

    @property
    def free(self) -> int:
        """How many pages nobody holds."""
        return len(self._free)

    @property
    def used(self) -> int:
        """How many pages somebody holds."""
        return self.capacity - len(self._free)

    def allocate(self) -> int | None:
        """A free page, held once and empty; None when there is none."""
        if not self._free:
            return None
        page = self._free.pop()
        self._references[page] = 1
        self.filled[page] = 0
        return page

    def retain(self, page: int) -> None:
        """Hold a page that is already held once more."""
        assert self._references[page] > 0, f"page {page} is free"
        self._references[page] += 1

    def release(self, page: int) -> bool:
        """Let a page go; True when nobody holds it any longer."""
        assert self._references[page] > 0, f"page {page} is free"
        self._references[page] -= 1
        if self._references[page]:
            return False
        self._free.append(page)
        return True

    def references(self, page: int) -> int:
        """How often a page is held."""
        return self._references[page]
