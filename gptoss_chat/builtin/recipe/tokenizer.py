"""Trains the small byte-level BPE vocabulary of the built-in model and encodes conversations with it.

Knows nothing of models. Digits are always single tokens, so that arithmetic is about columns; every byte is in the
vocabulary, so any text can be encoded.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPLIT = r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]|\s*[\r\n]+|\s+(?!\S)|\s"
"""Words keep one leading space, digits and signs stand alone."""

SPECIAL = (
    "<|startoftext|>",
    "<|endoftext|>",
    "<|return|>",
    "<|constrain|>",
    "<|channel|>",
    "<|start|>",
    "<|end|>",
    "<|message|>",
    "<|call|>",
)


def train_tokenizer(texts: Iterable[str], *, size: int, min_frequency: int = 2) -> Tokenizer:
    """A tokenizer of `size` tokens, the special ones last."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(SPECIAL),
        min_frequency=min_frequency,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL])
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a `tokenizer.json`."""
    return Tokenizer.from_file(str(path))


def special_id(tokenizer: Tokenizer, text: str) -> int:
    """Id of a special token; every tokenizer of the recipe has them all."""
    number = tokenizer.token_to_id(text)
    assert number is not None, text
    return int(number)
