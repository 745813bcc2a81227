"""Settings and presets at work in the chat; it knows a desk, nothing of files."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual import work

from gptoss_chat.chat.turn import TurnOptions
from gptoss_chat.config.fields import BY_NAME, PRESET_NAMES
from gptoss_chat.config.values import Settings
from gptoss_chat.errors import GptossChatError
from gptoss_chat.settings import NO_PRESET
from gptoss_chat.tui.desk import Desk, InForce, in_force, under_preset, with_setting
from gptoss_chat.tui.plain import error_text, visible
from gptoss_chat.tui.screens.asking import AskingScreen
from gptoss_chat.tui.widgets.pane import Pane

if TYPE_CHECKING:
    from gptoss_chat.tui.arrangement import Asking
    from gptoss_chat.tui.models import FoundModel


class TuningScreen(AskingScreen):
    """Changes hold in the pane that has the keys, from its next prompt on; panes opened from it begin with them."""

    desk: Desk | None = None
    _began_under: InForce | None = None

    def begin_under(self, preset: InForce | None) -> None:
        """The preset that the start has put in force, if one."""
        self.pane.preset = self._began_under = preset

    def asking_of(self, pane: Pane) -> Asking:
        """What the panes file holds of its settings: a preset by its name, so that it follows config.toml."""
        from gptoss_chat.tui.arrangement import Asking

        preset, began_under = pane.preset, self._began_under
        name, usual_name = (held.name if held is not None else "" for held in (preset, began_under))
        usual = preset.given if preset is not None else self.usual
        return Asking.beside(pane.options, usual, name if name != usual_name else None)

    async def ask_as(self, pane: Pane, asking: Asking) -> None:
        """The preset by its name, and the rest over it; one that is gone is told."""
        if asking.preset is not None and self.desk is not None:
            settings = await self.told(self.desk.read)
            if settings is not None:
                await self._put_under(pane, self.desk, settings, asking.preset)
        pane.options = asking.over(pane.options)

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
        from gptoss_chat.tui.screens.settings import Listener, SettingsScreen

        async def setting_changed(name: str, settings: Settings) -> None:
            await self._let_hold(pane, desk, name, settings)

        async def preset_changed(name: str, settings: Settings) -> None:
            await self._preset_changed(desk, name, settings)

        listener = Listener(setting_changed, preset_changed)
        name = pane.preset.name if pane.preset is not None else ""
        self.app.push_screen(SettingsScreen(desk, settings, self.shelf, listener, name, len(self.panes)))

    async def _let_hold(self, pane: Pane, desk: Desk, name: str, settings: Settings) -> None:
        if name == "show_reasoning":
            for shown in self.panes:
                shown.transcript.fold(unfolded=settings.show_reasoning)
        elif BY_NAME[name].when == "from the next prompt on":
            in_preset = pane.preset is not None and name in pane.preset.settings
            if not in_preset:  # it goes before what was written
                fresh = await self.told(_as_written, desk, settings, self.session.model_name)
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
        """Ask under a preset from the next prompt on; what it leaves out, and everything under none, is as the start gave it."""
        desk, pane = self.desk, self.pane
        if desk is None:
            pane.notice.show("There are no presets here.")
            return
        settings = await self.told(desk.read)
        if settings is None:
            return
        if not name:
            names = ", ".join(preset.name for preset in settings.presets)
            there_are = f"The presets: {names}. /preset NAME asks under one, /preset {NO_PRESET} under none."
            pane.notice.show(visible(there_are) if names else "There is no preset yet. /settings makes one.")
            return
        if name == NO_PRESET and not any(preset.name == name for preset in settings.presets):
            name = ""
        if await self._put_under(pane, desk, settings, name):
            values: Mapping[str, Any] = next((preset.values for preset in settings.presets if preset.name == name), {})
            told = ", ".join(f"{key} {' '.join(str(value).split())}" for key, value in values.items())
            pane.notice.show(
                visible(f"Preset {name} from the next prompt on: {told}" if name else "No preset any more")
            )

    async def _put_under(self, pane: Pane, desk: Desk, settings: Settings, name: str) -> bool:
        """Let a preset hold in a pane, or none; False, and a sentence, where that can't be."""
        try:
            made = await asyncio.to_thread(under_preset, desk, settings, name, self.session.model_name)
        except GptossChatError as error:
            pane.notice.show(error_text(error))
            return False
        for setting in PRESET_NAMES:
            pane.options = with_setting(pane.options, made, setting)
        pane.preset = in_force(settings.with_preset(name), pane.options)
        return True

    async def _preset_changed(self, desk: Desk, name: str, settings: Settings) -> None:
        """Panes under a preset follow it; where it is no more, they are under none."""
        there = any(preset.name == name for preset in settings.presets)
        for pane in list(self.panes):
            if pane.preset is not None and pane.preset.name == name:
                await self._put_under(pane, desk, settings, name if there else "")

    async def sample_as(self, found: FoundModel) -> None:
        """Draw as another model's checkpoint says, in every pane, where no flag, setting or preset says otherwise."""
        for pane in list(self.panes):
            sampling = found.sampling
            if self.desk is not None:
                with contextlib.suppress(GptossChatError):  # a broken file: as the settings were at the start
                    name = pane.preset.name if pane.preset is not None else ""
                    settings = await asyncio.to_thread(self.desk.read)
                    sampling = (await asyncio.to_thread(under_preset, self.desk, settings, name, found.name)).sampling
            pane.options = dataclasses.replace(pane.options, sampling=sampling)


def _as_written(desk: Desk, settings: Settings, model: str) -> TurnOptions:
    """What is in the file, before any flag: it was changed just now, and that is the person's last word."""
    return desk.options(settings.with_preset(""), model, flags=False)
