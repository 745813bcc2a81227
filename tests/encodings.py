"""A vocabulary for tests: every byte is a token and the control tokens follow; knows nothing of real vocabularies."""

from __future__ import annotations

from gptoss_chat.harmony.encoding import O200K_PATTERN, HarmonyEncoding

SPECIALS = (
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


def byte_encoding() -> HarmonyEncoding:
    """Ids 0 to 255 are the bytes, 256 to 264 the control tokens in the order of SPECIALS."""
    ranks = {bytes((byte,)): byte for byte in range(256)}
    return HarmonyEncoding(ranks, O200K_PATTERN, {name: 256 + at for at, name in enumerate(SPECIALS)})
