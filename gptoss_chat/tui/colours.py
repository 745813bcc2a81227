"""The colours of the chat: its two themes; it knows nothing of widgets."""

from __future__ import annotations

from textual.theme import Theme

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
    success="#4c7a2c",
    warning="#a05a00",
    error="#b03030",
    dark=False,
    variables={
        "border": "#d6d2c6",
        "muted": "#6d7078",
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


def theme_name(setting: str | None) -> str:
    """The theme that a setting means: 'dark' and 'light' are ours, anything else is the toolkit's own name."""
    ours = {"": DARK.name, "dark": DARK.name, "light": LIGHT.name}
    return ours.get(setting or "", setting or "")
