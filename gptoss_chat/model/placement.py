"""Which parts of a model go on a GPU that does not hold all of it, by what each part costs; it knows no torch and no device.

D hidden, F intermediate, E experts, K of them a token, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gptoss_chat.model.spec import SLIDING, ModelSpec

Kind = Literal["attention", "experts", "head"]


@dataclass(frozen=True, slots=True)
class Precision:
    """Bits of a weight: of the dense matrices on the host and on the device, and of the experts; and of a cached number."""

    host_dense_bits: float
    device_dense_bits: float
    expert_bits: float
    cache_bits: float


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is computed in one place. `device_bytes` is what it occupies there, its share of the cache included;
    `host_read_bytes` and `device_read_bytes` are what a decoded token reads of it in either place."""

    kind: Kind
    layer: int
    device_bytes: int
    host_read_bytes: int
    device_read_bytes: int


@dataclass(frozen=True, slots=True)
class Rates:
    """What was measured: bytes read a second in either place, and seconds to hand one token's activations across."""

    host_bytes_per_s: float
    device_bytes_per_s: float
    crossing_s: float


@dataclass(frozen=True, slots=True)
class Placement:
    """Whether each layer's attention (with its cache) and experts, and the head, are on the device.

    The embedding is never: one of its rows is read a token, and the host does that as it is mapped.
    """

    attention: tuple[bool, ...]
    experts: tuple[bool, ...]
    head: bool

    @classmethod
    def all(cls, layers: int, *, on_device: bool) -> Placement:
        """Everything in one place."""
        return cls((on_device,) * layers, (on_device,) * layers, on_device)

    @property
    def whole(self) -> bool:
        """Whether all of the model is on the device."""
        return all((*self.attention, *self.experts, self.head))

    @property
    def any(self) -> bool:
        """Whether some of it is."""
        return any((*self.attention, *self.experts, self.head))

    def holds(self, kind: Kind, layer: int) -> bool:
        """Whether that part is on the device."""
        match kind:
            case "attention":
                return self.attention[layer]
            case "experts":
                return self.experts[layer]
            case "head":
                return self.head

    def describe(self) -> str:
        """In a few words for the user: what of the model is on the GPU."""
        attention, experts, layers = sum(self.attention), sum(self.experts), len(self.attention)
        if self.whole:
            return "all on the GPU"
        if not self.any:
            return "none on the GPU"
        if self.attention == self.experts:
            return f"{attention} of {layers} layers on the GPU"
        return f"attention of {attention} and experts of {experts} of {layers} layers on the GPU"


def parts_of(spec: ModelSpec, precision: Precision, cache_tokens: int, depth: int = 1024) -> list[Part]:
    """The parts in the order of the forward pass; a token is decoded after `depth` others.

    Norms and biases are left out: they are under a thousandth, and the reserve covers them.
    """
    D, F, E, K = spec.hidden, spec.intermediate, spec.experts, spec.experts_per_token
    rows = spec.head_dim * (spec.q_heads + 2 * spec.kv_heads)
    dense = D * rows + spec.q_heads * spec.head_dim * D
    token_bits = 2 * spec.kv_heads * spec.head_dim * precision.cache_bits
    router, expert = 32 * E * D, 3 * D * F * precision.expert_bits
    parts = []
    for layer, kind in enumerate(spec.layer_types):
        seen = token_bits * (min(depth, spec.window) if kind == SLIDING else depth)
        parts.append(
            Part(
                "attention",
                layer,
                _bytes(dense * precision.device_dense_bits + token_bits * cache_tokens),
                _bytes(dense * precision.host_dense_bits + seen),
                _bytes(dense * precision.device_dense_bits + seen),
            )
        )
        read = _bytes(router + K * expert)
        parts.append(Part("experts", layer, _bytes(router + E * expert), read, read))
    head = spec.vocab * D
    in_device = _bytes(head * precision.device_dense_bits)
    parts.append(Part("head", spec.layers - 1, in_device, _bytes(head * precision.host_dense_bits), in_device))
    return parts


def place(parts: Sequence[Part], budget_bytes: int, rates: Rates) -> Placement:
    """The placement within `budget_bytes` whose decoded token is expected to take the least time.

    Three ways of filling the budget are compared, and with using no device at all: by time saved a byte, part by part, which is
    best where experts are many; the same without the head; and all from the head back, which crosses once each way.
    """
    layers = sum(part.kind == "attention" for part in parts)
    if sum(part.device_bytes for part in parts) <= budget_bytes:
        candidates = [list(parts)]
    else:
        body = [part for part in parts if part.kind != "head"]
        candidates = [
            _fill(_by_gain(parts, rates), budget_bytes),
            _fill(_by_gain(body, rates), budget_bytes),
            _run(reversed(parts), budget_bytes),
        ]
    best, best_s = Placement.all(layers, on_device=False), token_s(parts, Placement.all(layers, on_device=False), rates)
    for chosen in candidates:
        placement = _placement(chosen, layers)
        seconds = token_s(parts, placement, rates)
        if seconds < best_s:
            best, best_s = placement, seconds
    return best


def device_bytes(parts: Iterable[Part], placement: Placement) -> int:
    """What the placement occupies on the device."""
    return sum(part.device_bytes for part in parts if placement.holds(part.kind, part.layer))


def token_s(parts: Sequence[Part], placement: Placement, rates: Rates) -> float:
    """The time that reading takes for one decoded token, and crossing: it begins and ends on the host."""
    seconds, on_device = 0.0, False
    for part in parts:
        here = placement.holds(part.kind, part.layer)
        seconds += rates.crossing_s * (here != on_device)
        if here:
            seconds += part.device_read_bytes / rates.device_bytes_per_s
        else:
            seconds += part.host_read_bytes / rates.host_bytes_per_s
        on_device = here
    return seconds + rates.crossing_s * on_device


def _by_gain(parts: Sequence[Part], rates: Rates) -> list[Part]:
    """Those that the device makes faster, the most time saved a byte first; of equal ones the later, which lie together."""

    def gain(part: Part) -> float:
        saved_s = part.host_read_bytes / rates.host_bytes_per_s - part.device_read_bytes / rates.device_bytes_per_s
        return saved_s / max(1, part.device_bytes)

    return sorted((part for part in parts if gain(part) > 0), key=lambda part: (-gain(part), -part.layer))


def _fill(parts: Iterable[Part], budget_bytes: int) -> list[Part]:
    chosen = []
    for part in parts:
        if part.device_bytes <= budget_bytes:
            budget_bytes -= part.device_bytes
            chosen.append(part)
    return chosen


def _run(parts: Iterable[Part], budget_bytes: int) -> list[Part]:
    """As many of the first ones as fit."""
    chosen = []
    for part in parts:
        if part.device_bytes > budget_bytes:
            break
        budget_bytes -= part.device_bytes
        chosen.append(part)
    return chosen


def _placement(chosen: Iterable[Part], layers: int) -> Placement:
    there = {(part.kind, part.layer) for part in chosen}
    return Placement(
        tuple(("attention", layer) in there for layer in range(layers)),
        tuple(("experts", layer) in there for layer in range(layers)),
        any(kind == "head" for kind, _ in there),
    )


def _bytes(bits: float) -> int:
    return -int(-bits // 8)
