"""What rounding costs us and a peer: `python -m tests.perf.precision_peers llama_cpp|ik_llama_cpp built-in|random [amount]`.

The same weights, token ids and positions through our compiled kernels and through llama.cpp or ik_llama.cpp, each against the
float32 reference: Kullback-Leibler divergence of next-token probabilities in bits, then the difference of the two, with
standard errors over sequences (± one). Text is that of `precision`: held-out conversations (`amount` a skill), each token once,
or `amount` sequences of random ids. Roundings come one after the other: experts (MXFP4, the same codes; activations int8), dense
matrices (8 bits; activations, too), then the cache. With nothing rounded both must compute the same model. A GGUF rounds YaRN's
range to whole dimensions, so that here all do. Needs the peer's package and gguf; knows nothing of speed.

T tokens, V vocabulary.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from gptoss_chat.catalog.entry import built_in_folder
from gptoss_chat.errors import GptossChatError, UsageError
from gptoss_chat.kernels import backend
from gptoss_chat.kernels.dispatch import REFERENCE
from gptoss_chat.model.checkpoint import DENSE_VARIABLE, load_model
from gptoss_chat.model.spec import ModelSpec
from gptoss_chat.model.synthetic import write_synthetic
from tests.perf.gguf_file import Rounding, write_gguf
from tests.perf.peer_scores import PeerScores
from tests.perf.precision import (
    conversations,
    first_new,
    log2_probabilities,
    random_ids,
    random_spec,
    weights_as_stored,
)

Scores = Callable[[list[int]], Tensor]
"""float64 [T, V], log2 of the probabilities after each id."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What is rounded, by both."""

    name: str
    rounding: Rounding
    exact_cache: bool = True


EXACT = Stage("nothing", Rounding(experts=False, dense=False, embedding=False))
STAGES = (
    Stage("experts", Rounding(experts=True, dense=False, embedding=False)),
    Stage("and dense", Rounding(experts=True, dense=True, embedding=False)),
    Stage("and cache, as run", Rounding(experts=True, dense=True, embedding=True), exact_cache=False),
)


@contextmanager
def our_scores(folder: Path, stage: Stage) -> Iterator[Scores]:
    """Of the compiled kernels; the embedding is never rounded, and nothing is where a small model is expanded."""
    backend.use("auto")
    before = os.environ.get(DENSE_VARIABLE)
    os.environ[DENSE_VARIABLE] = "int8" if stage.rounding.dense else "bf16"
    try:
        with nullcontext() if stage is EXACT else weights_as_stored():
            model = load_model(folder, dtype=torch.float32 if stage.exact_cache else torch.bfloat16)
    finally:
        if before is None:
            del os.environ[DENSE_VARIABLE]
        else:
            os.environ[DENSE_VARIABLE] = before
    yield lambda ids: log2_probabilities(model, ids, stepwise=False)


@contextmanager
def peer_scores(package: str, folder: Path, stage: Stage, longest: int) -> Iterator[Scores]:
    """Of a peer, through a GGUF written for the stage."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.gguf"
        write_gguf(path, folder, stage.rounding)
        peer = PeerScores(package, path, longest, ModelSpec.read(folder).vocab, exact_cache=stage.exact_cache)
        yield lambda ids: peer.logits(ids).double().log_softmax(-1) / math.log(2)
        peer.close()


class Divergence:
    """Of some scores from the reference's, over all sequences."""

    def __init__(self, scores: Scores, sequences: list[list[int]], expected: list[Tensor]) -> None:
        bits, same = [], []
        for ids, expected_TV in zip(sequences, expected, strict=True):
            got_TV = scores(ids)[-len(expected_TV) :]
            bits.append((expected_TV.exp2() * (expected_TV - got_TV)).sum(-1))
            same.append(expected_TV.argmax(-1) == got_TV.argmax(-1))
        self.bits, self.same = bits, torch.cat(same).double().mean()

    def describe(self) -> str:
        """One line."""
        all_T = torch.cat(self.bits)
        return (
            f"mean {spread(self.bits)}, median {all_T.median():.1e}, 99 % below {all_T.quantile(0.99):.2e}, "
            f"most {all_T.max():.2e}; the same first choice {self.same:.2%}"
        )


def spread(values: list[Tensor]) -> str:
    """Mean over all tokens, and its standard error with sequences as the draws."""
    mean, tokens = torch.cat(values).mean(), sum(len(part) for part in values)
    error = torch.stack([(part - mean).sum() for part in values]).square().sum().sqrt() / tokens
    return f"{mean:.2e} ± {error:.0e} bits"


def compare(name: str, package: str, folder: Path, sequences: list[list[int]], stages: tuple[Stage, ...]) -> None:
    """Print every stage, the peer's and ours."""
    longest = max(len(ids) for ids in sequences)
    backend.use(REFERENCE)
    with weights_as_stored():
        reference = load_model(folder, dtype=torch.float32)
    expected = [
        log2_probabilities(reference, ids, stepwise=False)[new:]
        for ids, new in zip(sequences, first_new(sequences), strict=True)
    ]
    tokens = sum(len(expected_TV) for expected_TV in expected)
    sys.stdout.write(f"{name}: {tokens} tokens, {len(sequences)} sequences\n")
    for stage in stages:
        with peer_scores(package, folder, stage, longest) as scores:
            theirs = Divergence(scores, sequences, expected)
        with our_scores(folder, stage) as scores:
            ours = Divergence(scores, sequences, expected)
        more = [mine - other for mine, other in zip(ours.bits, theirs.bits, strict=True)]
        sys.stdout.write(f"{stage.name}\n")
        for who, line in ((package, theirs.describe()), ("gptoss-chat", ours.describe()), ("difference", spread(more))):
            sys.stdout.write(f"  {who:12} {line}\n")
        sys.stdout.flush()


def with_whole_dimensions(source: Path, folder: Path) -> None:
    """The checkpoint in `source`, YaRN's range rounded to whole dimensions, as a GGUF's is."""
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    config["rope_scaling"]["truncate"] = True
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for file in source.glob("*.safetensors"):
        (folder / file.name).symlink_to(file.resolve())


def main() -> None:
    """Print everything."""
    if len(sys.argv) < 3 or sys.argv[2] not in ("built-in", "random"):
        raise UsageError("Name a peer, llama_cpp or ik_llama_cpp, and a model, built-in or random.")
    package, model, amount = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "checkpoint"
        if model == "built-in":
            with_whole_dimensions(built_in_folder(), folder)
            compare(model, package, folder, list(conversations(built_in_folder(), amount)), (EXACT, *STAGES))
        else:
            base = random_spec()
            spec = replace(base, rope=replace(base.rope, truncate=True))
            write_synthetic(folder, spec)
            compare("random, 960 wide", package, folder, list(random_ids(spec.vocab, amount)), STAGES)


if __name__ == "__main__":
    try:
        main()
    except GptossChatError as error:
        sys.exit(str(error))
