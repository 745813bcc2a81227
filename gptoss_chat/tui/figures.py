"""The figures of the status line, from a session and its replies; it knows nothing of widgets that show them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gptoss_chat.tui.live import LiveReply
from gptoss_chat.tui.plain import visible
from gptoss_chat.tui.widgets.status import Status

if TYPE_CHECKING:
    from gptoss_chat.chat.session import Session


def status_of(
    session: Session,
    *,
    effort: str,
    preset: str,
    changes: Sequence[str],
    reply: LiveReply | None,
    stored_tokens: int,
    waiting: int,
) -> Status:
    """What the line says. `reply` is the one whose figures are shown; without one, `stored_tokens` is the context in use.
    `changes` are what else changes the answers."""
    status = Status(
        model=visible(session.model_name),
        backend=session.backend,
        effort=effort,
        preset=visible(preset),
        changes=tuple(changes),
        loading=session.progress if session.state == "loading" else None,
        failed=session.state == "failed",
        context_tokens=stored_tokens,
        context_limit=session.context_limit,
        waiting=waiting,
    )
    if reply is None:
        return status
    usage = reply.finished.usage if reply.finished else None
    if usage is not None:
        context, reused, prefilled = usage.context_tokens, usage.reused_tokens, usage.prefilled_tokens
    elif reply.prefill is not None:
        context = reply.prefill.total + reply.tokens
        reused, prefilled = reply.prefill.reused, reply.prefill.done - reply.prefill.reused
    else:
        return dataclasses.replace(status, tokens_per_s=reply.tokens_per_s)
    return dataclasses.replace(
        status, context_tokens=context, reused=reused, prefilled=prefilled, tokens_per_s=reply.tokens_per_s
    )


def waiting_for(session: Session, reply: LiveReply, *, first: bool, take_back: str, elsewhere: bool = False) -> str:
    """What a reply without text waits for, in words; `first`: the model is at it; `elsewhere`: at one in another pane.

    `take_back` names the key for it.
    """
    if reply.stopping:
        return "Stopping …"
    if reply.started:
        return ""
    if session.state == "loading":
        return "Waits for the model …"
    if not first:
        return f"Waits {'for the other pane' if elsewhere else 'its turn'} … · {take_back} takes it back"
    prefill = reply.prefill
    if prefill is not None and prefill.done < prefill.total:
        return f"Reading the prompt · {prefill.done:,} of {prefill.total:,} tokens"
    return "…"
