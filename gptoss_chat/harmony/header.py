"""What stands between `<|start|>` and `<|message|>`, read leniently; it knows nothing of token ids.

A header arrives piece by piece and `<|message|>` may never come. It is read character by character, so that where the
tokens were cut can't matter; at the first character that no header could hold, the rest is the message's text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

Part = Literal["role", "channel", "constrain"]

KNOWN_CHANNELS = ("analysis", "commentary", "final")
DEFAULT_CHANNEL = "final"
LONGEST_PART = 128
"""Characters; a part that is longer is no header."""

_NAME = r"[A-Za-z0-9_.:/+-]"
_TO = rf"(?:\s*(?:to=)+{_NAME}+)"
_CHANNEL = rf"(?:{'|'.join(KNOWN_CHANNELS)})(?![a-z])"
_WORD = re.compile(rf"{_NAME}+")
_RECIPIENT = re.compile(rf"(?:to=)+({_NAME}*)")
_FUSED = re.compile(r"^(\s*(?:assistant|analysis|commentary|final))(?=to=)")

# What is surely header at the beginning of a part that no <|message|> ends.
_SURE_AFTER_ROLE = re.compile(rf"(?:\s*(?:assistant)?{_TO}+)?")
_SURE_ROLE = re.compile(rf"(?:\s*(?:assistant|user|system|developer|tool|functions\.{_NAME}+)(?![a-z]){_TO}*)?")
_SURE_CHANNEL = re.compile(rf"(?:\s*{_CHANNEL}{_TO}*)?")
_SURE_CONSTRAIN = re.compile(rf"(?:\s*{_NAME}+{_TO}*)?")


@dataclass(frozen=True, slots=True)
class HeaderFields:
    """What a header says. `text` is all of it as it came, without the control tokens."""

    role: str
    channel: str
    recipient: str | None
    content_type: str | None
    text: str


@dataclass(slots=True)
class Header:
    """A header that is being read. `after_role`: the prompt gave the role, or there was no `<|start|>`."""

    after_role: bool
    _parts: list[tuple[Part, str]] = field(default_factory=lambda: [("role", "")])

    @property
    def is_blank(self) -> bool:
        """Nothing was written yet."""
        return not any(text for _, text in self._parts)

    def begin_part(self, part: Part) -> None:
        """A `<|channel|>` or `<|constrain|>` came."""
        self._parts.append((part, ""))

    def push(self, character: str) -> bool:
        """Take one more character; False, and it is not taken, when it can't belong to a header."""
        part, text = self._parts[-1]
        if len(text) >= LONGEST_PART or not self._fits(part, text + character):
            return False
        self._parts[-1] = (part, text + character)
        return True

    def complete(self) -> HeaderFields:
        """`<|message|>` came: all of it is header."""
        role, channel, recipient, content_type, constraint = "", "", None, None, None
        for part, text in self._parts:
            plain: list[str] = []
            for word in _words(text):
                if to := _RECIPIENT.fullmatch(word):
                    recipient = to[1] or recipient
                else:
                    plain.append(word)
            if part == "constrain":
                constraint = plain[0] if plain else constraint
                continue
            if part == "channel" and plain:
                channel = plain.pop(0)
            elif part == "role" and plain and (not self.after_role or plain[0] == "assistant"):
                role = plain.pop(0)
            content_type = plain[-1] if plain else content_type
        return HeaderFields(
            role=role or "assistant",
            channel=channel or DEFAULT_CHANNEL,
            recipient=None if recipient in ("all", "user") else recipient,
            content_type=constraint or content_type,
            text="".join(text for _, text in self._parts),
        )

    def cut_short(self, next_character: str = "") -> tuple[HeaderFields, str]:
        """No `<|message|>` will come: what is surely header, and the text that follows it (blank text stays header)."""
        part, text = self._parts[-1]
        sure = {"channel": _SURE_CHANNEL, "constrain": _SURE_CONSTRAIN}.get(
            part, _SURE_AFTER_ROLE if self.after_role else _SURE_ROLE
        )
        found = sure.match(text)
        end = found.end() if found else 0
        if not (text[end:] + next_character).strip():
            end = len(text)
        self._parts[-1] = (part, text[:end])
        return self.complete(), text[end:]

    def _fits(self, part: Part, text: str) -> bool:
        """Whether `text` is, or may become, this part of a header."""
        words = _words(text)
        may_have_type = not (part == "role" and self.after_role)
        for number, word in enumerate(words):
            is_growing = number == len(words) - 1 and not text[-1].isspace()
            if _RECIPIENT.fullmatch(word) or (is_growing and "to=".startswith(word)):
                may_have_type = may_have_type or bool(_RECIPIENT.fullmatch(word))
            elif number == 0 and part == "role" and self.after_role:
                if not (word == "assistant" or (is_growing and "assistant".startswith(word))):
                    return False
            elif not _WORD.fullmatch(word):
                return False
            elif number > 0:
                if not may_have_type:
                    return False
                may_have_type = False
        return True


def _words(text: str) -> list[str]:
    return _FUSED.sub(r"\1 ", text).split()
