"""Opening a session and the chat screen on it; it knows settings and folders, nothing of flags' names or Typer."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gptoss_chat.errors import SettingsError, UsageError
from gptoss_chat.paths import Paths, private_folder
from gptoss_chat.text import printable

if TYPE_CHECKING:
    from gptoss_chat.catalog import ModelEntry
    from gptoss_chat.chat.loading import LoadedModel, Loader
    from gptoss_chat.chat.session import Session
    from gptoss_chat.cli.arrangement import ArrangementFile
    from gptoss_chat.cli.options import Flags
    from gptoss_chat.history import Store
    from gptoss_chat.settings import Settings
    from gptoss_chat.tui.models import FoundModel


def open_plain_chat() -> int:
    """The chat with nothing but the settings, as `gptoss-chat` alone opens it; returns the exit code."""
    from gptoss_chat.cli.arrangement import ArrangementFile
    from gptoss_chat.cli.options import Flags
    from gptoss_chat.settings import load_settings

    paths = Paths.of_user()
    settings = load_settings(paths)
    settings = settings.with_preset(settings.preset)
    with open_session(paths, settings, None, no_history=False, later=True) as (session, folder):
        return open_chat(session, settings, Flags(), folder, left=ArrangementFile(paths.panes_file))


def open_chat(
    session: Session,
    settings: Settings,
    flags: Flags,
    folder: Path,
    conversation_id: str | None = None,
    *,
    left: ArrangementFile | None = None,
    reopen: bool = False,
) -> int:
    """Run the chat screen on the model in `folder`; returns the exit code.

    `left` keeps which panes there are; with `reopen`, those of the last time come back, where their conversations are there
    still, in the place of `conversation_id`; what they asked with gives way to what flags say now. Raises UsageError where
    there is no terminal for it.
    """
    if os.environ.get("TERM", "") in ("", "dumb") or not sys.stdout.isatty():
        raise UsageError("The chat needs a terminal that can move its cursor.", 'Use gptoss-chat -p "..." here.')
    from gptoss_chat.cli.desk import ConfigDesk
    from gptoss_chat.cli.options import turn_options
    from gptoss_chat.tui.app import ChatApp
    from gptoss_chat.tui.pasting import keep_pastes_whole

    _check_theme(settings)
    keep_pastes_whole()
    folders = {session.model_name: folder}
    arrangement = left.read(session.store) if left is not None and reopen else None
    ChatApp(
        session,
        settings=settings,
        options=turn_options(flags, settings, folder),
        resume=conversation_id,
        shelf=_Shelf(settings, flags, folders),
        desk=ConfigDesk(Paths.of_user(), folders, flags),
        arrangement=arrangement.under(flags.given) if arrangement is not None else None,
        keep=left.write if left is not None else None,
    ).run()
    return 0


def _check_theme(settings: Settings) -> None:
    """Raises SettingsError, naming where it was set, for a theme that there is not."""
    from gptoss_chat.settings import ENVIRONMENT_PREFIX, source_of
    from gptoss_chat.tui.colours import check_theme

    variable = f"{ENVIRONMENT_PREFIX}THEME"
    try:
        check_theme(settings.theme, variable)
    except SettingsError:  # only now: finding the line is of no use otherwise
        check_theme(settings.theme, variable if variable in os.environ else source_of(Paths.of_user(), "theme"))


class _Shelf:
    """The models of this machine, for the screen to change to; their folders are noted in `folders`."""

    def __init__(self, settings: Settings, flags: Flags, folders: dict[str, Path]) -> None:
        self._settings = settings
        self._flags = flags
        self._folders = folders

    def names(self) -> list[str]:
        from gptoss_chat import catalog

        return [entry.name for entry in catalog.list_models()]

    def find(self, name: str) -> FoundModel:
        from gptoss_chat import catalog
        from gptoss_chat.cli.options import sampling_params
        from gptoss_chat.tui.models import FoundModel

        entry = catalog.find(name, self._settings)
        sampling = sampling_params(self._flags.sampling, self._settings, entry.folder)
        self._folders[entry.name] = entry.folder
        return FoundModel(entry.name, _loader(entry, self._settings), sampling)


@contextmanager
def open_session(
    paths: Paths,
    settings: Settings,
    model: str | None,
    *,
    no_history: bool,
    later: bool,
    tools: tuple[str, ...] | None = None,
) -> Iterator[tuple[Session, Path]]:
    """A session on the model asked for; closed, with its store, whatever happens.

    `tools` are names of tools that will be asked for: raises UsageError where there is no such tool.

    With `later`, the history is opened at its first use and the memory is checked when the model is loaded: the screen is
    painted before either, and tells of both.
    """
    from gptoss_chat import catalog
    from gptoss_chat.chat.session import Session
    from gptoss_chat.cli.options import today
    from gptoss_chat.history import Store
    from gptoss_chat.settings import TOOL_TABLES, read_config

    entry = catalog.find(model, settings)
    toolbox = None  # nothing declared: the session makes its own, once the screen is painted
    if tools or TOOL_TABLES & read_config(paths).keys():
        from gptoss_chat.tools.config import read_toolbox

        toolbox = read_toolbox(paths)
        toolbox.check(tools or ())
    if not later:
        _memory_warning(entry)  # raises where nothing helps
    with _history_file(paths, no_history=no_history) as file:
        store = Store(file) if later else Store.open(file)
        session = Session(
            store, _loader(entry, settings, tell=not later), model_name=entry.name, date=today, toolbox=toolbox
        )
        try:
            yield session, entry.folder
        finally:
            session.close()
            if toolbox is not None:
                toolbox.close()
            store.close()


@contextmanager
def _history_file(paths: Paths, *, no_history: bool) -> Iterator[Path]:
    if no_history:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="gptoss-chat-") as scratch:
            yield Path(scratch) / "history.db"
    else:
        private_folder(paths.data)
        logging.basicConfig(filename=paths.log_file, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
        yield paths.history_db


def _loader(entry: ModelEntry, settings: Settings, *, tell: bool = False) -> Loader:
    """Loads the model unless the memory can't hold it, and where asked to `tell`s on stderr what the reader should know.

    Raises MemoryLimitError, CheckpointError, or UsageError for a device that does not serve.
    """

    def checked(progress: Callable[[float], None]) -> LoadedModel:
        from gptoss_chat.chat.loading import model_loader

        limit = settings.gpu_memory_gib
        load = model_loader(
            entry.name,
            entry.folder,
            cache_bytes=int(settings.cache_gib * 2**30),
            device=settings.device,
            gpu_bytes=None if limit is None else int(limit * 2**30),
        )
        warned = _memory_warning(entry)  # before, when its own pages are not yet counted as taken
        loaded = load(progress)
        if loaded.gpu_bytes:
            warned = _memory_warning(entry, loaded.gpu_bytes)
        notice = " ".join(filter(None, (loaded.notice, warned)))
        if tell and notice:
            print(printable(notice), file=sys.stderr)
        return dataclasses.replace(loaded, notice=notice)

    return checked


def _memory_warning(entry: ModelEntry, gpu_bytes: int = 0) -> str:
    """What the reader should know of `entry` in this machine's memory, if anything; `gpu_bytes` of it are on a GPU.

    Raises MemoryLimitError.
    """
    from gptoss_chat.catalog.memory import fits, too_big

    report = fits(entry, gpu_bytes)
    if not report.ok:
        raise too_big(report)
    return report.sentence if report.warning else ""


def conversation_of(store: Store, continue_: bool, resume: str | None, *, or_new: bool = False) -> str | None:
    """The conversation to go on with, if any; with `or_new`, going on with the last one begins a new one where there is none.

    Raises UsageError or HistoryError when there is none.
    """
    if resume is not None:
        return store.conversation(resume).id
    if continue_:
        latest = store.conversations(limit=1)
        if not latest and or_new:
            return None
        if not latest:
            raise UsageError("There is no conversation to go on with.", "Leave out --continue.")
        return latest[0].id
    return None
