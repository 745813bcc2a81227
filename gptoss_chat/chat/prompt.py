"""From a path through the conversation tree to the messages of a prompt; it knows nothing of tokens or tensors."""

from __future__ import annotations

from collections.abc import Sequence

from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.harmony.messages import AssistantMessage, DeveloperMessage, Message, SystemMessage, UserMessage
from gptoss_chat.history import Node


def messages_of(path: Sequence[Node], *, date: str, options: TurnOptions) -> list[Message]:
    """The messages for `path` (root first), headed by the system and developer messages.

    The date is the conversation's own, not today's: a new date would change the first message and with it every cached key
    and value. Replies without an answer (stopped while reasoning) leave nothing: their analysis is dropped by the format.
    """
    system = SystemMessage(date=date, effort=options.effort)
    if options.identity is not None:
        system = SystemMessage(date=date, effort=options.effort, identity=options.identity)
    messages: list[Message] = [system]
    if options.developer:
        messages.append(DeveloperMessage(instructions=options.developer))
    for node in path:
        if node.role == "user":
            messages.append(UserMessage(node.text))
        elif node.text:
            messages.append(AssistantMessage(channel="final", text=node.text))
    return messages


def title_of(text: str, limit: int = 60) -> str:
    """A conversation's title: the first line of its first prompt, at most `limit` characters."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
