"""Questions on the app that the model is part of: its keys, and how to get a larger model.

Knows nothing of splits.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from gptoss_chat.builtin.recipe.skills.common import Draft, phrase

_FRAMES = (
    "How do I {}?",
    "How do I {}?",
    "How do I {}?",
    "How can I {}?",
    "How can I {}?",
    "How to {}?",
    "How does one {}?",
    "What do I press to {}?",
    "Which key do I press to {}?",
    "Which key lets me {}?",
    "Is there a key to {}?",
    "Can I {} here?",
    "I want to {}.",
    "I would like to {}.",
    "What is the way to {}?",
)


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that a person wants of the app: a note for the analysis, the answer, the wish in several words, and questions
    that are no wish."""

    note: str
    answer: str
    wishes: tuple[str, ...]
    questions: tuple[str, ...]


WISHES = (
    Wish(
        "send: Enter",
        "Press Enter to send.",
        ("send a message", "send my text", "submit a prompt", "send a prompt", "send this", "ask a question"),
        (),
    ),
    Wish(
        "new line: Ctrl+J",
        "Press Shift+Enter or Ctrl+J for a new line.",
        (
            "write a new line",
            "make a new line",
            "add a line",
            "type several lines",
            "make a line break",
            "write on the next line",
        ),
        (),
    ),
    Wish(
        "stop: Esc",
        "Press Esc to stop an answer.",
        ("stop an answer", "stop you", "stop the answer", "interrupt an answer", "cancel an answer", "make you stop"),
        (),
    ),
    Wish(
        "regenerate: Ctrl+G",
        "Press Ctrl+G for another answer.",
        ("regenerate an answer", "get another answer", "try the answer again", "get a different answer", "regenerate"),
        (),
    ),
    Wish(
        "versions: Alt+Left, Alt+Right",
        "Press Alt+Left or Alt+Right to change between versions of an answer.",
        (
            "see the older answer",
            "switch between answers",
            "change the version of an answer",
            "go back to the previous answer",
            "see the other versions",
        ),
        (),
    ),
    Wish(
        "go on: Ctrl+O",
        "Press Ctrl+O to go on with a stopped answer.",
        (
            "go on with a stopped answer",
            "continue an answer",
            "resume an answer",
            "resume",
            "continue a stopped answer",
        ),
        (),
    ),
    Wish(
        "new conversation: Ctrl+N",
        "Press Ctrl+N for a new conversation.",
        (
            "start a new conversation",
            "open a new chat",
            "begin a new chat",
            "start a new chat",
            "begin a new conversation",
        ),
        (),
    ),
    Wish(
        "conversations: Ctrl+B",
        "Press Ctrl+B for the list of conversations.",
        (
            "see old conversations",
            "see my conversations",
            "open the conversation list",
            "find my old chats",
            "show the list of conversations",
        ),
        ("Where are my conversations?", "Where are my old chats?"),
    ),
    Wish(
        "reasoning: Ctrl+T",
        "Press Ctrl+T to show or fold the reasoning.",
        ("see the reasoning", "show your reasoning", "hide the reasoning", "fold the reasoning", "read the reasoning"),
        ("Where is the reasoning?",),
    ),
    Wish(
        "routing: Ctrl+L",
        "Press Ctrl+L for the routing map.",
        ("see the experts", "see the routing map", "show the routing", "watch the experts", "open the routing map"),
        ("Where is the routing map?",),
    ),
    Wish(
        "bottom: Ctrl+End",
        "Press Ctrl+End to go back to the newest message.",
        (
            "get to the bottom",
            "go to the newest message",
            "jump to the last message",
            "scroll to the end",
            "jump to the newest message",
        ),
        (),
    ),
    Wish(
        "scroll: PgUp, PgDn",
        "Press PgUp and PgDn to scroll.",
        ("scroll", "scroll up", "scroll down", "scroll the conversation", "scroll back"),
        (),
    ),
    Wish(
        "palette: Ctrl+P",
        "Press Ctrl+P for the command palette.",
        ("open the command palette", "open the palette", "see all commands", "find the command palette"),
        ("Where is the command palette?",),
    ),
    Wish(
        "effort: Ctrl+P",
        "Press Ctrl+P and choose a reasoning effort.",
        (
            "change the reasoning effort",
            "set the effort",
            "make you think longer",
            "make you think less",
            "set the reasoning effort",
        ),
        ("How can you think longer?", "Where is the reasoning effort?"),
    ),
    Wish(
        "theme: Ctrl+P",
        "Press Ctrl+P and choose Light or dark.",
        ("change the theme", "get a dark theme", "get a light theme", "change to dark mode", "use dark mode"),
        ("Is there a dark theme?", "Where is the dark mode?"),
    ),
    Wish(
        "keys: F1",
        "Press F1 for all keys.",
        ("see the keys", "see all keys", "find the help", "get help on keys", "list the keys"),
        ("Where is the help?",),
    ),
    Wish(
        "copy: Ctrl+C",
        "Select text and press Ctrl+C to copy it.",
        ("copy text", "copy an answer", "copy the answer", "copy a message"),
        (),
    ),
    Wish(
        "last prompt: Up",
        "Press the up arrow in an empty prompt for the last prompt.",
        ("get my last prompt back", "repeat my last prompt", "bring back the last prompt", "edit my last prompt"),
        (),
    ),
    Wish(
        "quit: Ctrl+Q",
        "Press Ctrl+Q to quit.",
        ("quit", "leave the app", "close the app", "exit", "close the program"),
        (),
    ),
    Wish(
        "pull",
        "Run: gptoss-chat models pull openai/gpt-oss-20b",
        (
            "get a bigger model",
            "use the real gpt-oss",
            "download gpt-oss",
            "get a better model",
            "install gpt-oss-20b",
            "use gpt-oss-20b",
        ),
        ("Is there a better model?",),
    ),
)


def app(rng: random.Random) -> Draft:
    """One question on the app."""
    wish = rng.choice(WISHES)
    text = rng.choice(_FRAMES).format(rng.choice(wish.wishes))
    if wish.questions and rng.random() < 0.15:
        text = rng.choice(wish.questions)
    return Draft(phrase(rng, text), wish.note, wish.answer, recalled=True)
