"""`gptoss-chat -p`: one prompt, the answer on stdout and everything else on stderr."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never

from gptoss_chat.chat.events import (
    AnswerDelta,
    CallState,
    Prefilling,
    ReasoningDelta,
    Routed,
    ToolCallDelta,
    ToolNotice,
    ToolUse,
    TurnEvent,
    TurnFinished,
    TurnStatus,
)
from gptoss_chat.chat.session import ModelState, Session
from gptoss_chat.chat.turn import Turn, TurnOptions
from gptoss_chat.engine.types import FinishReason
from gptoss_chat.errors import GptossChatError, UsageError
from gptoss_chat.model.route import NO_EXPERT
from gptoss_chat.text import printable

INTERRUPTED = 130
CALL_CHARACTERS = 200  # of a tool's arguments, and of its result, on stderr
Output = Literal["text", "json", "jsonl"]


@dataclass(frozen=True, slots=True)
class OneShot:
    """What one prompt on the command line asks for."""

    prompt: str
    options: TurnOptions
    conversation_id: str | None = None
    output: Output = "text"
    show_reasoning: bool = False
    routes_file: Path | None = None
    allow_tools: bool = False


def gather_prompt(words: str, files: Sequence[Path], stdin: str) -> str:
    """The prompt, then each file under its name, then what was piped in; raises UsageError for a file that is no text."""
    parts = [words] if words else []
    for file in files:
        try:
            parts.append(f"{file.name}:\n{file.read_text(encoding='utf-8')}")
        except OSError as error:
            raise UsageError(f"Can't read {file}: {error.strerror}.", "Check the path.") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{file} is not UTF-8 text.", "Only text files can be attached.") from error
    if stdin.strip():
        parts.append(stdin.rstrip("\n"))
    return "\n\n".join(parts)


def piped_stdin() -> str:
    """What is piped or redirected into the command; nothing when stdin is a terminal or closed."""
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("What was piped in is not UTF-8 text.", "Pipe text.") from error


def run_oneshot(session: Session, asked: OneShot) -> int:
    """Ask, print, and return the exit code: 0 done, 1 failed, 130 interrupted. A broken pipe ends it silently."""
    with _interruptible() as interrupted:
        turn = session.ask(asked.conversation_id, asked.prompt, asked.options)
        try:
            finished = _show(session, turn, asked, interrupted)
        except BrokenPipeError:
            turn.cancel()
            # Python flushes stdout at exit: give it a place to flush to, so that nothing is said about the pipe.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
    if asked.routes_file is not None:
        _write_routes(session, turn, asked.routes_file)
    if finished.error is not None:
        if isinstance(finished.error, GptossChatError):
            raise finished.error
        raise GptossChatError(f"The answer failed: {printable(str(finished.error))}.", "Try again.") from finished.error
    if interrupted.is_set():
        return INTERRUPTED
    if finished.reason in (FinishReason.LENGTH, FinishReason.CONTEXT):
        what = "--max-tokens was reached" if finished.reason is FinishReason.LENGTH else "the model's context is full"
        print(f"The answer is cut off: {what}.", file=sys.stderr)
    return 0 if finished.status is not TurnStatus.FAILED else 1


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Ctrl+C and a polite kill set an event, so that what was written is saved before the command ends."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    old = {number: signal.signal(number, lambda *_: event.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _show(session: Session, turn: Turn, asked: OneShot, interrupted: threading.Event) -> TurnFinished:
    show = _Printer(session, turn, asked)
    while True:
        turn.wait(0.1)
        if interrupted.is_set():
            turn.cancel()
            if session.state is ModelState.LOADING:
                # A load can't be interrupted; nothing was written yet, so there is nothing to wait for.
                return TurnFinished(TurnStatus.STOPPED, FinishReason.CANCELLED, "", "", None)
        for event in turn.poll():
            show.event(event)
            if isinstance(event, ToolUse) and event.state is CallState.ASKED:
                turn.decide(event.number, "yes" if asked.allow_tools else "no")
                if not asked.allow_tools:
                    print(
                        f'{printable(event.name)} may not run: give --allow-tools, or set its allow to "always".',
                        file=sys.stderr,
                    )
            if isinstance(event, TurnFinished):
                return event


class _Printer:
    """Writes events in the form asked for. In a terminal, control characters of the model are shown, not obeyed."""

    def __init__(self, session: Session, turn: Turn, asked: OneShot) -> None:
        self._session = session
        self._turn = turn
        self._asked = asked
        self._safe = printable if sys.stdout.isatty() else str
        self._reasoning_open = False

    def event(self, event: TurnEvent) -> None:
        match self._asked.output:
            case "text":
                self._text(event)
            case "jsonl":
                self._line(_as_json(event, self._turn))
            case "json":
                if isinstance(event, TurnFinished):
                    loaded = self._session.loaded
                    where = {"backend": self._session.backend, "device": loaded.device if loaded else None}
                    self._line({**_as_json(event, self._turn), "model": self._session.model_name, **where})
            case _:
                assert_never(self._asked.output)

    def _text(self, event: TurnEvent) -> None:
        match event:
            case AnswerDelta(text=text):
                if self._reasoning_open:
                    self._reasoning_open = False
                    print(file=sys.stderr, flush=True)
                sys.stdout.write(self._safe(text))
                sys.stdout.flush()
            case ReasoningDelta(text=text) if self._asked.show_reasoning:
                self._reasoning_open = True
                sys.stderr.write(printable(text))
                sys.stderr.flush()
            case ToolUse(state=CallState.DONE):
                print(_call_line(event), file=sys.stderr)
            case ToolNotice(text=text):
                print(printable(text), file=sys.stderr)
            case TurnFinished(answer=answer) if answer and not answer.endswith("\n"):
                sys.stdout.write("\n")
                sys.stdout.flush()
            case _:
                pass

    def _line(self, row: dict[str, object]) -> None:
        # ASCII escapes: no character of the model's reaches the terminal raw.
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


def _call_line(call: ToolUse) -> str:
    """A call and its result on one line, cut where it is long."""
    parts = (" ".join(printable(text).split()) for text in (call.name, call.arguments, "→", call.result))
    return " ".join(part if len(part) <= CALL_CHARACTERS else part[: CALL_CHARACTERS - 1] + "…" for part in parts)


def _as_json(event: TurnEvent, turn: Turn) -> dict[str, object]:
    match event:
        case Prefilling():
            return {"type": "prefill", **dataclasses.asdict(event)}
        case ReasoningDelta(text=text):
            return {"type": "reasoning", "text": text}
        case AnswerDelta(text=text):
            return {"type": "answer", "text": text}
        case ToolCallDelta():
            return {"type": "tool_call", **dataclasses.asdict(event)}
        case ToolUse():
            return {"type": "tool", **dataclasses.asdict(event)}
        case ToolNotice(text=text):
            return {"type": "notice", "text": text}
        case Routed():
            return {
                "type": "token",
                "id": event.token_id,
                "text": event.token_text,
                "logprob": round(event.logprob, 5),
                "alternatives": [{"id": i, "logprob": round(p, 5)} for i, p in event.alternatives],
                "experts": (experts := [[e for e in layer if e != NO_EXPERT] for layer in event.experts.tolist()]),
                "weights": [
                    [round(w, 4) for w in layer[: len(chosen)]]
                    for layer, chosen in zip(event.weights.tolist(), experts, strict=True)
                ],
            }
        case TurnFinished():
            usage = dataclasses.asdict(event.usage) if event.usage else None
            return {
                "type": "done",
                "status": event.status.value,
                "reason": event.reason.value,
                "answer": event.answer,
                "reasoning": event.reasoning,
                "calls": [
                    {"name": call.name, "arguments": call.arguments, "result": call.result} for call in event.calls
                ],
                "usage": usage,
                "conversation": turn.conversation_id,
                "reply": turn.reply_node_id,
                "error": str(event.error) if event.error else None,
            }
        case _:
            assert_never(event)


def _write_routes(session: Session, turn: Turn, file: Path) -> None:
    """Write the turn's routing as `gptoss-chat routes` does, in the form that the file's ending says; else CSV."""
    from gptoss_chat.cli.routes import SUFFIXES, written
    from gptoss_chat.routing import KnownModel, turn_routes

    loaded = session.loaded
    if loaded is None or session.store.routes(turn.reply_node_id) is None:
        return
    known = KnownModel(loaded.encoding, loaded.spec.experts if loaded.spec else None)
    routes = turn_routes(session.store, turn.reply_node_id, lambda _: known)
    try:
        file.write_bytes(written(routes, SUFFIXES.get(file.suffix.lower(), "csv")))
    except OSError as error:
        raise GptossChatError(f"Can't write {file}: {error.strerror}.", "Choose another place for --routes.") from error
