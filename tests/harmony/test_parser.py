"""The streaming parser on good and on malformed streams."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss_chat.harmony import (
    HarmonyEncoding,
    MessageEnded,
    MessageStarted,
    Special,
    StreamParser,
    TextDelta,
    render,
    visible_channel,
)
from gptoss_chat.harmony.encoding import O200K_PATTERN
from gptoss_chat.harmony.messages import AssistantMessage
from tests.encodings import SPECIALS, byte_encoding
from tests.harmony.streams import all_text, brief, ids_of, parse

C, M, S, E, R, K, CALL = (
    "<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|return|>", "<|constrain|>", "<|call|>"
)  # fmt: skip

GOOD = {
    "analysis, then final": (
        f"{C}analysis{M}Think.{E}{S}assistant{C}final{M}4.{R}",
        [("analysis", None, "Think.", "end"), ("final", None, "4.", "return")],
    ),
    "call, recipient on the channel side": (
        f"{C}commentary to=functions.f {K}json{M}{{}}{CALL}",
        [("commentary", "functions.f", "{}", "call")],
    ),
    "call, recipient on the role side": (
        f" to=functions.f{C}commentary {K}json{M}{{}}{CALL}",
        [("commentary", "functions.f", "{}", "call")],
    ),
    "call, content type without constrain": (
        f"{C}commentary to=functions.f json{M}{{}}{CALL}",
        [("commentary", "functions.f", "{}", "call")],
    ),
    "preamble, then call": (
        f"{C}commentary{M}Plan.{E}{S}assistant to=functions.f{C}commentary{M}x{CALL}",
        [("commentary", None, "Plan.", "end"), ("commentary", "functions.f", "x", "call")],
    ),
    "recipient all is nobody": (f" to=all{C}final{M}x{R}", [("final", None, "x", "return")]),
    "empty message": (f"{C}final{M}{R}", [("final", None, "", "return")]),
}

MALFORMED = {
    "no header at all": ("Hello you", [("final", None, "Hello you", "implicit")]),
    "no channel": (f"{M}Hello{R}", [("final", None, "Hello", "return")]),
    "text that begins like a header": ("assist to all", [("final", None, "assist to all", "implicit")]),
    "text that begins with to": ("to be or not", [("final", None, "to be or not", "implicit")]),
    "start inside content": (
        f"{C}analysis{M}Think{S}assistant{C}final{M}4",
        [("analysis", None, "Think", "implicit"), ("final", None, "4", "implicit")],
    ),
    "channel inside content": (
        f"{C}analysis{M}Think{C}final{M}4{R}",
        [("analysis", None, "Think", "implicit"), ("final", None, "4", "return")],
    ),
    "message inside content": (f"{C}final{M}a{M}b{R}", [("final", None, "ab", "return")]),
    "constrain inside content": (f"{C}final{M}a{K}b{R}", [("final", None, "ab", "return")]),
    "doubled to=": (
        f" to=functions.f{C}commentary to=functions.f{M}x",
        [("commentary", "functions.f", "x", "implicit")],
    ),
    "doubled to= in one word": (
        f"{C}commentary to=to=functions.f{M}x",
        [("commentary", "functions.f", "x", "implicit")],
    ),
    "to= without a name": (f"{C}commentary to={M}x", [("commentary", None, "x", "implicit")]),
    "channel fused with to=": (f"{C}commentaryto=functions.f{M}x", [("commentary", "functions.f", "x", "implicit")]),
    "repeated channel": (f"{C}analysis{C}final{M}x{R}", [("final", None, "x", "return")]),
    "channel token doubled": (f"{C}{C}analysis{M}x{E}", [("analysis", None, "x", "end")]),
    "channel without a name": (f"{C}{M}x{R}", [("final", None, "x", "return")]),
    "missing message, words": (f"{C}final The sum is 4{R}", [("final", None, " The sum is 4", "return")]),
    "missing message, one word": (f"{C}final 4{R}", [("final", None, " 4", "return")]),
    "missing message, fused": (f"{C}analysisWe need it{E}", [("analysis", None, "We need it", "end")]),
    "missing message, other script": (f"{C}final你好{R}", [("final", None, "你好", "return")]),
    "missing message, arguments": (
        f'{C}commentary to=functions.f {K}json{{"a":1}}{CALL}',
        [("commentary", "functions.f", '{"a":1}', "call")],
    ),
    "missing message and channel name": (
        f"{C}finally we are done{R}",
        [("final", None, "finally we are done", "return")],
    ),
    "missing message after the role": (f"{E}{S}assistant Hello there{R}", [("final", None, " Hello there", "return")]),
    "missing message after an unknown role": (f"{S}Hello{R}", [("final", None, "Hello", "return")]),
    "header that never ends": (f"{C}{'x' * 300}", [("final", None, "x" * 300, "implicit")]),
    "text after end": (
        f"{C}analysis{M}a{E}stray words{S}assistant{C}final{M}b{R}",
        [("analysis", None, "a", "end"), ("final", None, "stray words", "implicit"), ("final", None, "b", "return")],
    ),
    "text after return": (
        f"{C}final{M}a{R}more",
        [("final", None, "a", "return"), ("final", None, "more", "implicit")],
    ),
    "blank after end": (
        f"{C}analysis{M}a{E}\n{S}assistant{C}final{M}b{R}",
        [("analysis", None, "a", "end"), ("final", None, "", "implicit"), ("final", None, "b", "return")],
    ),
    "missing start": (
        f"{C}analysis{M}a{E}assistant{C}final{M}b{R}",
        [("analysis", None, "a", "end"), ("final", None, "b", "return")],
    ),
    "missing start and role": (
        f"{C}analysis{M}a{E}{C}final{M}b{R}",
        [("analysis", None, "a", "end"), ("final", None, "b", "return")],
    ),
    "unknown channel": (f"{C}musings{M}Hm.{E}", [("musings", None, "Hm.", "end")]),
    "unknown channel without message": (f"{C}musings{E}", [("final", None, "musings", "end")]),
    "missing end": (f"{C}final{M}4", [("final", None, "4", "implicit")]),
    "missing end before endoftext": (f"{C}final{M}4<|endoftext|>", [("final", None, "4", "return")]),
    "ends only": (f"{E}{E}{R}{CALL}", []),
    "starts only": (f"{S}{S}{S}", []),
    "role only": (f"{E}{S}assistant", [("final", None, "", "implicit")]),
    "role twice": (f"assistant{C}final{M}x{R}", [("final", None, "x", "return")]),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("stream", "expected"), [*GOOD.values(), *MALFORMED.values()], ids=[*GOOD, *MALFORMED])
def test_stream_becomes_messages(
    encoding: HarmonyEncoding, stream: str, expected: list[tuple[str, str | None, str, str]]
) -> None:
    """Each stream becomes the messages that a reader would see in it."""
    assert brief(parse(encoding, ids_of(encoding, stream))) == expected


def test_header_fields_are_read(encoding: HarmonyEncoding) -> None:
    """Role, content type and the raw text of a header are passed on, and an unknown channel is flagged."""
    call = parse(encoding, ids_of(encoding, f"{C}commentary to=functions.f {K}json{M}"))[0]
    assert call == MessageStarted("commentary", "functions.f", "json", "assistant", "commentary to=functions.f json")
    result = parse(encoding, ids_of(encoding, f"{E}{S}functions.f to=assistant{C}commentary{M}20{E}"))[0]
    assert result == MessageStarted(
        "commentary", "assistant", None, "functions.f", "functions.f to=assistantcommentary"
    )
    unknown = parse(encoding, ids_of(encoding, f"{C}musings code{M}"))[0]
    assert isinstance(unknown, MessageStarted)
    assert (unknown.channel, unknown.content_type, unknown.is_known_channel) == ("musings", "code", False)


@pytest.mark.parametrize(
    ("channel", "recipient", "lane"),
    [
        ("analysis", None, "reasoning"),
        ("final", None, "answer"),
        ("commentary", None, "answer"),
        ("musings", None, "answer"),
        ("commentary", "functions.f", "tool"),
        ("analysis", "python", "tool"),
    ],
)
def test_messages_are_shown_in_their_lane(channel: str, recipient: str | None, lane: str) -> None:
    """Reasoning and calls are apart; everything else, unknown channels too, is for the reader."""
    assert visible_channel(channel, recipient) == lane


def test_text_is_passed_on_at_once(encoding: HarmonyEncoding) -> None:
    """Inside a message every token's text comes with that token: nothing waits for a later one."""
    parser = StreamParser(encoding)
    for token_id in ids_of(encoding, f"{C}final{M}"):
        parser.feed(token_id)
    assert [parser.feed(token_id) for token_id in b"abc"] == [[TextDelta("a")], [TextDelta("b")], [TextDelta("c")]]
    assert parser.feed(encoding.special(R)) == [MessageEnded("return")]


def test_character_split_over_tokens_comes_whole(encoding: HarmonyEncoding) -> None:
    """The bytes of a character are held until it is complete; one that never is reads as U+FFFD."""
    parser = StreamParser(encoding)
    for token_id in ids_of(encoding, f"{C}final{M}"):
        parser.feed(token_id)
    globe = "🌍".encode()
    assert [parser.feed(byte) for byte in globe] == [[], [], [], [TextDelta("🌍")]]
    assert [event for byte in globe[:3] for event in parser.feed(byte)] == []
    assert parser.feed(encoding.special(E)) == [TextDelta("\ufffd"), MessageEnded("end")]


def test_reserved_and_unknown_ids_are_visible(encoding: HarmonyEncoding) -> None:
    """A token that the format has no use for, or an id beyond the vocabulary, is shown rather than dropped."""
    ids = [*ids_of(encoding, f"{C}final{M}a"), encoding.special("<|startoftext|>"), 201087, *b"b"]
    assert brief(parse(encoding, ids)) == [("final", None, "a<|startoftext|><|reserved_201087|>b", "implicit")]


@given(
    channel=st.sampled_from(["analysis", "commentary", "final"]),
    text=st.text(),
    recipient=st.none() | st.from_regex(r"functions\.[a-z_]{1,20}", fullmatch=True),
    content_type=st.sampled_from([None, "json", "code"]),
)
def test_rendered_message_is_parsed_back(
    channel: str, text: str, recipient: str | None, content_type: str | None
) -> None:
    """What the renderer writes, the parser reads."""
    rendered = render(BYTES, [AssistantMessage(channel, text, recipient, content_type)], generate=False)
    started, *rest = parse(BYTES, rendered[len("assistant") + 1 :])
    assert isinstance(started, MessageStarted)
    assert (started.channel, started.recipient, started.content_type) == (channel, recipient, content_type)
    seen = BYTES.decode_bytes(BYTES.encode_text(text)).decode()  # lone surrogates are replaced
    assert rest == [*([TextDelta(seen)] if seen else []), MessageEnded("call" if recipient else "end")]


# Tokens of several bytes: header words, whole and cut in unlucky places, and characters cut in two.
_CHUNKS = [
    *(b"assistant", b"analysis", b"final", b"commentary", b" to=", b"to", b"functions.f", b"=", b" json", b"final The"),
    *(
        b"ass",
        b"istant",
        b"to=to=",
        b'{"a": 1}',
        b"Hello ",
        b"\n",
        b"  ",
        b"x" * 40,
        b"user",
        b"analysisWe",
        b"musings ",
    ),
    *("é".encode(), "🌍".encode()[:2], "🌍".encode()[2:], b"\xff\xfe", b"all"),
]

BYTES = byte_encoding()
CHUNKED = HarmonyEncoding(
    {bytes((byte,)): byte for byte in range(256)} | {chunk: 300 + at for at, chunk in enumerate(_CHUNKS)},
    O200K_PATTERN,
    {name: 256 + at for at, name in enumerate(SPECIALS)},
)

_CHUNK_IDS = st.integers(300, 300 + len(_CHUNKS) - 1)
_STREAMS = st.lists(
    st.integers(0, 255)
    | _CHUNK_IDS
    | _CHUNK_IDS
    | st.sampled_from([CHUNKED.special(name) for name in Special])
    | st.just(256),
    max_size=40,
)


def _said(encoding: HarmonyEncoding, ids: list[int]) -> str:
    """All text between the control tokens."""
    controls = {encoding.special(name) for name in Special}
    runs = [b""]
    for token_id in ids:
        if token_id in controls:
            runs.append(b"")
        else:
            runs[-1] += encoding.decode_bytes([token_id])
    return "".join(run.decode("utf-8", "replace") for run in runs)


@settings(max_examples=400)
@given(ids=_STREAMS)
def test_arbitrary_stream_loses_no_text(ids: list[int]) -> None:
    """Any ids at all: nothing is raised, and headers and messages together hold all text, in order."""
    assert all_text(parse(CHUNKED, ids)) == _said(CHUNKED, ids)


@given(ids=st.lists(st.integers(0, 2**18), max_size=40))
def test_arbitrary_ids_beyond_the_vocabulary_lose_no_text(ids: list[int]) -> None:
    """Ids that the vocabulary lacks are no exception."""
    assert all_text(parse(BYTES, ids)) == _said(BYTES, ids)


@settings(max_examples=400)
@given(ids=_STREAMS)
def test_output_does_not_depend_on_how_the_stream_is_cut(ids: list[int]) -> None:
    """The same bytes in tokens of one byte each become the same messages, headers included."""
    cut = [
        part
        for token_id in ids
        for part in ([token_id] if token_id in CHUNKED.special_ids else CHUNKED.decode_bytes([token_id]))
    ]
    assert parse(BYTES, cut) == parse(CHUNKED, ids)
