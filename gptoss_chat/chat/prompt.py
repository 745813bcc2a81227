"""From a path through the conversation tree to the messages of a prompt; it knows nothing of tokens or tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gptoss_chat.chat.reply import BETWEEN_MESSAGES
from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.harmony.messages import (
    AssistantMessage,
    DeveloperMessage,
    FunctionTool,
    Message,
    SystemMessage,
    ToolResult,
    UserMessage,
)
from gptoss_chat.history import Node


def messages_of(
    path: Sequence[Node], *, date: str, options: TurnOptions, tools: Sequence[FunctionTool] = ()
) -> list[Message]:
    """The messages for `path` (root first), headed by the system and developer messages; `tools` are the functions on offer.

    The date is the conversation's own, not today's: a new date would change the first message and with it every cached key
    and value. Replies without an answer (stopped while reasoning) leave nothing: their analysis is dropped by the format.
    """
    system = SystemMessage(date=date, effort=options.effort)
    if options.identity is not None:
        system = SystemMessage(date=date, effort=options.effort, identity=options.identity)
    messages: list[Message] = [system]
    if options.developer or tools:
        messages.append(DeveloperMessage(instructions=options.developer, tools=tuple(tools)))
    for node in path:
        if node.role == "user":
            messages.append(UserMessage(node.text))
        else:
            messages += _reply_messages(node)
    return messages


def _reply_messages(node: Node) -> Iterator[Message]:
    """Calls that have a result, each behind what was said before it, and the answer."""
    said = 0
    for call in node.calls:
        if call.result is None:
            continue
        if preamble := node.text[said : call.text_at].strip():
            yield AssistantMessage("commentary", preamble)
        said = call.text_at
        yield AssistantMessage("commentary", call.arguments, recipient=call.name, content_type="json")
        yield ToolResult(call.name, call.result)
    if answer := node.text[said:].removeprefix(BETWEEN_MESSAGES if said else ""):
        yield AssistantMessage("final", answer)


def title_of(text: str, limit: int = 60) -> str:
    """A conversation's title: the first line of its first prompt, at most `limit` characters."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
