"""Vocabularies are read from checkpoints, and text is encoded as the checkpoint's own tokenizer would."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers

from gptoss_chat.errors import CheckpointError
from gptoss_chat.harmony import HarmonyEncoding, load_encoding
from gptoss_chat.harmony.encoding import O200K_HARMONY_SPECIAL_IDS, O200K_PATTERN
from tests.encodings import SPECIALS, byte_encoding

TEXTS = [
    "The quick brown fox jumps over the lazy dog, didn't it? Naïve café: 12345 + 67 = 12412.\n\n\tdef f(x):\r\n",
    "the then there these they this that those three through, and other others another brother 你好 世界 🌍🌍",
] * 3


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """A small byte-level BPE tokenizer in the form of the published checkpoints."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(O200K_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    )
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIALS])
    return tokenizer


@pytest.fixture(scope="module")
def folder(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with that tokenizer."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text() | st.lists(st.sampled_from(["the ", "there", "n't", "12345", "\n\n ", "café", "🌍"])).map("".join)
)
def test_ids_equal_the_tokenizers_own(tokenizer: Tokenizer, loaded: HarmonyEncoding, text: str) -> None:
    """Any text without a control token's name gets the ids of the Hugging Face library."""
    assert loaded.encode_text(text) == tokenizer.encode(text, add_special_tokens=False).ids


@pytest.fixture(scope="module")
def loaded(folder: Path) -> HarmonyEncoding:
    """The encoding read from that folder."""
    return load_encoding(folder)


def test_tokenizer_json_gives_control_tokens_and_size(tokenizer: Tokenizer, loaded: HarmonyEncoding) -> None:
    """Control tokens have the ids of the file, and the size is the file's."""
    assert {name: loaded.special(name) for name in SPECIALS} == {name: tokenizer.token_to_id(name) for name in SPECIALS}
    assert loaded.vocab_size == tokenizer.get_vocab_size()
    names = ("<|return|>", "<|call|>", "<|endoftext|>")
    assert loaded.stop_ids == {tokenizer.token_to_id(name) for name in names}


@pytest.mark.parametrize("name", SPECIALS)
def test_typed_control_token_is_plain_text(loaded: HarmonyEncoding, name: str) -> None:
    """The name of a control token, typed, is text and reads back as typed."""
    ids = loaded.encode_text(f"a{name}b")
    assert not loaded.special_ids & set(ids)
    assert loaded.decode_bytes(ids) == f"a{name}b".encode()


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_text_survives_a_round_trip(text: str) -> None:
    """Encoding loses nothing."""
    encoding = byte_encoding()
    assert encoding.decode_bytes(encoding.encode_text(text)).decode() == text


def test_text_outside_the_pattern_is_kept() -> None:
    """A pattern that matches digits only still encodes everything else."""
    encoding = HarmonyEncoding(
        {bytes((b,)): b for b in range(256)}, r"\d+", {n: 256 + i for i, n in enumerate(SPECIALS)}
    )
    assert encoding.decode_bytes(encoding.encode_text("ab 12\ncd")) == b"ab 12\ncd"


def test_very_long_runs_are_encoded() -> None:
    """A million blanks, or letters, in a row neither crash nor vanish."""
    encoding = byte_encoding()
    for text in (" " * 1_000_000, "\n \t" * 300_000, "a" * 300_000):
        assert len(encoding.encode_text(text)) == len(text)


def test_lone_surrogate_is_replaced(encoding: HarmonyEncoding) -> None:
    """A half character, as broken pipes of other programs bring it, is replaced and not raised about."""
    assert encoding.decode_bytes(encoding.encode_text("\ud800x")).decode() == "\ufffdx"


def test_ranks_file_gets_the_published_pattern_and_control_tokens(tmp_path: Path) -> None:
    """A `*.tiktoken` file is read as o200k_harmony: its control tokens have the published ids."""
    tokens = [bytes((byte,)) for byte in range(256)] + [b"th", b"the"]
    lines = [base64.b64encode(token) + b" " + str(rank).encode() for rank, token in enumerate(tokens)]
    (tmp_path / "o200k_base.tiktoken").write_bytes(b"\n".join(lines) + b"\n")
    encoding = load_encoding(tmp_path)
    assert encoding.encode_text("the") == [257]
    assert encoding.special("<|call|>") == 200012
    assert encoding.vocab_size == max(O200K_HARMONY_SPECIAL_IDS.values()) + 1
    original = tmp_path / "original"
    original.mkdir()
    assert load_encoding(original).encode_text("the") == [257]


def _changed(change: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    def apply(text: str) -> str:
        tokenizer = json.loads(text)
        change(tokenizer)
        return json.dumps(tokenizer)

    return apply


DAMAGES: dict[str, tuple[Callable[[str], str], str]] = {
    "truncated": (lambda text: text[: len(text) // 2], "damaged"),
    "not an object": (lambda text: "[]", "damaged"),
    "no model": (_changed(lambda t: t.pop("model")), "damaged"),
    "another kind": (_changed(lambda t: t["model"].update(type="Unigram")), "Unigram"),
    "normalizer": (_changed(lambda t: t.update(normalizer={"type": "NFC"})), "normalizer"),
    "no control tokens": (_changed(lambda t: t.update(added_tokens=[])), "<|start|>"),
    "a byte is missing": (_changed(lambda t: t["model"]["vocab"].pop("Ā")), "0x00"),
    "one id twice": (_changed(lambda t: t["added_tokens"][0].update(id=5)), "one id"),
    "not byte-level": (_changed(lambda t: t["model"]["vocab"].update({"你": 5000})), "byte-level"),
    "merges out of order": (_changed(lambda t: t["model"]["merges"].reverse()), "order"),
    "two patterns": (
        _changed(lambda t: t["pre_tokenizer"]["pretokenizers"].insert(0, t["pre_tokenizer"]["pretokenizers"][0])),
        "2 patterns",
    ),
    "no regular expression": (
        _changed(lambda t: t["pre_tokenizer"]["pretokenizers"][0].update(pattern={"Regex": "(["})),
        "regular expression",
    ),
    "another pre-tokenizer": (_changed(lambda t: t.update(pre_tokenizer={"type": "Metaspace"})), "Metaspace"),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_bad_tokenizer_file_is_one_sentence(
    folder: Path, tmp_path: Path, damage: Callable[[str], str], words: str
) -> None:
    """A damaged or foreign file is a CheckpointError that names the file and what is wrong."""
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    (tmp_path / "tokenizer.json").write_text(damage(text), encoding="utf-8")
    with pytest.raises(CheckpointError) as caught:
        load_encoding(tmp_path)
    assert str(tmp_path / "tokenizer.json") in caught.value.message
    assert words in caught.value.message


@pytest.mark.parametrize("content", [b"x", b"!!! 1", b"YQ== one", b"\xff\xfe 1"])
def test_bad_ranks_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    """A damaged ranks file is named."""
    (tmp_path / "a.tiktoken").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.tiktoken"):
        load_encoding(tmp_path)


def test_folder_without_a_vocabulary_says_what_to_do(tmp_path: Path) -> None:
    """The remedy is to copy the file."""
    with pytest.raises(CheckpointError) as caught:
        load_encoding(tmp_path)
    assert "tokenizer.json" in caught.value.hint
