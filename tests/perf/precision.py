"""What the compiled kernels cost in precision: `python -m tests.perf.precision [conversations a skill]`.

Kullback-Leibler divergence of next-token probabilities from those of the float32 reference, in bits, over held-out
conversations of the built-in model and over random ids of a random model in the 20b's shape, smaller; prompts at once and
token by token. Weights are taken as a big model's are: experts in MXFP4, dense matrices rounded to int8, keys and values in
bfloat16. A token counts once: not again where a conversation begins as one before it. Then how often the built-in model
answers exactly, both ways. It knows nothing of speed.

T tokens, V vocabulary.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from gptoss_chat.builtin.recipe.evaluate import Answerer, evaluate, held_out
from gptoss_chat.catalog.entry import built_in_folder
from gptoss_chat.kernels import backend
from gptoss_chat.kernels.dispatch import REFERENCE
from gptoss_chat.model import checkpoint
from gptoss_chat.model.kv import PAGE_TOKENS
from gptoss_chat.model.spec import ModelSpec
from gptoss_chat.model.synthetic import preset, write_synthetic
from gptoss_chat.model.transformer import Transformer

_RANDOM_TOKENS = 256
_STEPWISE = 4
"""One sequence in so many is run token by token, too."""


@contextmanager
def weights_as_stored() -> Iterator[None]:
    """No small model is expanded to float32."""
    before = checkpoint.EXPAND_BYTES
    checkpoint.EXPAND_BYTES = 0
    try:
        yield
    finally:
        checkpoint.EXPAND_BYTES = before


def log2_probabilities(model: Transformer, ids: list[int], *, stepwise: bool) -> Tensor:
    """float64 [T, V] after each of the ids."""
    pages = -(-len(ids) // PAGE_TOKENS)
    kv, table, ids_T = model.new_kv_pool(pages), torch.arange(pages, dtype=torch.int32), torch.tensor(ids)
    if stepwise:
        logits_TV = torch.stack([model.forward(ids_T[t : t + 1], t, table, kv)[0] for t in range(len(ids))])
    else:
        logits_TV = model.forward(ids_T, 0, table, kv, all_logits=True)[0]
    return logits_TV.double().log_softmax(-1) / math.log(2)


def first_new(sequences: list[list[int]]) -> list[int]:
    """How many ids each begins with as one before it does: what is measured there was measured."""
    return [
        max((_shared(ids, other) for other in sequences[:number]), default=0) for number, ids in enumerate(sequences)
    ]


def _shared(ids: list[int], other: list[int]) -> int:
    differing = (place for place, (a, b) in enumerate(zip(ids, other, strict=False)) if a != b)
    return next(differing, min(len(ids), len(other)))


def compare(name: str, folder: Path, sequences: list[list[int]]) -> None:
    """Print the divergence of the compiled kernels on these ids."""
    backend.use(REFERENCE)
    reference = checkpoint.load_model(folder, dtype=torch.float32)
    backend.use("auto")
    compiled = checkpoint.load_model(folder)
    bits: dict[bool, list[Tensor]] = {False: [], True: []}
    same: dict[bool, list[Tensor]] = {False: [], True: []}
    for number, (ids, new) in enumerate(zip(sequences, first_new(sequences), strict=True)):
        backend.use(REFERENCE)
        expected_TV = log2_probabilities(reference, ids, stepwise=False)[new:]
        backend.use("auto")
        for stepwise in (False, True) if number % _STEPWISE == 0 else (False,):
            got_TV = log2_probabilities(compiled, ids, stepwise=stepwise)[new:]
            bits[stepwise].append((expected_TV.exp2() * (expected_TV - got_TV)).sum(-1))
            same[stepwise].append(expected_TV.argmax(-1) == got_TV.argmax(-1))
    for stepwise, what in ((False, "prompts"), (True, "token by token")):
        all_T, same_T = torch.cat(bits[stepwise]), torch.cat(same[stepwise])
        sys.stdout.write(
            f"{name:18} {what:15} {len(all_T):6} tokens: mean {all_T.mean():.2e} bits, 99 % below {all_T.quantile(0.99):.2e}, "
            f"most {all_T.max():.2e}; the same first choice {same_T.double().mean():.2%}\n"
        )
        sys.stdout.flush()


def conversations(folder: Path, per_skill: int) -> Iterator[list[int]]:
    """Ids of held-out conversations of the built-in model, with the answers that were meant."""
    answerer = Answerer(folder)
    for _, asked in held_out(per_skill):
        for prompt, gold in answerer.steps(asked):
            yield [*prompt, *gold]


def random_ids(vocab: int, sequences: int) -> Iterator[list[int]]:
    """The same ones every time."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(sequences):
        yield torch.randint(vocab, (_RANDOM_TOKENS,), generator=generator).tolist()


def random_spec() -> ModelSpec:
    """The 20b's shape, smaller."""
    whole = preset("20b")
    return replace(whole, layers=6, layer_types=whole.layer_types[:6], hidden=960, intermediate=960, vocab=8192)


def main() -> None:
    """Print everything."""
    per_skill = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    folder = built_in_folder()
    sys.stdout.write(f"{backend.describe()}\n")
    with weights_as_stored(), tempfile.TemporaryDirectory() as scratch:
        compare("built-in", folder, list(conversations(folder, per_skill)))
        spec = random_spec()
        write_synthetic(Path(scratch), spec)
        compare("random, 960 wide", Path(scratch), list(random_ids(spec.vocab, 4)))
        for name in (REFERENCE, "auto"):
            backend.use(name)
            exact = evaluate(folder, per_skill).exact
            share = sum(exact.values()) / len(exact)
            skills = ", ".join(f"{skill} {100 * part:.0f}" for skill, part in exact.items())
            sys.stdout.write(f"{backend.describe()}: {share:.2%} exact ({skills})\n")


if __name__ == "__main__":
    main()
