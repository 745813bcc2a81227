"""The colours of the chat: its themes; it knows nothing of widgets."""

from __future__ import annotations

from typing import Any

from textual.theme import BUILTIN_THEMES, Theme

from gptoss_chat.errors import SettingsError

DARK = Theme(
    name="gptoss-dark",
    primary="#7fb4ba",
    secondary="#5a7f96",
    accent="#d9b45b",
    foreground="#d5dae1",
    background="#12151a",
    surface="#191d24",
    panel="#222832",
    success="#8fb573",
    warning="#d9a05b",
    error="#d97a7a",
    dark=True,
    variables={
        "border": "#2c333e",
        "muted": "#8a94a3",
        "scrollbar": "#2c333e",
        "scrollbar-hover": "#3b4552",
        "scrollbar-active": "#4b5766",
        "scrollbar-background": "#12151a",
        "scrollbar-background-hover": "#12151a",
        "scrollbar-background-active": "#12151a",
        "scrollbar-corner-color": "#12151a",
        "block-cursor-text-style": "none",
    },
)

LIGHT = Theme(
    name="gptoss-light",
    primary="#22666f",
    secondary="#3f6a86",
    accent="#8a6410",
    foreground="#23282f",
    background="#faf9f6",
    surface="#f1efe9",
    panel="#e5e2d9",
    success="#467226",
    warning="#a05a00",
    error="#b03030",
    dark=False,
    variables={
        "border": "#d6d2c6",
        "muted": "#696c74",
        "scrollbar": "#d6d2c6",
        "scrollbar-hover": "#bfbaad",
        "scrollbar-active": "#a9a394",
        "scrollbar-background": "#faf9f6",
        "scrollbar-background-hover": "#faf9f6",
        "scrollbar-background-active": "#faf9f6",
        "scrollbar-corner-color": "#faf9f6",
        "block-cursor-text-style": "none",
    },
)


def _varied(base: Theme, name: str, border: str, muted: str, **colours: Any) -> Theme:
    """A theme made as `base` is, in other colours."""
    variables = dict(base.variables)
    variables |= {"border": border, "muted": muted, "scrollbar": border, "scrollbar-hover": muted}
    variables |= {"scrollbar-active": muted}
    variables |= {key: colours["background"] for key in variables if key.startswith("scrollbar-background")}
    variables["scrollbar-corner-color"] = colours["background"]
    return Theme(name=name, dark=base.dark, variables=variables, **colours)


DUSK = _varied(
    DARK, "gptoss-dusk", "#3a3450", "#9d95b5", primary="#b39ddb", secondary="#8090c0", accent="#e0a58a",
    foreground="#ddd8e8", background="#191626", surface="#211d31", panel="#2c2741", success="#9cc08a",
    warning="#e0b070", error="#e58a95",
)  # fmt: skip
PAPER = _varied(
    LIGHT, "gptoss-paper", "#d8cbb0", "#6a604e", primary="#7a4a1e", secondary="#5b5a2a", accent="#8a3b2e",
    foreground="#33291c", background="#f8f1e2", surface="#f0e7d3", panel="#e5d9bf", success="#47661f",
    warning="#8a4f00", error="#a12a2a",
)  # fmt: skip
CONTRAST_DARK = _varied(
    DARK, "gptoss-contrast-dark", "#ffffff", "#e0e0e0", primary="#7fe0ff", secondary="#b0d0ff", accent="#ffe14d",
    foreground="#ffffff", background="#000000", surface="#000000", panel="#1c1c1c", success="#7dff8a",
    warning="#ffc266", error="#ffa8a8",
)  # fmt: skip
CONTRAST_LIGHT = _varied(
    LIGHT, "gptoss-contrast-light", "#000000", "#2a2a2a", primary="#003a66", secondary="#1f2f66", accent="#5c2f00",
    foreground="#000000", background="#ffffff", surface="#ffffff", panel="#ebebeb", success="#0b4a12",
    warning="#5f3200", error="#7d0000",
)  # fmt: skip

THEMES: dict[str, Theme] = {
    theme.name.removeprefix("gptoss-"): theme for theme in (DARK, LIGHT, DUSK, PAPER, CONTRAST_DARK, CONTRAST_LIGHT)
}
"""Ours, by the names that people write."""


def theme_name(setting: str | None) -> str:
    """The toolkit's name of the theme that a setting means: one of ours, else the toolkit's own of that name."""
    return THEMES[setting or "dark"].name if (setting or "dark") in THEMES else setting or ""


def check_theme(setting: str, source: str) -> None:
    """Whether there is a theme of that name. Raises SettingsError, which begins with `source`, where there is none."""
    if setting not in THEMES and setting not in BUILTIN_THEMES:
        raise SettingsError(f"{source}: there is no theme '{setting}'.", f"Use one of: {', '.join(THEMES)}.")
