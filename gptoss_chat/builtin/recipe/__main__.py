"""Makes the built-in model: `python -m gptoss_chat.builtin.recipe --out DIR` generates, trains, evaluates and exports.

Every step leaves its result in the work folder, so a run that was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import torch

from gptoss_chat.builtin.recipe.corpus import SKILLS, Sample, sample
from gptoss_chat.builtin.recipe.data import Encoded, Encoder, texts_of
from gptoss_chat.builtin.recipe.export import export
from gptoss_chat.builtin.recipe.tokenizer import load_tokenizer, train_tokenizer
from gptoss_chat.builtin.recipe.train import Trainer, TrainingPlan, load_checkpoint, log_line, teacher_forced
from gptoss_chat.builtin.recipe.training_model import ModelShape

_VOCAB = 1024
_POOL = 24_000
"""Conversations between two draws of fresh ones."""


def draw(rng: random.Random, encoder: Encoder, shape: ModelShape) -> Encoded:
    """A training conversation: some follow unrelated exchanges, some stand far into the context."""
    chosen = sample(rng, "train")
    history = [e for _ in range(rng.randrange(1, 4)) for e in sample(rng, "train").exchanges] if rng.random() < 0.12 else []
    offset = rng.randrange(shape.context - 600) if rng.random() < 0.1 else 0
    return encoder.encode(chosen, dated=is_dated(chosen), history=history, offset=offset)


def is_dated(chosen: Sample) -> bool:
    """Whether an answer depends on the date of the system message."""
    return any(exchange.analysis.startswith("Current date") for exchange in chosen.exchanges)


def eval_samples(per_skill: int) -> list[tuple[str, Sample]]:
    """Held-out conversations, the same ones every time."""
    rng = random.Random(1)
    return [(skill, sample(rng, "eval", skill)) for skill in SKILLS for _ in range(per_skill)]


def train(folder: Path, minutes: float) -> None:
    """Tokenizer and training, each skipped or resumed where its result is there."""
    path = folder / "tokenizer.json"
    if not path.exists():
        rng = random.Random(2)
        train_tokenizer(texts_of(sample(rng, "train") for _ in range(20_000)), size=_VOCAB).save(str(path))
    encoder = Encoder(load_tokenizer(path))
    trainer = Trainer(ModelShape(vocab=_VOCAB), encoder, TrainingPlan(minutes), folder)
    trainer.resume()
    rng = random.Random(trainer.optimiser.steps + 3)
    held_out = [(skill, encoder.encode(s, dated=is_dated(s))) for skill, s in eval_samples(24)]

    def check() -> None:
        scores = teacher_forced(trainer.model, encoder, held_out)
        log_line(folder / "log.jsonl", {"minute": trainer.elapsed_s / 60, **scores})

    def pool(share: float) -> Sequence[Encoded]:
        return [draw(rng, encoder, trainer.model.shape) for _ in range(_POOL)]

    trainer.run(pool, lambda record: log_line(folder / "log.jsonl", dict(record)), check)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m gptoss_chat.builtin.recipe", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the finished model")
    parser.add_argument("--work", type=Path, help="folder for checkpoints (default: OUT.work)")
    parser.add_argument("--minutes", type=float, default=100.0, help="time to train for (default: 100)")
    args = parser.parse_args()
    work = args.work or args.out.with_suffix(".work")
    work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    train(work, args.minutes)
    tokenizer = load_tokenizer(work / "tokenizer.json")
    export(load_checkpoint(work), tokenizer, args.out)


if __name__ == "__main__":
    main()
