"""Records how openai-harmony renders the conversations, and checks that our token ids equal its own.

    python -m tests.harmony.record_fixtures FOLDER

FOLDER holds o200k_base.tiktoken; openai-harmony must be installed. Tests need neither: they compare text.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, assert_never

from gptoss_chat.harmony import HarmonyEncoding, load_encoding, render
from gptoss_chat.harmony.messages import (
    AssistantMessage,
    DeveloperMessage,
    FunctionTool,
    Message,
    SystemMessage,
    ToolResult,
    UserMessage,
)
from tests.harmony.conversations import Case, cases

FIXTURE = Path(__file__).parent / "fixtures" / "rendered.json"


def legible(encoding: HarmonyEncoding, ids: list[int]) -> str:
    """Ids as text in which control tokens read ⟦start⟧, so that they differ from typed ones."""
    out = bytearray()
    for token_id in ids:
        text = encoding.decode_bytes([token_id])
        out += b"\xe2\x9f\xa6" + text[2:-2] + b"\xe2\x9f\xa7" if token_id in encoding.special_ids else text
    return out.decode()


def main(folder: Path) -> int:
    """Write the fixture; the exit status is the number of conversations whose ids differ without a reason."""
    os.environ["TIKTOKEN_ENCODINGS_BASE"] = str(folder)
    import openai_harmony

    theirs = openai_harmony.load_harmony_encoding("HarmonyGptOss")
    ours = load_encoding(folder)
    recorded, unexplained = [], 0
    for case in cases():
        conversation = openai_harmony.Conversation.from_messages([_theirs(message) for message in case.messages])
        if case.generate:
            their_ids = theirs.render_conversation_for_completion(conversation, openai_harmony.Role.ASSISTANT)
        else:
            their_ids = theirs.render_conversation(conversation)
        our_ids = render(ours, case.messages, generate=case.generate)
        if (our_ids == their_ids) == (case.difference is not None):
            unexplained += 1
            print(f"{case.name}:\n  ours   {legible(ours, our_ids)}\n  theirs {legible(ours, their_ids)}")  # noqa: T201
        recorded.append(_row(case, legible(ours, their_ids), legible(ours, our_ids)))
    header = {"openai_harmony": version("openai-harmony"), "conversations": recorded}
    FIXTURE.write_text(json.dumps(header, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(recorded)} conversations recorded, {unexplained} differ without a reason")  # noqa: T201
    return unexplained


def _row(case: Case, theirs: str, ours: str) -> dict[str, str]:
    row = {"name": case.name, "openai_harmony": theirs}
    return row if case.difference is None else {**row, "ours": ours, "difference": case.difference}


def _theirs(message: Message) -> Any:
    import openai_harmony as oh

    match message:
        case SystemMessage():
            effort = None if message.effort is None else oh.ReasoningEffort[message.effort.upper()]
            content = oh.SystemContent(
                model_identity=message.identity,
                reasoning_effort=effort,
                conversation_start_date=message.date,
                knowledge_cutoff=message.cutoff,
            )
            return oh.Message.from_role_and_content(oh.Role.SYSTEM, content)
        case DeveloperMessage():
            developer = oh.DeveloperContent(instructions=message.instructions or None)
            if message.tools:
                developer = developer.with_function_tools([_their_tool(tool) for tool in message.tools])
            return oh.Message.from_role_and_content(oh.Role.DEVELOPER, developer)
        case UserMessage():
            return oh.Message.from_role_and_content(oh.Role.USER, message.text)
        case AssistantMessage():
            theirs = oh.Message.from_role_and_content(oh.Role.ASSISTANT, message.text).with_channel(message.channel)
            theirs.recipient = message.recipient
            theirs.content_type = None if message.content_type is None else f"<|constrain|>{message.content_type}"
            return theirs
        case ToolResult():
            author = oh.Author.new(oh.Role.TOOL, message.name)
            theirs = oh.Message.from_author_and_content(author, message.text)
            return theirs.with_recipient("assistant").with_channel("commentary")
        case _:
            assert_never(message)


def _their_tool(tool: FunctionTool) -> Any:
    import openai_harmony as oh

    return oh.ToolDescription.new(
        tool.name, tool.description, dict(tool.parameters) if tool.parameters is not None else None
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
