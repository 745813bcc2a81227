"""The vocabulary: text to token ids and back; it knows nothing of messages.

The checkpoint's own tokenizer file becomes a tiktoken Encoding, so nothing is downloaded.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import tiktoken

from gptoss_chat.errors import CheckpointError


class Special(StrEnum):
    """The control tokens that the chat format needs."""

    START = "<|start|>"
    END = "<|end|>"
    MESSAGE = "<|message|>"
    CHANNEL = "<|channel|>"
    CONSTRAIN = "<|constrain|>"
    RETURN = "<|return|>"
    CALL = "<|call|>"
    ENDOFTEXT = "<|endoftext|>"


O200K_PATTERN = "|".join(
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
"""How o200k_base and o200k_harmony cut text into pieces before merging (tiktoken's `openai_public.py`)."""

GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""What a `ByteLevel` pre-tokenizer with `use_regex` cuts by."""

_LONG_BLANK = re.compile(r"(\s{100000})")
"""tiktoken's regular expression engine runs out of stack on half a million blanks in a row: such runs are cut."""

O200K_HARMONY_SPECIAL_IDS: Mapping[str, int] = {
    "<|startoftext|>": 199998,
    "<|endoftext|>": 199999,
    "<|reserved_200000|>": 200000,
    "<|reserved_200001|>": 200001,
    "<|return|>": 200002,
    "<|constrain|>": 200003,
    "<|reserved_200004|>": 200004,
    "<|channel|>": 200005,
    "<|start|>": 200006,
    "<|end|>": 200007,
    "<|message|>": 200008,
    "<|reserved_200009|>": 200009,
    "<|reserved_200010|>": 200010,
    "<|reserved_200011|>": 200011,
    "<|call|>": 200012,
}


class HarmonyEncoding:
    """Token ids for text, and the control tokens by name.

    ranks: the bytes of every ordinary token (all 256 single bytes among them) with its id, which is its merge rank.
    pattern: the regular expression that cuts text into pieces before merging. special_ids: control tokens by text.
    Raises CheckpointError when bytes or control tokens are missing or the pattern is no regular expression.
    """

    def __init__(self, ranks: Mapping[bytes, int], pattern: str, special_ids: Mapping[str, int]) -> None:
        missing: list[str] = [name for name in Special if name not in special_ids]
        if missing:
            raise CheckpointError(f"The vocabulary lacks the harmony control tokens {', '.join(missing)}.")
        lacking = [byte for byte in range(256) if bytes((byte,)) not in ranks]
        if lacking:
            raise CheckpointError(
                f"The vocabulary lacks {len(lacking)} of the 256 bytes, the first is {lacking[0]:#04x}."
            )
        if len(ids := {*ranks.values(), *special_ids.values()}) != len(ranks) + len(special_ids):
            raise CheckpointError("The vocabulary gives one id to two tokens.")
        self._ids = ids
        self._special_ids = dict(special_ids)
        # The last alternative catches what the pattern doesn't match, which tiktoken would drop without a word.
        covering = rf"{pattern}|(?s:.)"
        try:
            self._tiktoken = tiktoken.Encoding(
                "harmony", pat_str=covering, mergeable_ranks=dict(ranks), special_tokens=self._special_ids
            )
        except ValueError as error:
            raise CheckpointError(f"The vocabulary's pattern is no regular expression: {error}.") from error

    def encode_text(self, text: str) -> list[int]:
        """Token ids of `text`. Never a control token, whatever the text says."""
        return [token_id for part in _LONG_BLANK.split(text) for token_id in self._tiktoken.encode_ordinary(part)]

    def special(self, name: str) -> int:
        """The id of a control token such as `Special.START`. Raises KeyError for a name that the vocabulary lacks."""
        return self._special_ids[name]

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """The ids at which the model is done: return, call, endoftext."""
        return frozenset(self._special_ids[name] for name in (Special.RETURN, Special.CALL, Special.ENDOFTEXT))

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """The ids of all control and reserved tokens."""
        return frozenset(self._special_ids.values())

    @cached_property
    def vocab_size(self) -> int:
        """One more than the highest id."""
        return max(self._ids) + 1

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes of any ids, control tokens as their text; an id without a token reads `<|reserved_N|>`.

        Never raises.
        """
        return b"".join(self._bytes_of(token_id) for token_id in ids)

    def _bytes_of(self, token_id: int) -> bytes:
        if token_id in self._ids:
            return self._tiktoken.decode_single_token_bytes(token_id)
        return f"<|reserved_{token_id}|>".encode()


def load_encoding(folder: Path) -> HarmonyEncoding:
    """The encoding of a model folder: its `tokenizer.json`, or a `*.tiktoken` ranks file beside it.

    OpenAI's `original/` folder holds weights only, so the folder above it is looked at too.
    Raises CheckpointError when there is neither, or the file is damaged or of another kind of tokenizer.
    """
    folders = [folder, folder.parent] if folder.name == "original" else [folder]
    for place in folders:
        if (path := place / "tokenizer.json").is_file():
            return _from_tokenizer_json(path)
        if rank_files := sorted(place.glob("*.tiktoken")):
            return HarmonyEncoding(_read_ranks(rank_files[0]), O200K_PATTERN, O200K_HARMONY_SPECIAL_IDS)
    raise CheckpointError(
        f"{folder} holds no vocabulary.", "Copy tokenizer.json from the model's repository into the folder."
    )


def _read_ranks(path: Path) -> dict[bytes, int]:
    """The lines of a tiktoken file: the token's bytes in base64, a space, its rank."""
    try:
        lines = [line.split() for line in path.read_bytes().splitlines() if line]
        return {base64.b64decode(token, validate=True): int(rank) for token, rank in lines}
    except (OSError, ValueError, binascii.Error) as error:
        raise CheckpointError(f"{path} can't be read as a tiktoken vocabulary: {error}.") from error


def _from_tokenizer_json(path: Path) -> HarmonyEncoding:
    try:
        tokenizer = json.loads(path.read_bytes())
        return HarmonyEncoding(*_byte_level_bpe(tokenizer))
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error.message}", error.hint) from error
    except OSError as error:
        raise CheckpointError(f"{path} can't be read: {error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise CheckpointError(f"{path} is damaged or no tokenizer file ({type(error).__name__}: {error}).") from error


def _byte_level_bpe(tokenizer: Mapping[str, Any]) -> tuple[dict[bytes, int], str, dict[str, int]]:
    """Ranks, pattern and control tokens of a Hugging Face byte-level BPE tokenizer."""
    model = tokenizer["model"]
    if model.get("type") != "BPE":
        raise CheckpointError(f"The tokenizer is of type {model.get('type')!r}, not byte-level BPE.")
    if tokenizer.get("normalizer") is not None:
        raise CheckpointError("The tokenizer changes text before it cuts it (normalizer), which is not supported.")
    special_ids = {token["content"]: int(token["id"]) for token in tokenizer["added_tokens"]}
    vocab: dict[str, int] = {token: int(at) for token, at in model["vocab"].items() if token not in special_ids}
    _check_merge_order(vocab, model["merges"])
    byte_of = _byte_of_character()
    try:
        ranks = {bytes(byte_of[character] for character in token): at for token, at in vocab.items()}
    except KeyError as error:
        raise CheckpointError(f"The vocabulary is not byte-level: a token holds {error}.") from None
    return ranks, _pattern(tokenizer["pre_tokenizer"]), special_ids


def _check_merge_order(vocab: Mapping[str, int], merges: Iterable[str | list[str]]) -> None:
    """tiktoken merges by token id, Hugging Face by the order of the merge list: refuse a file in which they differ.

    A token may be listed again further down with other halves; only its first merge counts.
    """
    seen: set[str] = set()
    last_id = -1
    for merge in merges:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        token = left + right
        if token in seen:
            continue
        seen.add(token)
        if vocab[token] <= last_id:
            raise CheckpointError("The tokenizer's merges are not in the order of its token ids.")
        last_id = vocab[token]


def _pattern(pre_tokenizer: Mapping[str, Any]) -> str:
    """The one regular expression of a `Split` then `ByteLevel` sequence (or of `ByteLevel` alone)."""
    steps = pre_tokenizer["pretokenizers"] if pre_tokenizer["type"] == "Sequence" else [pre_tokenizer]
    patterns: list[str] = []
    for step in steps:
        match step:
            case {"type": "Split", "pattern": {"Regex": str(regex)}, "behavior": "Isolated", **rest} if not rest.get(
                "invert"
            ):
                patterns.append(regex)
            case {"type": "ByteLevel", "add_prefix_space": False, **rest}:
                if rest.get("use_regex", True):
                    patterns.append(GPT2_PATTERN)
            case _:
                raise CheckpointError(f"The tokenizer's pre-tokenizer {step.get('type')!r} is not supported.")
    if len(patterns) != 1:
        raise CheckpointError(f"The tokenizer cuts text by {len(patterns)} patterns; one is supported.")
    return patterns[0]


def _byte_of_character() -> dict[str, int]:
    """The printable characters that stand for bytes in byte-level BPE files (GPT-2's `bytes_to_unicode`, inverted)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others: Iterator[int] = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}
