"""What a message of ChatGPT's export holds, as text; it knows nothing of trees and authors.

Kinds of content come and go without notice: one that is not known here is kept whole, as a block of JSON.
"""

from __future__ import annotations

import json
from typing import Any

from gptoss_chat.errors import HistoryError
from gptoss_chat.history.fence import fenced

# The fields of simple kinds that are there to be read, in the order of reading.
_FIELDS = {
    "execution_output": ("text",),
    "reasoning_recap": ("content",),
    "system_error": ("name", "text"),
    "tether_browsing_display": ("summary", "result"),
    "tether_quote": ("title", "url", "text"),
    "sonic_webpage": ("title", "url", "text"),
}
_INSTRUCTIONS = ("user_editable_context", "model_editable_context")  # about the person, for every chat: no message


def content_text(content: dict[str, Any], *, in_call: bool) -> str:
    """The content of a message; empty where there is none. Code is fenced unless it is `in_call`, which shows it so anyway."""
    kind = content.get("content_type")
    if not content or kind in _INSTRUCTIONS:
        return ""
    if kind in ("text", "multimodal_text"):
        parts = content.get("parts")
        if not isinstance(parts, list | None):
            raise HistoryError(
                f"the parts of a message are no list: {parts!r:.40}.", "Ask ChatGPT for the export again."
            )
        return "\n".join(text for part in parts or () if (text := _part_text(part)))
    if kind == "code" and isinstance(code := content.get("text"), str):
        language = content.get("language")
        known = isinstance(language, str) and language.isalnum() and language != "unknown"
        return code if in_call or not code else fenced(code, str(language) if known else "text")
    if kind == "thoughts" and isinstance(thoughts := content.get("thoughts"), list):
        return "\n\n".join(_thought(thought) for thought in thoughts)
    if isinstance(kind, str) and kind in _FIELDS:
        found = [content.get(name) for name in _FIELDS[kind]]
        if any(isinstance(text, str) for text in found):
            return "\n".join(text for text in found if isinstance(text, str) and text)
    return _whole(content)


def _part_text(part: object) -> str:
    if part is None or isinstance(part, str):
        return part or ""
    if isinstance(part, dict):
        if isinstance(pointer := part.get("asset_pointer"), str):
            return f"[{str(part.get('content_type')).removesuffix('_asset_pointer')} {pointer}]"
        if part.get("content_type") == "audio_transcription" and isinstance(text := part.get("text"), str):
            return text
    return _whole(part)


def _thought(thought: object) -> str:
    if isinstance(thought, dict):
        found = [thought.get(name) for name in ("summary", "content")]
        if any(isinstance(text, str) for text in found):
            return "\n".join(text for text in found if isinstance(text, str) and text)
    return _whole(thought)


def _whole(value: object) -> str:
    return fenced(json.dumps(value, indent=2, ensure_ascii=False), "json")
