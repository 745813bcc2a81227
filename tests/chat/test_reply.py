"""Tokens of a reply become reasoning and answer, cut at stop strings."""

from __future__ import annotations

import pytest

from gptoss_chat.chat.events import AnswerDelta, ReasoningDelta
from gptoss_chat.chat.reply import Reply
from gptoss_chat.harmony import HarmonyEncoding


def _ids(encoding: HarmonyEncoding, answer: str) -> list[int]:
    return [
        encoding.special("<|channel|>"), *encoding.encode_text("analysis"), encoding.special("<|message|>"),
        *encoding.encode_text("Think."), encoding.special("<|end|>"), encoding.special("<|start|>"),
        *encoding.encode_text("assistant"), encoding.special("<|channel|>"), *encoding.encode_text("final"),
        encoding.special("<|message|>"), *encoding.encode_text(answer),
    ]  # fmt: skip


def test_channels_are_told_apart(encoding: HarmonyEncoding) -> None:
    """Analysis is reasoning, final is the answer, and the deltas add up to both."""
    reply = Reply(encoding)
    events = [event for token_id in _ids(encoding, "Héllo 🌍") for event in reply.feed(token_id)] + reply.close()
    assert reply.reasoning == "Think." == "".join(e.text for e in events if isinstance(e, ReasoningDelta))
    assert reply.answer == "Héllo 🌍" == "".join(e.text for e in events if isinstance(e, AnswerDelta))


@pytest.mark.parametrize(
    ("answer", "stop", "expected", "stopped"),
    [
        ("one two three", ["two"], "one ", True),
        ("one tw", ["two"], "one tw", False),
        ("aab", ["ab"], "a", True),
        ("abc", ["bc", "b"], "a", True),
        ("abc", [""], "abc", False),
        ("stop", ["stop"], "", True),
    ],
)
def test_stop_string_ends_the_answer(
    encoding: HarmonyEncoding, answer: str, stop: list[str], expected: str, stopped: bool
) -> None:
    """A stop string is cut off even when it arrives byte by byte, and a mere beginning of one is not lost."""
    reply = Reply(encoding, stop)
    events = [event for token_id in _ids(encoding, answer) for event in reply.feed(token_id)] + reply.close()
    assert (reply.answer, reply.stopped) == (expected, stopped)
    assert "".join(e.text for e in events if isinstance(e, AnswerDelta)) == expected


def test_stop_string_in_the_reasoning_is_ignored(encoding: HarmonyEncoding) -> None:
    """Only the answer is watched: reasoning may mention the word."""
    reply = Reply(encoding, ["Think"])
    for token_id in _ids(encoding, "done"):
        reply.feed(token_id)
    reply.close()
    assert (reply.reasoning, reply.answer) == ("Think.", "done")


@pytest.mark.parametrize("stop", [[], ["ready"], ["Sure\n"]])
def test_preamble_and_final_are_paragraphs(encoding: HarmonyEncoding, stop: list[str]) -> None:
    """What is said in a commentary message stands apart from the final one, also where a stop string was held back."""
    ids = [
        encoding.special("<|channel|>"), *encoding.encode_text("commentary"), encoding.special("<|message|>"),
        *encoding.encode_text("Sure"), encoding.special("<|end|>"), encoding.special("<|start|>"),
        *encoding.encode_text("assistant"), encoding.special("<|channel|>"), *encoding.encode_text("final"),
        encoding.special("<|message|>"), *encoding.encode_text("Done."),
    ]  # fmt: skip
    reply = Reply(encoding, stop)
    events = [event for token_id in ids for event in reply.feed(token_id)] + reply.close()
    assert reply.answer == "Sure\n\nDone."
    assert "".join(e.text for e in events if isinstance(e, AnswerDelta)) == reply.answer
