"""Keys and values of a model's layers in pages; knows nothing of whose pages these are.

P pages, S = 32 slots a page, G key-value heads, C head size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

PAGE_TOKENS = 32


@dataclass(frozen=True, slots=True)
class KVPool:
    """Keys (rotated) and values of each layer, [P, S, G, C], where the layer's attention is computed.

    On the CPU memory is touched only where a page is written.
    """

    k: tuple[Tensor, ...]
    v: tuple[Tensor, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all pages of all layers."""
        return sum(layer.nbytes for layer in (*self.k, *self.v))

    def copy_page(self, source: int, target: int) -> None:
        """Make page `target` what page `source` is, in every layer."""
        for layer in (*self.k, *self.v):
            layer[target] = layer[source]


def new_pool(pages: int, kv_heads: int, head_dim: int, dtype: torch.dtype, devices: Sequence[torch.device]) -> KVPool:
    """An uninitialised pool of `pages` pages for layers on `devices`."""
    shape = (pages, PAGE_TOKENS, kv_heads, head_dim)

    def layers() -> tuple[Tensor, ...]:
        # Those of the CPU are one allocation, of which the system commits what is written; a device gives each its own.
        near = iter(torch.empty((sum(device.type == "cpu" for device in devices), *shape), dtype=dtype).unbind())
        return tuple(
            next(near) if device.type == "cpu" else torch.empty(shape, dtype=dtype, device=device) for device in devices
        )

    return KVPool(layers(), layers())
