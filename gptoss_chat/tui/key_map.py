"""Which keys do what: the list of actions under the person's [keys]; it knows nothing of screens or of what actions do."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from textual.binding import Binding, BindingsMap
from textual.widget import Widget

from gptoss_chat.config.values import KeySetting
from gptoss_chat.errors import SettingsError
from gptoss_chat.tui.keys import ACTIONS, Action, Place

_MODIFIERS = ("ctrl", "alt", "shift", "super")
_KEYS = frozenset(
    {"escape", "tab", "insert", "delete", "home", "end", "pageup", "pagedown", "up", "down", "left", "right", "enter"}
    | {"backspace"}
    | {f"f{number}" for number in range(1, 25)}
)
_CHARACTERS = frozenset(
    {"space", "plus", "minus", "equals_sign", "comma", "full_stop", "slash", "backslash", "semicolon", "apostrophe"}
    | {"question_mark", "left_square_bracket", "right_square_bracket", "grave_accent"}
    | set("abcdefghijklmnopqrstuvwxyz0123456789")
)
# Typing needs these as they are: what a prompt is written, moved in and sent with.
_TYPING = frozenset(
    {"enter", "tab", "space", "backspace", "delete", "up", "down", "left", "right", "home", "end", "shift+enter"}
    | {"pageup", "pagedown", "ctrl+j", "ctrl+m", "ctrl+i", "ctrl+h", "shift+tab", "insert"}
)
_MOVING = frozenset({"enter", "up", "down", "home", "end", "pageup", "pagedown"})
_MODAL: frozenset[Place] = frozenset(
    {"tree", "recall"}
)  # screens of their own: of the chat's keys only the program's are heard
_TEXTLESS: frozenset[Place] = frozenset({"find", "tree"})  # the find bar takes no text, once it was entered
_SHOWN = {"escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn", "left": "←", "right": "→", "up": "↑", "down": "↓"}
_SIGNS = {"plus": "+", "minus": "-", "equals_sign": "=", "comma": ",", "full_stop": ".", "slash": "/"}
_NAMES = {"pick(-1)": "pick_above", "pick(1)": "pick_below", "resize_pane(1)": "larger_pane"}
_NAMES |= {"resize_pane(-1)": "smaller_pane"}
_NAMES |= {f"list_wants('{what}')": f"list_{what}" for what in ("rename", "pin", "delete", "undo")}
_NAMES |= {"fork(-1)": "tree_fork_above", "fork(1)": "tree_fork_below", "close_tree": "tree_close"}
_NAMES |= {f"choose('{where}')": f"tree_{where}" for where in ("beside", "under")}
_NAMES |= {"older": "recall_older", "newer": "recall_newer", "close_recall": "recall_close"}
_NAMES |= {"move(1)": "find_next", "move(-1)": "find_previous", "retype": "find_again", "close": "find_close"}


def setting_name(action: Action) -> str:
    """What the action is called in [keys]."""
    plain = re.sub(r"\W+", "_", action.name.removeprefix("app.")).strip("_")
    return _NAMES.get(action.name, plain)


class KeyMap:
    """The actions with their keys as the person has set them."""

    def __init__(self, settings: Sequence[KeySetting] = ()) -> None:
        """Raises SettingsError, naming the file and the line, for an unknown action or key and for a key with two actions."""
        by_name = {setting_name(action): action for action in ACTIONS}
        changed: dict[str, Action] = {}
        source_of: dict[str, str] = {}
        for setting in settings:
            if setting.action not in by_name:
                raise SettingsError(
                    f"{setting.source}: there is no action '{setting.action}'.", f"There are: {', '.join(by_name)}."
                )
            action = by_name[setting.action]
            keys = [_checked(key, action.place, setting.source) for key in setting.keys.split(",") if key.strip()]
            if ",".join(keys) == action.keys:
                continue
            shown = ", ".join(shown_key(key) for key in keys)
            # On a screen, the person's word goes before what a widget on it would do with the key.
            urgent = action.place == "chat" or action.place in _MODAL
            changed[action.name] = dataclasses.replace(action, keys=",".join(keys), shown=shown, urgent=urgent)
            source_of[action.name] = setting.source
        self._changed = frozenset(changed)
        self.actions: tuple[Action, ...] = tuple(changed.get(action.name, action) for action in ACTIONS)
        self._refuse_conflicts(source_of)

    def _refuse_conflicts(self, source_of: dict[str, str]) -> None:
        holder: dict[tuple[Place, str], Action] = {}
        for action in sorted(self.actions, key=lambda action: action.place != "chat"):
            for key in action.keys.split(",") if action.keys else ():
                other = holder.setdefault((action.place, key), action)
                if action.place != "chat":  # they have their keys first, but for urgent ones
                    above = holder.get(("chat", key), action)
                    heard = above.name.startswith("app.") if action.place in _MODAL else above.urgent
                    other = above if heard else other
                if other is not action:
                    source = source_of.get(action.name) or source_of.get(other.name, "")
                    names = f"'{setting_name(other)}' and '{setting_name(action)}'"
                    raise SettingsError(
                        f"{source}: {shown_key(key)} would be the key of both {names}.",
                        'Give one of them another key, or "" for none.',
                    )

    def shown(self, name: str) -> str:
        """The keys of an action as people write them; empty when it has none."""
        return next(action.shown for action in self.actions if action.name == name)

    def keys(self, name: str) -> list[str]:
        """The keys of an action, as the toolkit names them."""
        return next(action.keys for action in self.actions if action.name == name).split(",")

    def apply(self, bindings: BindingsMap, *, prefix: str = "", place: Place = "chat") -> None:
        """Change a table of a place's default bindings to this map; with `prefix`, only actions that begin with it."""
        for action in self.actions:
            if action.name not in self._changed or action.place != place or not action.name.startswith(prefix):
                continue
            old = {action.name, action.name.removeprefix(prefix)}
            for key, held in list(bindings.key_to_bindings.items()):
                bindings.key_to_bindings[key] = [binding for binding in held if binding.action not in old]
            for key in action.keys.split(",") if action.keys else ():
                binding = dataclasses.replace(action.binding(), key=key)
                # Before what a text field would do with it.
                bindings.key_to_bindings[key] = [binding, *bindings.key_to_bindings.get(key, ())]


@runtime_checkable
class HasKeyMap(Protocol):
    """An app whose keys a person can change."""

    key_map: KeyMap


def take_keys(widget: Widget, place: Place) -> None:
    """Give a widget the keys of its place, as the person has set them. Once it is in its app."""
    if isinstance(widget.app, HasKeyMap):
        widget.app.key_map.apply(widget._bindings, place=place)


def take_key_of_opener(screen: Widget, opener: str, action: str) -> None:
    """Let the key that opened a screen do something on it, unless it has a meaning there already."""
    key_map = screen.app.key_map if isinstance(screen.app, HasKeyMap) else KeyMap()
    for key in filter(None, key_map.keys(opener)):
        screen._bindings.key_to_bindings.setdefault(key, [Binding(key, action, show=False, priority=True)])


def key_of(app: object, name: str) -> str:
    """How a sentence names the key of an action: as the person has set it, by the default in an app without [keys], and
    where the action has no key by its title, which the command palette finds; empty where it does not either."""
    key_map = app.key_map if isinstance(app, HasKeyMap) else KeyMap()
    action = next(action for action in key_map.actions if action.name == name)
    return action.shown or (f"“{action.title}” in Ctrl+P" if action.in_palette else "")


def shown_key(key: str) -> str:
    """`ctrl+g` as people write it; a letter alone is itself."""
    if len(key) == 1:
        return key
    return "+".join(
        _SHOWN.get(part) or _SIGNS.get(part) or part.replace("_", " ").capitalize() for part in key.split("+")
    )


def _checked(typed: str, place: Place, source: str) -> str:
    key = typed.strip()
    if len(key) > 1:  # a capital letter alone is a key of its own
        key = key.lower()
    *modifiers, last = key.split("+")
    known = last in _KEYS or last.lower() in _CHARACTERS
    if not known or any(part not in _MODIFIERS for part in modifiers) or len(set(modifiers)) < len(modifiers):
        raise SettingsError(f"{source}: there is no key '{key}'.", "Write keys as in ctrl+g, alt+left or f8.")
    is_text = last.lower() in _CHARACTERS and not set(modifiers) - {"shift"}
    if place == "tree" and key in _MOVING:
        raise SettingsError(f"{source}: {shown_key(key)} is needed for moving.", "Use a letter, or add ctrl or alt.")
    typing = _TYPING - {"up", "down"} if place == "recall" else _TYPING  # its search has one line
    if place not in _TEXTLESS and (key in typing or is_text):
        raise SettingsError(f"{source}: {shown_key(key)} is needed for typing.", "Add ctrl or alt, or use F1 to F24.")
    return key
