"""Panes come back as they were left, without those whose conversation is gone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gptoss_chat.cli.arrangement import ArrangementFile
from gptoss_chat.cli.desk import ConfigDesk
from gptoss_chat.cli.opening import conversation_of
from gptoss_chat.cli.options import Flags
from gptoss_chat.errors import GptossChatError, UsageError
from gptoss_chat.history import Store
from gptoss_chat.model.route import route_text
from gptoss_chat.paths import Paths
from gptoss_chat.tui.arrangement import Arrangement, Asking, Place, from_json, to_json
from tests.tui.conftest import MakeBench
from tests.tui.test_list import talk

SIZE = (140, 40)
LONG_AGO_S, LATER_S = 1.0, 4e9


def left_as(path: Path, arrangement: Arrangement, at_s: float = LATER_S) -> ArrangementFile:
    """A file that was written at that time."""
    file = ArrangementFile(path)
    file.write(arrangement)
    os.utime(path, (at_s, at_s))
    return file


async def test_panes_come_back_as_they_were_left(make_bench: MakeBench, store: Store, tmp_path: Path) -> None:
    """What is in them, the branch, the split, the shares and the one with the keys."""
    ids = [talk(store, title, title.lower(), "b") for title in ("One", "Two")]
    older = store.path_to(store.conversation(ids[1]).leaf_id or "")[-1].id
    user = store.node(older).parent_id or ""
    other = store.begin_reply(ids[1], user, "scripted", "low", "{}")
    store.finish_reply(other.id, status="complete", final="c", reasoning="", raw_ids=[], usage={})
    file = ArrangementFile(tmp_path / "panes.json")
    bench = make_bench(resume=ids[0])
    bench.app._keep = file.write
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bench.answers == ["b"])
        await pilot.press("alt+h")
        await bench.until(pilot, lambda: len(bench.screen.panes) == 2 and bench.screen.panes[1].prompt.has_focus)
        bench.screen.open_conversation(ids[1])
        await bench.until(pilot, lambda: bench.answers == ["b", "c"])
        await pilot.press("alt+left", "alt+plus")
        await bench.until(pilot, lambda: bench.screen.pane.leaf_id == older)
        wanted = Arrangement((Place(ids[0], bench.screen.panes[0].leaf_id, 0.45), Place(ids[1], older, 0.55)), True, 1)
        await bench.until(pilot, lambda: file.read(store) == wanted)
    again = make_bench()
    again.app._arrangement, again.app._keep = file.read(store), file.write
    async with again.app.run_test(size=SIZE) as pilot:
        await again.until(pilot, lambda: again.answers == ["b", "b"])
        first, second = again.screen.panes
        assert (first.title, second.title) == ("One", "Two")
        assert second.leaf_id == older
        assert second.transcript.entries[-1].versions == 2
        assert again.app.focused is second.prompt
        assert first.region.bottom < second.region.y
        assert second.size.height > first.size.height
        await pilot.pause(0.3)
    assert file.read(store) == wanted


async def test_empty_chat_leaves_what_was_noted(make_bench: MakeBench, store: Store, tmp_path: Path) -> None:
    """Who opens the chat by mistake and leaves it loses nothing."""
    wanted = Arrangement((Place(talk(store, "One", "a", "b")), Place(None)))
    file = left_as(tmp_path / "panes.json", wanted)
    bench = make_bench()
    bench.app._keep = file.write
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: "scripted" in bench.status())
        await pilot.pause(0.3)
    assert file.read(store) == wanted


async def test_panes_ask_again_as_they_did(make_bench: MakeBench, store: Store, tmp_path: Path) -> None:
    """Preset, effort, texts, rules and comparing; a preset comes as config.toml has it by now, what was changed stays over it."""
    paths = Paths(tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    paths.config.mkdir()
    paths.config_file.write_text('[presets.careful]\neffort = "high"\ntemperature = 0.0\n')
    desk = ConfigDesk(paths, {"scripted": tmp_path}, Flags(), {})
    file = ArrangementFile(tmp_path / "panes.json")
    bench = make_bench(resume=talk(store, "One", "a", "b"), desk=desk)
    bench.app._keep = file.write
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bench.answers == ["b"])
        for command in ("/effort low", "/route ban 1:2"):
            bench.prompt.text = command
            await pilot.press("enter")
        await pilot.press("alt+v")
        await bench.until(pilot, lambda: len(bench.screen.panes) == 2 and bench.screen.panes[1].prompt.has_focus)
        bench.screen.use_preset("careful")
        await bench.until(pilot, lambda: bench.screen.pane.preset is not None)
        for command in ("/developer Be brief.", "/system You are Pat.", "/compare"):
            bench.screen.pane.prompt.text = command
            await pilot.press("enter")
        low = Asking(effort="low", route="ban 1:2")
        careful = Asking("careful", system="You are Pat.", developer="Be brief.")

        def kept() -> bool:
            found = file.read(store)
            return found is not None and found.comparing and [p.asking for p in found.places] == [low, careful]

        await bench.until(pilot, kept)
    paths.config_file.write_text('[presets.careful]\neffort = "medium"\ntemperature = 0.5\n')
    again = make_bench(desk=desk)
    again.app._arrangement, again.app._keep = file.read(store), file.write
    async with again.app.run_test(size=SIZE) as pilot:
        await again.until(pilot, lambda: again.answers == ["b", "b"])
        first, second = again.screen.panes
        assert (first.options.effort, route_text(first.options.route), first.preset) == ("low", "ban 1:2", None)
        assert second.preset_shown == "careful"
        assert (second.options.effort, second.options.sampling.temperature) == ("medium", 0.5)
        assert (second.options.developer, second.options.identity) == ("Be brief.", "You are Pat.")
        assert second.options.route == ()
        assert again.screen.comparing
        assert second.prompt.border_title == "To all 2 panes"
        await again.until(pilot, kept)


async def test_preset_that_is_gone_is_told(make_bench: MakeBench, store: Store, tmp_path: Path) -> None:
    """The pane asks as the start has it, with what else was changed."""
    paths = Paths(tmp_path / "data", tmp_path / "cache", tmp_path / "config")
    place = Place(talk(store, "One", "a", "b"), asking=Asking("careful", effort="low"))
    bench = make_bench(desk=ConfigDesk(paths, {"scripted": tmp_path}, Flags(), {}))
    bench.app._arrangement = Arrangement((place,))
    async with bench.app.run_test(size=SIZE) as pilot:
        await bench.until(pilot, lambda: bench.answers == ["b"])
        assert "There is no preset 'careful'" in str(bench.screen.notice.content)
        assert bench.screen.pane.preset is None
        assert bench.screen.options.effort == "low"


def test_flags_go_before_what_was_left() -> None:
    """A flag is the last word, in every pane; another preset takes along what was over the old one."""
    asking = Asking("careful", effort="low", route="ban 1:2")
    left = Arrangement((Place("a", asking=asking), Place("b")), comparing=True)
    assert left.under(Flags().given) == left
    assert left.under(Flags(effort="high").given).places[0].asking == Asking("careful", route="ban 1:2")
    assert left.under(Flags(route="").given).places[0].asking == Asking("careful", effort="low")
    assert left.under(Flags(preset="none").given).places[0].asking == Asking()


def test_file_of_before_panes_kept_settings_is_read() -> None:
    """It says where the panes are, and no more."""
    text = '{"places": [{"conversation_id": "a", "leaf_id": null, "share": 1.0}], "stacked": false, "active": 0}'
    assert from_json(text) == Arrangement((Place("a"),))


def test_gone_conversations_are_left_out(store: Store, tmp_path: Path) -> None:
    """Deleted, or of another history; the keys are where they were, else in the first pane; with none left, no error."""
    kept, gone = talk(store, "Kept", "a", "b"), talk(store, "Gone", "a", "b")
    places = (Place(gone), Place("f" * 32), Place(kept, share=0.25), Place(None))
    file = left_as(tmp_path / "panes.json", Arrangement(places, active=2))
    store.delete(gone)
    assert file.read(store) == Arrangement((Place(kept, share=0.25), Place(None)), active=0)
    store.delete(kept)
    assert file.read(store) is None
    assert conversation_of(store, continue_=True, resume=None, or_new=True) is None
    with pytest.raises(UsageError):  # with -p there is no chat to begin
        conversation_of(store, continue_=True, resume=None)


def test_conversation_that_went_on_elsewhere_is_the_last_one(store: Store, tmp_path: Path) -> None:
    """A later prompt with -p is what --continue means; one in a pane that is noted changes nothing."""
    first = talk(store, "In a pane", "a", "b")
    file = left_as(tmp_path / "panes.json", Arrangement((Place(first), Place(None))), at_s=LONG_AGO_S)
    assert file.read(store) is not None
    talk(store, "Later", "a", "b")
    assert file.read(store) is None


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", "{}", '{"places": [], "stacked": false, "active": 0}', "null", "[" * 5000]
    + [to_json(Arrangement((Place("a"),), active=at)) for at in (-1, 1)]
    + [to_json(Arrangement((Place("a", share=share),))) for share in (0.0, -1.0, float("nan"), float("inf"))]
    + [to_json(Arrangement((Place(3),)))]  # type: ignore[arg-type]
    + [to_json(Arrangement((Place("a"),) * 17))]
    + [to_json(Arrangement((Place("a", asking=Asking(route=text)),))) for text in ("fly", 3)]  # type: ignore[arg-type]
    + [to_json(Arrangement((Place("a", asking=Asking(effort=word)),))) for word in ("much", 3)]  # type: ignore[arg-type]
    + [to_json(Arrangement((Place("a", asking=3),)))]  # type: ignore[arg-type]
    + [to_json(Arrangement((Place("a"),), comparing=1))],  # type: ignore[arg-type]
)  # fmt: skip
def test_anything_else_in_the_file_is_no_arrangement(text: str, store: Store, tmp_path: Path) -> None:
    """It is no loss, so it is no error either."""
    (tmp_path / "panes.json").write_text(text)
    assert from_json(text) is None
    assert ArrangementFile(tmp_path / "panes.json").read(store) is None


def test_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """The folder is gone."""
    with pytest.raises(GptossChatError, match="Can't write"):
        ArrangementFile(tmp_path / "nowhere" / "panes.json").write(Arrangement((Place("a"),)))
