"""Messages become the prompt's token ids, as the harmony documentation says; it knows nothing of storage or generation.

Text is always encoded apart from the control tokens around it, so that nothing typed can become one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from gptoss_chat.harmony.encoding import HarmonyEncoding, Special
from gptoss_chat.harmony.messages import (
    AssistantMessage,
    DeveloperMessage,
    Message,
    SystemMessage,
    ToolResult,
    UserMessage,
)
from gptoss_chat.harmony.typescript import tools_section

CHANNELS_LINE = "# Valid channels: analysis, commentary, final. Channel must be included for every message."
FUNCTIONS_LINE = "Calls to these tools must go to the commentary channel: 'functions'."


def render(encoding: HarmonyEncoding, messages: Sequence[Message], *, generate: bool = True) -> list[int]:
    """The token ids of a conversation; `generate` appends `<|start|>assistant` for the model to go on from.

    Without it, this is the canonical rendering of a history: every final answer ends with `<|end|>`, and analysis that
    stands before the last final answer is left out. Analysis after it belongs to a turn that is still calling tools and
    stays.
    """
    has_functions = any(isinstance(message, DeveloperMessage) and message.tools for message in messages)
    out: list[int] = []
    for message in without_finished_analysis(messages):
        for piece in _pieces(message, has_functions):
            out.extend(_ids(encoding, piece))
    if generate:
        out.extend((encoding.special(Special.START), *encoding.encode_text("assistant")))
    return out


def without_finished_analysis(messages: Sequence[Message]) -> list[Message]:
    """The messages without the analysis that stands before the last final answer; tool calls always stay."""
    finals = [at for at, message in enumerate(messages) if _is_in(message, "final")]
    last_final = finals[-1] if finals else -1
    return [message for at, message in enumerate(messages) if at > last_final or not _is_in(message, "analysis")]


def _is_in(message: Message, channel: str) -> bool:
    return isinstance(message, AssistantMessage) and message.channel == channel and message.recipient is None


def _ids(encoding: HarmonyEncoding, piece: str | Special) -> list[int]:
    return [encoding.special(piece)] if isinstance(piece, Special) else encoding.encode_text(piece)


def _pieces(message: Message, has_functions: bool) -> list[str | Special]:
    """One message as control tokens and texts; each text is encoded on its own, as openai-harmony does."""
    match message:
        case SystemMessage():
            header: list[str | Special] = ["system"]
            text = _system_text(message, has_functions)
        case DeveloperMessage():
            header, text = ["developer"], _developer_text(message)
        case UserMessage():
            header, text = ["user"], message.text
        case ToolResult():
            header, text = [message.name, " to=assistant", Special.CHANNEL, "commentary"], message.text
        case AssistantMessage():
            header, text = _assistant_header(message), message.text
        case _:
            assert_never(message)
    is_call = isinstance(message, AssistantMessage) and message.recipient is not None
    return [Special.START, *header, Special.MESSAGE, text, Special.CALL if is_call else Special.END]


def _assistant_header(message: AssistantMessage) -> list[str | Special]:
    header: list[str | Special] = ["assistant"]
    if message.recipient is not None:
        header.append(f" to={message.recipient}")
    header += [Special.CHANNEL, message.channel]
    if message.content_type is not None:
        header += [" ", Special.CONSTRAIN, message.content_type]
    return header


def _system_text(message: SystemMessage, has_functions: bool) -> str:
    about = [
        message.identity,
        f"Knowledge cutoff: {message.cutoff}" if message.cutoff else None,
        f"Current date: {message.date}" if message.date else None,
    ]
    sections = [
        "\n".join(line for line in about if line),
        f"Reasoning: {message.effort}" if message.effort else "",
        f"{CHANNELS_LINE}\n{FUNCTIONS_LINE}" if has_functions else CHANNELS_LINE,
    ]
    return "\n\n".join(section for section in sections if section)


def _developer_text(message: DeveloperMessage) -> str:
    sections = []
    if message.instructions:
        sections += ["# Instructions", message.instructions]
    if message.tools:
        sections.append(tools_section(message.tools))
    return "\n\n".join(sections)
