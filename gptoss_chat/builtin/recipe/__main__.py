"""Makes the built-in model: `python -m gptoss_chat.builtin.recipe --out DIR` generates, trains, evaluates and exports.

Every step leaves its result in the work folder, so a run that was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

import torch

from gptoss_chat.builtin.recipe.card import write_card
from gptoss_chat.builtin.recipe.corpus import SKILLS, WEIGHTS, Sample, sample
from gptoss_chat.builtin.recipe.data import Encoded, Encoder, texts_of
from gptoss_chat.builtin.recipe.evaluate import evaluate
from gptoss_chat.builtin.recipe.export import export
from gptoss_chat.builtin.recipe.tokenizer import load_tokenizer, train_tokenizer
from gptoss_chat.builtin.recipe.train import Trainer, TrainingPlan, load_checkpoint, log_line, teacher_forced
from gptoss_chat.builtin.recipe.training_model import ModelShape

_VOCAB = 640
_POOL = 4_096
"""Conversations between two draws of fresh ones."""


def draw(rng: random.Random, encoder: Encoder, shape: ModelShape, weights: Sequence[float] = WEIGHTS) -> Encoded:
    """A training conversation of a skill drawn by weight: some follow unrelated exchanges, some stand far into the context."""
    chosen = sample(rng, "train", rng.choices(SKILLS, weights)[0])
    earlier = [sample(rng, "train") for _ in range(rng.randrange(1, 4))] if rng.random() < 0.12 else []
    history = [exchange for one in earlier if chosen.tools or not one.tools for exchange in one.exchanges]
    offset = rng.randrange(shape.context - 600) if rng.random() < 0.1 else 0
    return encoder.encode(chosen, dated=is_dated(chosen), history=history, offset=offset)


def is_dated(chosen: Sample) -> bool:
    """Whether an answer depends on the date of the system message."""
    return any(exchange.analysis.startswith("Current date") for exchange in chosen.exchanges)


def watched() -> list[tuple[str, Sample]]:
    """Held-out conversations that are looked at while training, the same ones every time."""
    rng = random.Random(1)
    return [(skill, sample(rng, "eval", skill)) for skill in SKILLS for _ in range(32)]


def train(folder: Path, minutes: float) -> tuple[float, int]:
    """Tokenizer and training, each skipped or resumed where its result is there; answers minutes and updates."""
    path = folder / "tokenizer.json"
    if not path.exists():
        rng = random.Random(2)
        train_tokenizer(texts_of(sample(rng, "train") for _ in range(20_000)), size=_VOCAB).save(str(path))
    encoder = Encoder(load_tokenizer(path))
    trainer = Trainer(ModelShape(vocab=_VOCAB), encoder, TrainingPlan(minutes), folder)
    trainer.resume()
    rng = random.Random(trainer.optimiser.steps + 3)
    held_out = [(skill, encoder.encode(s, dated=is_dated(s))) for skill, s in watched()]

    scores: dict[str, float] = {}

    def check() -> None:
        scores.update(teacher_forced(trainer.model, encoder, held_out))
        log_line(folder / "log.jsonl", {"minute": trainer.elapsed_s / 60, **scores})

    def pool() -> Sequence[Encoded]:
        # A skill that is learnt makes room for those that are not.
        weights = [weight * (1.15 - scores.get(skill, 0.0)) for skill, weight in zip(SKILLS, WEIGHTS, strict=True)]
        return [draw(rng, encoder, trainer.model.shape, weights) for _ in range(_POOL)]

    trainer.run(pool, lambda record: log_line(folder / "log.jsonl", dict(record)), check)
    return trainer.elapsed_s / 60, trainer.optimiser.steps


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m gptoss_chat.builtin.recipe", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the finished model")
    parser.add_argument("--work", type=Path, help="folder for checkpoints (default: OUT.work)")
    parser.add_argument("--minutes", type=float, default=100.0, help="time to train for (default: 100)")
    parser.add_argument("--per-skill", type=int, default=200, help="held-out prompts a skill (default: 200)")
    args = parser.parse_args()
    work = args.work or args.out.with_suffix(".work")
    work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    minutes, steps = train(work, args.minutes)
    export(load_checkpoint(work), load_tokenizer(work / "tokenizer.json"), args.out)
    figures = evaluate(args.out, args.per_skill)
    (work / "figures.json").write_text(json.dumps(figures.as_dict(), indent=1) + "\n", encoding="utf-8")
    write_card(args.out, figures, minutes=minutes, steps=steps)
    log_line(work / "log.jsonl", {"exact": figures.exact, "least load": min(figures.least_load)})


if __name__ == "__main__":
    main()
