"""The one list of what a person can do: bindings, the key screen and the command palette are made from it.

It knows nothing of how an action is carried out. The built-in model has learnt these keys by heart
(gptoss_chat/builtin/recipe/skills/app.py), so a key that it names keeps its action until that model is trained again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

Place = Literal["chat", "list", "find", "tree", "recall"]
"""Where an action's keys are heard: anywhere in the chat, in the search of conversations, in the find bar, in the tree, or in
the search of earlier prompts."""


@dataclass(frozen=True, slots=True)
class Action:
    """A thing to do.

    `name` is an action of the screen, or app.something, or of the widget that its place stands for; `keys` are Textual's names
    of its keys, `shown` is how people write them.
    """

    name: str
    keys: str
    shown: str
    title: str
    help: str
    group: str
    in_palette: bool = True
    place: Place = "chat"
    urgent: bool = False  # before the widget that has the keys, which would do something else with it

    def binding(self) -> Binding:
        """Its key binding."""
        return Binding(self.keys, self.name, self.title, key_display=self.shown, show=False, priority=self.urgent)


ACTIONS: tuple[Action, ...] = (
    Action("stop", "escape", "Esc", "Stop", "Stop the answer; what is written is kept", "Answer"),
    Action("take_back", "f9", "F9", "Take back", "Take the newest waiting prompt back", "Answer"),
    Action("regenerate", "ctrl+g", "Ctrl+G", "Regenerate", "Another answer beside the last or picked one", "Answer"),
    Action("go_on", "ctrl+o", "Ctrl+O", "Go on", "Go on with a stopped answer", "Answer"),
    Action(
        "older_sibling",
        "alt+left",
        "Alt+←",
        "Previous version",
        "The version before, at the last or picked fork",
        "Answer",
    ),
    Action("newer_sibling", "alt+right", "Alt+→", "Next version", "The version after", "Answer"),
    Action(
        "pick(-1)", "alt+up", "Alt+↑", "Pick a message", "Pick the message above: its keys are then meant", "Message"
    ),
    Action("pick(1)", "alt+down", "Alt+↓", "Pick the next message", "Pick the message below", "Message"),
    Action("edit", "f4", "F4", "Edit", "Ask the last or picked prompt in other words", "Message"),
    Action(
        "copy_message",
        "f6",
        "F6",
        "Copy message",
        "Copy the last or picked message as Markdown",
        "Message",
        urgent=True,
    ),
    Action(
        "copy_code", "f7", "F7", "Copy code", "Copy its last code block; again: the one before", "Message", urgent=True
    ),
    Action("find", "ctrl+f", "Ctrl+F", "Find", "Find in this conversation; n and N go on", "Message", urgent=True),
    Action("recall", "ctrl+r", "Ctrl+R", "Earlier prompts", "Search all earlier prompts", "Prompt"),
    Action("editor", "f5", "F5", "Editor", "Write the prompt in $EDITOR", "Prompt"),
    Action("toggle_reasoning", "ctrl+t", "Ctrl+T", "Reasoning", "Show or fold the reasoning", "View"),
    Action("toggle_routing", "ctrl+l", "Ctrl+L", "Routing map", "Show or hide the map of the experts at work", "View"),
    Action("full_map", "f3", "F3", "Routing map, full size", "The map on the whole screen, and back", "View"),
    Action("open_routing", "f2", "F2", "Routing", "The experts of every token of this conversation", "View"),
    Action(
        "toggle_conversations",
        "ctrl+b",
        "Ctrl+B",
        "Conversations",
        "Search the conversations; again: hide them",
        "View",
    ),
    Action("new_conversation", "ctrl+n", "Ctrl+N", "New conversation", "Begin a new conversation", "View"),
    Action("to_bottom", "ctrl+end", "Ctrl+End", "To the bottom", "Back to the newest message", "View"),
    Action("split", "alt+v", "Alt+V", "Split", "Another pane beside this one; each has its own settings", "Panes"),
    Action("stack", "alt+h", "Alt+H", "Stack", "Another pane under this one", "Panes"),
    Action("next_pane", "f8", "F8", "Next pane", "The keys go to the next pane", "Panes"),
    Action("close_pane", "alt+w", "Alt+W", "Close the pane", "Close this pane; its answer goes on", "Panes"),
    Action("resize_pane(1)", "alt+plus,alt+equals_sign", "Alt++", "Larger pane", "More room for this pane", "Panes"),
    Action("resize_pane(-1)", "alt+minus", "Alt+-", "Smaller pane", "Less room for this pane", "Panes"),
    Action("compare", "alt+c", "Alt+C", "Compare", "Send each prompt to all panes; again: no more", "Panes"),
    Action("tree", "alt+t", "Alt+T", "Tree", "All branches of this conversation, and go to any", "Panes"),
    Action("effort('low')", "", "", "Reasoning effort: low", "Think little, answer sooner", "Answer"),
    Action("effort('medium')", "", "", "Reasoning effort: medium", "The usual amount of thinking", "Answer"),
    Action("effort('high')", "", "", "Reasoning effort: high", "Think long", "Answer"),
    Action("rename_conversation", "", "", "Rename the conversation", "Give it another title", "View"),
    Action("pin_conversation", "", "", "Pin the conversation", "Keep it at the top of the list, or no more", "View"),
    Action("delete_conversation", "", "", "Delete the conversation", "It can be brought back", "View"),
    Action("undelete", "", "", "Bring back what was deleted", "The conversation that was deleted last", "View"),
    Action("export", "", "", "Export the conversation", "Write it to a file: .md, .json or .jsonl", "Program"),
    Action("export_message", "", "", "Export the message", "Write the last or picked message to a file", "Program"),
    Action("import", "", "", "Import conversations", "ChatGPT's export, or what was exported as .json", "Program"),
    Action("app.light_or_dark", "", "", "Light or dark", "Change between the light and the dark theme", "View"),
    Action("settings", "f12,alt+s", "F12, Alt+S", "Settings", "All settings of config.toml, to change", "Program"),
    Action("list_wants('rename')", "f4", "F4", "", "Rename the conversation under the bar", "List", False, "list"),
    Action("list_wants('pin')", "ctrl+s", "Ctrl+S", "", "Pin it to the top, or no more", "List", False, "list"),
    Action("list_wants('delete')", "ctrl+d", "Ctrl+D", "", "Delete it", "List", False, "list"),
    Action("list_wants('undo')", "ctrl+z", "Ctrl+Z", "", "Bring back what was deleted last", "List", False, "list"),
    Action("move(1)", "n,enter", "n, Enter", "", "The next place that holds the text", "Find", False, "find"),
    Action("move(-1)", "N,shift+enter", "N, Shift+Enter", "", "The place before", "Find", False, "find"),
    Action("retype", "slash", "/", "", "Another text to find", "Find", False, "find"),
    Action("close", "escape", "Esc", "", "Close the find bar", "Find", False, "find"),
    Action("fork(-1)", "left", "←", "", "The fork above", "Tree", False, "tree", urgent=True),
    Action("fork(1)", "right", "→", "", "The fork below", "Tree", False, "tree", urgent=True),
    Action("choose('beside')", "s", "s", "", "Show it in a pane beside", "Tree", False, "tree", urgent=True),
    Action("choose('under')", "h", "h", "", "Show it in a pane under", "Tree", False, "tree", urgent=True),
    Action("close_tree", "escape,q", "Esc, q", "", "Close the tree", "Tree", False, "tree", urgent=True),
    Action("older", "down,ctrl+r", "↓, Ctrl+R", "", "The prompt before", "Recall", False, "recall", urgent=True),
    Action("newer", "up", "↑", "", "The prompt after", "Recall", False, "recall", urgent=True),
    Action("close_recall", "escape", "Esc", "", "Leave the prompt as it is", "Recall", False, "recall", urgent=True),
    Action("app.keys", "f1", "F1", "Keys", "The list of keys", "Program"),
    Action(
        "app.copy_or_quit", "ctrl+c", "Ctrl+C", "Copy", "Copy the selection; twice on nothing quits", "Program", False
    ),
    Action(
        "app.quit", "ctrl+q", "Ctrl+Q", "Quit", "Leave; an answer being written is kept as far as it got", "Program"
    ),
)

# Keys that the prompt itself handles, and keys of the toolkit: told in the key screen, bound elsewhere.
TOLD: tuple[tuple[str, str, str], ...] = (
    ("Prompt", "Enter", "Send; during an answer, the prompt waits its turn"),
    ("Prompt", "Shift+Enter, Ctrl+J", "New line"),
    ("Prompt", "↑ in an empty prompt", "The last prompt; again: the one before"),
    ("Prompt", "/ at the start", "A command: Tab completes, / shows them all"),
    ("Prompt", "@path", "Attach a text file; Tab completes"),
    ("Prompt", "PgUp, PgDn", "Scroll the transcript"),
    ("Panes", "mouse", "Click to change panes; drag the line between them; ⇉ and × in the headings"),
    ("List", "type, ↑ ↓, Enter", "Search, move, open"),
    ("Tree", "↑ ↓, Enter", "Move, go there"),
    ("Recall", "type, Enter", "Search, take"),
    ("Program", "?", "The list of keys, where no text is being typed"),
    ("Program", "Ctrl+P", "Command palette"),
)


def bindings(place: Place = "chat") -> list[Binding]:
    """The bindings of every action of a place that has a key."""
    return [action.binding() for action in ACTIONS if action.keys and action.place == place]


def by_group(actions: Sequence[Action] = ACTIONS) -> dict[str, list[tuple[str, str]]]:
    """Group -> (keys, help), for the key screen."""
    groups: dict[str, list[tuple[str, str]]] = {
        "Prompt": [],
        "Answer": [],
        "Message": [],
        "Find": [],
        "View": [],
        "Panes": [],
        "List": [],
        "Tree": [],
        "Recall": [],
        "Program": [],
    }
    for group, keys, text in TOLD:
        groups[group].append((keys, text))
    for action in actions:
        if action.shown:
            groups[action.group].append((action.shown, action.help))
    return groups
