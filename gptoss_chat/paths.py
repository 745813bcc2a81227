"""Where the user's files live; it knows nothing of what is in them.

Everything honours the XDG variables through platformdirs. Folders are made private (0700): chats are nobody else's.
"""

from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP_NAME = "gptoss-chat"


def private_folder(folder: Path) -> Path:
    """Create `folder` (and its parents) readable by its owner alone, and return it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


@dataclass(frozen=True, slots=True)
class Paths:
    """The three folders of the app; tests and `--no-history` pass their own."""

    data: Path
    cache: Path
    config: Path

    @classmethod
    def of_user(cls) -> "Paths":
        """The folders of the person running the program."""
        return cls(
            data=Path(platformdirs.user_data_dir(APP_NAME, appauthor=False)),
            cache=Path(platformdirs.user_cache_dir(APP_NAME, appauthor=False)),
            config=Path(platformdirs.user_config_dir(APP_NAME, appauthor=False)),
        )

    @property
    def history_db(self) -> Path:
        """The conversation database."""
        return self.data / "history.db"

    @property
    def panes_file(self) -> Path:
        """Which panes the chat had, for --continue."""
        return self.data / "panes.json"

    @property
    def config_file(self) -> Path:
        """The settings, in TOML."""
        return self.config / "config.toml"

    @property
    def log_file(self) -> Path:
        """Where unexpected errors leave their traceback."""
        return self.data / "errors.log"
