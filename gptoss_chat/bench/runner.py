"""Times one model, in tokens and seconds, through the engine that the chat uses.

The prompts are random ids: speed does not depend on what is said.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gptoss_chat.errors import UsageError

if TYPE_CHECKING:
    from gptoss_chat.engine.types import Usage
    from gptoss_chat.model.checkpoint import Target


class Runner(Protocol):
    """Something that prefills and decodes: this program, or a peer."""

    name: str
    load_s: float

    def prompt_s(self, tokens: int) -> float:
        """Seconds to prefill a prompt that shares nothing with an earlier one."""
        ...

    def decode_s(self, depth: int, tokens: int) -> float:
        """Seconds to decode `tokens` tokens one by one after `depth` tokens, their prefill left out."""
        ...

    def peak_memory_bytes(self) -> int:
        """Largest resident set so far, mapped weights included."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class OwnRunner:
    """This program. `load_s` ends when the model can take a prompt. With `fill` what stands before decoded tokens is random
    keys and values instead of a prefill. Raises CheckpointError."""

    def __init__(
        self, name: str, folder: Path, *, longest: int, target: Target | None = None, fill: bool = False
    ) -> None:
        from gptoss_chat.bench.filled import FilledModel
        from gptoss_chat.engine.engine import Engine
        from gptoss_chat.model.checkpoint import load_model

        began = time.perf_counter()
        model = load_model(folder, target=target)
        if longest > model.spec.context_limit:
            raise UsageError(
                f"{longest} tokens are more than the {model.spec.context_limit} that {name} can hold.",
                "Ask for shorter prompts or smaller depths.",
            )
        self.model = model
        self._fill, self._filled = fill, FilledModel(model)
        self._engine = Engine(
            self._filled,
            cache_bytes=max(1 << 28, 2 * (longest + 64) * model.kv_bytes_per_token),
            prefill_chunk=model.prefill_chunk,
        )
        self.load_s = time.perf_counter() - began
        self.name = name
        self.backend = self._engine.backend
        self._rng = random.Random(0)
        self._base = self._ids(longest)

    def _ids(self, count: int) -> tuple[int, ...]:
        # Special tokens stand at the end of every vocabulary of ours; they mean nothing here, but a stop might.
        return tuple(self._rng.randrange(self.model.spec.vocab * 9 // 10) for _ in range(count))

    def _run(self, ids: tuple[int, ...], tokens: int) -> Usage:
        from gptoss_chat.engine.types import Finished, GenerateRequest, SamplingParams

        sampling = SamplingParams(temperature=0.0, max_tokens=tokens, seed=0)
        generation = self._engine.submit(GenerateRequest(ids, sampling))
        while True:
            generation.wait()
            for event in generation.drain():
                if isinstance(event, Finished):
                    if event.error is not None:
                        raise event.error
                    return event.usage

    def prompt_s(self, tokens: int) -> float:
        """See Runner."""
        usage = self._run(self._ids(tokens), 1)
        assert usage.prefilled_tokens == tokens, "a fresh random prompt was found in the cache"
        return usage.prefill_s

    def decode_s(self, depth: int, tokens: int) -> float:
        """See Runner. The tokens before come from the cache where an earlier call left them."""
        self._filled.filling = self._fill
        try:
            return self._run(self._base[: max(1, depth)], tokens + 1).decode_s  # the first token is the prefill's
        finally:
            self._filled.filling = False

    def peak_memory_bytes(self) -> int:
        """See Runner; of this process."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def peak_device_bytes(self) -> int:
        """The most that torch has had of a GPU's memory since the start; 0 without one."""
        import torch

        return torch.cuda.max_memory_reserved(self.model.device) if self.model.device is not None else 0

    def close(self) -> None:
        """See Runner."""
        self._engine.close()
