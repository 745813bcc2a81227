"""How the next token is drawn, as plain numbers; it knows nothing of the drawing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next token is drawn. The defaults are OpenAI's recommendation for gpt-oss: temperature 1, top_p 1.

    temperature 0 means greedy. top_k 0 and min_p 0 mean off. seed None draws a fresh one (reported in Usage.seed).
    stop_ids end the answer and are not reported as text tokens' successors: the stop token itself is emitted last.
    logprobs is how many alternatives to report with each token.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    max_tokens: int | None = None
    stop_ids: frozenset[int] = frozenset()
    logprobs: int = 0
