"""How an answer was asked for, as the text that its row in the history keeps, and back; it knows nothing of threads."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from gptoss_chat.chat.turn import Effort, TurnOptions
from gptoss_chat.errors import HistoryError
from gptoss_chat.history import Node
from gptoss_chat.model.route import parse_route, route_text

if TYPE_CHECKING:  # the first painted frame does not wait for the prompt format
    from gptoss_chat.harmony.messages import FunctionTool


@dataclasses.dataclass(frozen=True, slots=True)
class Branching:
    """Where an answer leaves another one: after the first `kept` tokens of `reply_id`, with `token_ids` in place of the next."""

    reply_id: str
    kept: int
    token_ids: tuple[int, ...]


def settings_text(options: TurnOptions, branching: Branching | None = None) -> str:
    """A JSON object; what is left out has its usual value."""
    sampling = {name: value for name, value in dataclasses.asdict(options.sampling).items() if name != "stop_ids"}
    settings: dict[str, Any] = {"developer": options.developer, "stop": options.stop, **sampling}
    if options.identity is not None:
        settings["identity"] = options.identity
    if options.route:
        settings["route"] = route_text(options.route)
    if branching is not None:
        settings["branch"] = dataclasses.asdict(branching)
    return json.dumps(settings)


def options_of(node: Node, usual: TurnOptions) -> TurnOptions:
    """How an answer was asked for, with the seed that was drawn for it; what its row does not say is as `usual`.

    Raises HistoryError for a damaged row.
    """
    settings = _settings(node)
    names = {field.name for field in dataclasses.fields(usual.sampling)} & settings.keys()
    sampling = dataclasses.replace(usual.sampling, **{name: settings[name] for name in names})
    seed = (node.usage or {}).get("seed", sampling.seed)
    return dataclasses.replace(
        usual,
        effort=cast("Effort", node.effort) if node.effort else usual.effort,
        developer=settings.get("developer", usual.developer),
        identity=settings.get("identity", usual.identity),
        sampling=dataclasses.replace(sampling, seed=seed),
        stop=tuple(settings.get("stop", usual.stop)),
        route=parse_route(settings.get("route", "")),
    )


def with_tools(node: Node, tools: Sequence[FunctionTool]) -> str:
    """The row's text, which says as well what the answer's prompt offered. Raises HistoryError for a damaged row."""
    rows = [[tool.name, tool.description, tool.parameters] for tool in tools]
    return json.dumps({**_settings(node), "tools": rows})


def tools_of(node: Node) -> tuple[FunctionTool, ...] | None:
    """What the answer's prompt offered; None where it had none yet. Raises HistoryError for a damaged row."""
    from gptoss_chat.harmony.messages import FunctionTool

    found = _settings(node).get("tools")
    if found is None:
        return () if node.raw_ids else None
    try:
        return tuple(FunctionTool(str(name), str(about), parameters) for name, about, parameters in found)
    except (TypeError, ValueError) as error:
        raise _damaged() from error


def branching_of(node: Node) -> Branching | None:
    """Where the answer left another one, if it did. Raises HistoryError for a damaged row."""
    found = _settings(node).get("branch")
    if found is None:
        return None
    try:
        return Branching(str(found["reply_id"]), int(found["kept"]), tuple(map(int, found["token_ids"])))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged() from error


def _settings(node: Node) -> dict[str, Any]:
    try:
        settings = json.loads(node.sampling)
    except ValueError as error:
        raise _damaged() from error
    if not isinstance(settings, dict):
        raise _damaged()
    return settings


def _damaged() -> HistoryError:
    return HistoryError("How this answer was asked for is damaged in the history.", "Regenerate it instead.")
