"""The messages of a conversation as pure values; knows nothing of tokens, of how they are rendered, or of storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "developer", "user", "assistant", "tool"]
Effort = Literal["low", "medium", "high"]

IDENTITY = "You are ChatGPT, a large language model trained by OpenAI."
KNOWLEDGE_CUTOFF = "2024-06"


@dataclass(frozen=True, slots=True)
class SystemMessage:
    """Who the model is, the conversation's date (YYYY-MM-DD) and the reasoning effort. None leaves a line out.

    Whether functions may be called is not said here: the renderer sees it from the developer message.
    """

    date: str | None
    effort: Effort | None = "medium"
    cutoff: str | None = KNOWLEDGE_CUTOFF
    identity: str | None = IDENTITY


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function that the model may call as `functions.<name>`; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class DeveloperMessage:
    """What other chat formats call the system prompt, and the functions on offer. Empty parts are left out."""

    instructions: str = ""
    tools: tuple[FunctionTool, ...] = ()


@dataclass(frozen=True, slots=True)
class UserMessage:
    """What a person typed."""

    text: str


@dataclass(frozen=True, slots=True)
class AssistantMessage:
    """One message of the model. A recipient makes it a tool call; content_type is then usually "json"."""

    channel: str
    text: str
    recipient: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back; `name` is its full name, such as `functions.weather`."""

    name: str
    text: str


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolResult
