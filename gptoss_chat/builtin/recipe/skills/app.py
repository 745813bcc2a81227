"""Questions on the app that the model is part of: its keys, and how to get a larger model.

Knows nothing of splits.
"""

from __future__ import annotations

import random

from gptoss_chat.builtin.recipe.skills.common import Draft, Intent, of_intents

INTENTS: tuple[Intent, ...] = (
    (
        "send: Enter",
        "Press Enter to send.",
        (
            "How do I send a message?",
            "Which key sends the message?",
            "How can I send my text?",
            "How do I submit a prompt?",
            "How do I send a prompt?",
        ),
    ),
    (
        "new line: Ctrl+J",
        "Press Shift+Enter or Ctrl+J for a new line.",
        (
            "How do I write a new line?",
            "Which key makes a new line?",
            "How can I add a line?",
            "How do I type several lines?",
            "How do I make a line break?",
        ),
    ),
    (
        "stop: Esc",
        "Press Esc to stop an answer.",
        (
            "How do I stop an answer?",
            "How can I stop you?",
            "Which key stops the answer?",
            "How do I interrupt an answer?",
            "How do I stop you?",
            "How do I cancel an answer?",
        ),
    ),
    (
        "regenerate: Ctrl+G",
        "Press Ctrl+G for another answer.",
        (
            "How do I regenerate an answer?",
            "How can I get another answer?",
            "Which key regenerates?",
            "How do I try the answer again?",
            "How do I get a different answer?",
        ),
    ),
    (
        "versions: Alt+Left, Alt+Right",
        "Press Alt+Left or Alt+Right to change between versions of an answer.",
        (
            "How do I see the older answer?",
            "How do I switch between answers?",
            "Which keys change the version of an answer?",
            "How do I go back to the previous answer?",
        ),
    ),
    (
        "go on: Ctrl+O",
        "Press Ctrl+O to go on with a stopped answer.",
        (
            "How do I go on with a stopped answer?",
            "How can I continue an answer?",
            "Which key resumes an answer?",
            "How do I resume?",
            "How do I continue a stopped answer?",
        ),
    ),
    (
        "new conversation: Ctrl+N",
        "Press Ctrl+N for a new conversation.",
        (
            "How do I start a new conversation?",
            "How can I open a new chat?",
            "Which key starts a new conversation?",
            "How do I begin a new chat?",
            "How do I start a new chat?",
        ),
    ),
    (
        "conversations: Ctrl+B",
        "Press Ctrl+B for the list of conversations.",
        (
            "How do I see old conversations?",
            "Where are my conversations?",
            "How can I open the conversation list?",
            "Which key shows the list?",
            "Where are my old chats?",
        ),
    ),
    (
        "reasoning: Ctrl+T",
        "Press Ctrl+T to show or fold the reasoning.",
        (
            "How do I see the reasoning?",
            "How can I show your reasoning?",
            "Which key shows the reasoning?",
            "Where is the reasoning?",
            "How do I hide the reasoning?",
        ),
    ),
    (
        "routing: Ctrl+L",
        "Press Ctrl+L for the routing map.",
        (
            "How do I see the experts?",
            "How can I see the routing map?",
            "Which key shows the routing?",
            "Where is the routing map?",
            "How do I show the routing?",
        ),
    ),
    (
        "bottom: Ctrl+End",
        "Press Ctrl+End to go back to the newest message.",
        (
            "How do I get to the bottom?",
            "Which key goes to the newest message?",
            "How do I jump to the last message?",
            "How do I scroll to the end?",
        ),
    ),
    (
        "scroll: PgUp, PgDn",
        "Press PgUp and PgDn to scroll.",
        (
            "How do I scroll?",
            "Which keys scroll?",
            "How can I scroll up?",
            "How do I scroll the conversation?",
            "How do I scroll down?",
        ),
    ),
    (
        "palette: Ctrl+P",
        "Press Ctrl+P for the command palette.",
        (
            "Where is the command palette?",
            "How do I open the command palette?",
            "Which key opens the palette?",
            "How do I open the palette?",
        ),
    ),
    (
        "effort: Ctrl+P",
        "Press Ctrl+P and choose a reasoning effort.",
        (
            "How do I change the reasoning effort?",
            "How can you think longer?",
            "Where is the reasoning effort?",
            "How do I set the effort?",
            "How do I make you think less?",
        ),
    ),
    (
        "theme: Ctrl+P",
        "Press Ctrl+P and choose Light or dark.",
        (
            "How do I change the theme?",
            "Is there a dark theme?",
            "How do I get a light theme?",
            "How do I change to dark mode?",
            "Where is the dark mode?",
        ),
    ),
    (
        "keys: F1",
        "Press F1 for all keys.",
        (
            "How do I see the keys?",
            "Where is the help?",
            "Which keys are there?",
            "How do I get help?",
            "Which keys can I use?",
        ),
    ),
    (
        "copy: Ctrl+C",
        "Select text and press Ctrl+C to copy it.",
        ("How do I copy text?", "Which key copies?", "How can I copy an answer?", "How do I copy the answer?"),
    ),
    (
        "last prompt: Up",
        "Press the up arrow in an empty prompt for the last prompt.",
        (
            "How do I get my last prompt back?",
            "How do I repeat my last prompt?",
            "Which key brings back the last prompt?",
            "How do I edit my last prompt?",
        ),
    ),
    (
        "quit: Ctrl+Q",
        "Press Ctrl+Q to quit.",
        (
            "How do I quit?",
            "How can I leave the app?",
            "Which key quits?",
            "How do I close the app?",
            "How do I exit?",
            "How do I leave?",
        ),
    ),
    (
        "pull",
        "Run: gptoss-chat models pull openai/gpt-oss-20b",
        (
            "How do I get a bigger model?",
            "How can I use the real gpt-oss?",
            "How do I download gpt-oss?",
            "How can I get a better model?",
            "How do I install gpt-oss-20b?",
            "Is there a better model?",
        ),
    ),
)


def app(rng: random.Random) -> Draft:
    """One question on the app."""
    return of_intents(rng, INTENTS)
