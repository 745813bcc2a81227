"""What the first frame waits for: every module here that it does not show would be in its way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

LATER = {
    # what the model and its answers need
    "torch", "numpy", "markdown_it", "pygments",
    "gptoss_chat.chat.events", "gptoss_chat.chat.loading", "gptoss_chat.engine.types", "gptoss_chat.model.spec",
    "gptoss_chat.tui.widgets.answer", "gptoss_chat.tui.widgets.message", "gptoss_chat.tui.widgets.routing",
    # what a command line, a config.toml and a download need
    "typer", "tomllib", "tomlkit", "huggingface_hub", "psutil",
    "gptoss_chat.catalog.memory", "gptoss_chat.catalog.pull", "gptoss_chat.tools.config",
    # what the history needs once it is opened
    "gptoss_chat.history.database", "gptoss_chat.history.merging", "gptoss_chat.history.routes",
    # what opens over the chat, and what a typed prompt needs
    "gptoss_chat.tui.arrangement", "gptoss_chat.tui.attachments", "gptoss_chat.tui.commands",
    "gptoss_chat.tui.completion", "gptoss_chat.tui.exporting", "gptoss_chat.tui.screens.consent",
    "gptoss_chat.tui.screens.help", "gptoss_chat.tui.screens.line", "gptoss_chat.tui.screens.routing",
    "gptoss_chat.tui.screens.settings", "gptoss_chat.tui.screens.tree",
}  # fmt: skip

SCRIPT = """
import json, sys
from gptoss_chat.cli.opening import open_session
from gptoss_chat.cli.options import Flags, turn_options
from gptoss_chat.paths import Paths
from gptoss_chat.settings import load_settings
from gptoss_chat.tui.app import ChatApp
from gptoss_chat.tui.screens.talk import TalkScreen

def prepare(screen):  # what comes right after the first frame
    screen.app.exit(json.dumps(sorted(sys.modules)))

TalkScreen._prepare = prepare
paths = Paths.of_user()
settings = load_settings(paths)
with open_session(paths, settings, None, no_history=False, later=True) as (session, folder):
    print(ChatApp(session, settings=settings, options=turn_options(Flags(), settings, folder)).run(headless=True))
"""


def test_first_frame_waits_for_nothing_that_it_does_not_show(tmp_path: Path) -> None:
    """Screens, formats and the model are imported when they are met; some of them together would double the wait."""
    places = {f"XDG_{kind}_HOME": str(tmp_path / kind) for kind in ("DATA", "CACHE", "CONFIG")}
    environment = {**os.environ, "HOME": str(tmp_path), **places}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert sorted(LATER.intersection(json.loads(done.stdout))) == []
