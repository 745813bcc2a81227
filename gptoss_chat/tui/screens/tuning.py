"""Settings and presets at work in the chat; it knows a desk, nothing of files."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from textual import work

from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.config.fields import BY_NAME, PRESET_NAMES
from gptoss_chat.config.values import Settings
from gptoss_chat.errors import GptossChatError
from gptoss_chat.tui.desk import Desk, with_setting
from gptoss_chat.tui.plain import visible
from gptoss_chat.tui.screens.asking import AskingScreen
from gptoss_chat.tui.widgets.message import error_text
from gptoss_chat.tui.widgets.pane import Pane

NO_PRESET = "none"


class TuningScreen(AskingScreen):
    """Changes hold in the pane that has the keys, from its next prompt on; panes opened from it begin with them."""

    desk: Desk | None = None

    @work(group="settings", exclusive=True)
    async def action_settings(self) -> None:
        """All settings, to look at and to change."""
        desk = self.desk
        if desk is None:
            self.notice.show("The settings can't be changed here.")
            return
        pane = self.pane
        settings = await self.told(desk.read)
        if settings is None:
            return
        # The first frame does not wait for it.
        from gptoss_chat.tui.screens.settings import SettingsScreen

        async def changed(name: str, settings: Settings) -> None:
            await self._let_hold(pane, desk, name, settings)

        self.app.push_screen(SettingsScreen(desk, settings, self.shelf, changed))

    async def _let_hold(self, pane: Pane, desk: Desk, name: str, settings: Settings) -> None:
        if name == "show_reasoning":
            for shown in self.panes:
                shown.transcript.fold(unfolded=settings.show_reasoning)
        elif BY_NAME[name].when == "from the next prompt on":
            fresh = await self.told(_options, desk, settings, self.session.model_name)
            if fresh is not None:
                pane.options = with_setting(pane.options, fresh, name)

    # Presets -------------------------------------------------------------------------------------------------------

    def preset_names(self) -> Sequence[str]:
        """What /preset can be given. Reads a file: call it from a thread."""
        if self.desk is not None:
            with contextlib.suppress(GptossChatError):  # told when the command is sent
                return (*(preset.name for preset in self.desk.read().presets), NO_PRESET)
        return ()

    @work(group="settings", exclusive=True)
    async def use_preset(self, name: str) -> None:
        """Ask under a preset from the next prompt on; the settings that it leaves out are as config.toml has them."""
        desk, pane = self.desk, self.pane
        if desk is None:
            pane.notice.show("There are no presets here.")
            return
        try:
            settings: Settings = await asyncio.to_thread(desk.read)
            names = [preset.name for preset in settings.presets]
            if not name:
                there_are = (
                    f"The presets: {', '.join(names)}. /preset NAME asks under one, /preset {NO_PRESET} under none."
                )
                pane.notice.show(visible(there_are if names else "There is no [presets.NAME] in config.toml yet."))
                return
            settings = settings.with_preset("" if name == NO_PRESET and name not in names else name)
            fresh = await asyncio.to_thread(desk.options, settings, self.session.model_name)
        except GptossChatError as error:
            pane.notice.show(error_text(error))
            return
        options = pane.options
        for setting in PRESET_NAMES:
            options = with_setting(options, fresh, setting)
        pane.options = options
        values = next((preset.values for preset in settings.presets if preset.name == settings.preset), {})
        told = ", ".join(f"{key} {' '.join(str(value).split())}" for key, value in values.items())
        what = f"Preset {settings.preset} from the next prompt on: {told}" if settings.preset else "No preset any more"
        pane.notice.show(visible(what))


def _options(desk: Desk, settings: Settings, model: str) -> TurnOptions:
    """What a start of the program would ask with: its preset goes before config.toml, as the settings say."""
    return desk.options(settings.with_preset(settings.preset), model)
