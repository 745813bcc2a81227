"""Turns samples of the corpus into token arrays and those into batches.

Knows nothing of the model's weights. A conversation is stored as a trunk, the history as a later prompt shows it (no
analysis), and one branch for each answer as it is generated; a branch sees the trunk up to its fork, and itself.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from gptoss_chat.builtin.recipe.corpus import Exchange, Sample
from gptoss_chat.builtin.recipe.skills.tools import OFFERED
from gptoss_chat.builtin.recipe.tokenizer import special_id
from gptoss_chat.builtin.recipe.training_model import Batch
from gptoss_chat.harmony.typescript import tools_section

IGNORED = -100
"""Target of tokens that carry no loss."""

_SYSTEM = (
    "You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\nCurrent date: {date}\n\n"
    "Reasoning: {effort}\n\n# Valid channels: analysis, commentary, final. Channel must be included for every message."
)
_FUNCTIONS = "\nCalls to these tools must go to the commentary channel: 'functions'."


@dataclass(frozen=True, slots=True)
class Encoded:
    """One conversation: date, effort and tools of its prefix, and per token ids, positions after the prefix, branch (0 is the
    trunk), how much of the trunk it sees, and the target."""

    date: str
    effort: str
    tools: bool
    dated: bool
    ids: NDArray[np.int32]
    positions: NDArray[np.int32]
    branches: NDArray[np.int32]
    limits: NDArray[np.int32]
    targets: NDArray[np.int32]


class Encoder:
    """Encodes prompts and samples with a trained tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._end, self.stop = special_id(tokenizer, "<|end|>"), special_id(tokenizer, "<|return|>")
        start, message, channel = (special_id(tokenizer, f"<|{name}|>") for name in ("start", "message", "channel"))
        self.opening = (start, *self.text("assistant"))
        self._user = (start, *self.text("user"), message)
        self._developer = (start, *self.text("developer"), message)
        self._commentary = (channel, *self.text("commentary"), message)
        constrain, self._call = special_id(tokenizer, "<|constrain|>"), special_id(tokenizer, "<|call|>")
        self._json = (channel, *self.text("commentary"), *self.text(" "), constrain, *self.text("json"), message)
        self._system = (start, *self.text("system"), message)
        self.analysis = (channel, *self.text("analysis"), message)
        self.final = (channel, *self.text("final"), message)

    def text(self, text: str) -> list[int]:
        """Ids of plain text."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def prefix(self, date: str, effort: str, tools: bool = False) -> list[int]:
        """Ids of the system message, and of the developer message that offers the tools."""
        system = _SYSTEM.format(date=date, effort=effort)
        if not tools:
            return [*self._system, *self.text(system), self._end]
        offer = self.text(tools_section(OFFERED))
        return [*self._system, *self.text(system + _FUNCTIONS), self._end, *self._developer, *offer, self._end]

    def user(self, text: str) -> list[int]:
        """Ids of a user message."""
        return [*self._user, *self.text(text), self._end]

    def answered(self, exchange: Exchange) -> list[int]:
        """Ids of an answer as history shows it: without analysis, but with what a tool was asked and gave back."""
        called = [*self.opening, *self._calling(exchange), *self._returned(exchange)] if exchange.call else []
        return [*called, *self.opening, *self.final, *self.text(exchange.final), self._end]

    def generated(self, exchange: Exchange) -> list[list[int]]:
        """Ids of what the model writes, each time from the opening that the prompt ends with to the stop token: the answer,
        or a call and then the answer."""
        thought = [*self.analysis, *self.text(exchange.analysis), self._end, *self.opening] if exchange.analysis else []
        final = [*self.final, *self.text(exchange.final), self.stop]
        if exchange.call is None:
            return [[*self.opening, *thought, *final]]
        return [[*self.opening, *thought, *self._calling(exchange)], [*self.opening, *final]]

    def _calling(self, exchange: Exchange) -> list[int]:
        """Ids of a call, from the recipient to `<|call|>`."""
        assert exchange.call is not None
        recipient = self.text(f" to=functions.{exchange.call.name}")
        return [*recipient, *self._json, *self.text(exchange.call.arguments), self._call]

    def _returned(self, exchange: Exchange) -> list[int]:
        """Ids of what the tool gave back."""
        assert exchange.call is not None
        sender = (*self.text(f"functions.{exchange.call.name}"), *self.text(" to=assistant"))
        return [self.opening[0], *sender, *self._commentary, *self.text(exchange.call.result), self._end]

    def steps(self, sample: Sample) -> list[tuple[list[int], list[int]]]:
        """Prompt and gold ids of every answer of the sample's last exchange: one, or the call and what follows it."""
        trunk = self.prefix(sample.date, sample.effort, sample.tools)
        for exchange in sample.exchanges[:-1]:
            trunk += self.user(exchange.user) + self.answered(exchange)
        last = sample.exchanges[-1]
        trunk += self.user(last.user)
        first, *rest = self.generated(last)
        return [(trunk, first), *(([*trunk, *first, *self._returned(last)], tokens) for tokens in rest)]

    def encode(self, sample: Sample, *, dated: bool, history: Sequence[Exchange] = (), offset: int = 0) -> Encoded:
        """Trunk and branches of a sample, after `history` without loss; positions start at `offset`."""
        trunk: list[int] = []
        for exchange in history:
            trunk += self.user(exchange.user) + self.answered(exchange)
        forks: list[tuple[int, list[int]]] = []
        for number, exchange in enumerate(sample.exchanges):
            trunk += self.user(exchange.user)
            first, *rest = self.generated(exchange)
            forks.append((len(trunk), first))
            if number + 1 < len(sample.exchanges):
                trunk += self.answered(exchange)
            elif rest:  # the analysis stays in the prompt until the answer is final
                trunk += [*first, *self._returned(exchange)]
                forks.append((len(trunk), rest[0]))
        size = len(trunk)
        ids, positions, branches = list(trunk), list(range(size)), [0] * size
        limits, targets = list(range(1, size + 1)), [IGNORED] * size
        for branch, (fork, tokens) in enumerate(forks, start=1):
            inputs, skipped = len(tokens) - 1, len(self.opening) - 1
            ids += tokens[:-1]
            positions += range(fork, fork + inputs)
            branches += [branch] * inputs
            limits += [fork] * inputs
            targets += [IGNORED] * skipped + tokens[skipped + 1 :]
        columns = [np.array(c, dtype=np.int32) for c in (ids, positions, branches, limits, targets)]
        columns[1] += offset
        columns[3] += offset
        return Encoded(sample.date, sample.effort, sample.tools, dated, *columns)


def batch_of(encoder: Encoder, chosen: Sequence[Encoded]) -> Batch:
    """Pads conversations, all with tools or all without, to one length.

    Those that do not depend on the date share a prefix of the same effort.
    """
    tools = chosen[0].tools
    assert all(item.tools == tools for item in chosen), "prefixes are of one length"
    prefixes: dict[tuple[str, str], int] = {}
    for item in chosen:
        if item.dated:
            prefixes.setdefault((item.date, item.effort), len(prefixes))
    by_effort = {effort: number for (_, effort), number in prefixes.items()}
    numbers = []
    for item in chosen:
        if not item.dated and item.effort not in by_effort:
            by_effort[item.effort] = prefixes.setdefault((item.date, item.effort), len(prefixes))
        numbers.append(prefixes[item.date, item.effort] if item.dated else by_effort[item.effort])
    prefix_GP = torch.tensor([encoder.prefix(*key, tools) for key in prefixes])
    count, length = len(chosen), max(len(item.ids) for item in chosen)
    columns = np.zeros((4, count, length), dtype=np.int64)
    targets = np.full((count, length), IGNORED, dtype=np.int64)
    columns[2] = -1
    for row, item in enumerate(chosen):
        size = len(item.ids)
        for column, values in zip(columns, (item.ids, item.positions, item.branches, item.limits), strict=True):
            column[row, :size] = values
        targets[row, :size] = item.targets
    ids, positions, branches, limits = (torch.from_numpy(column) for column in columns)
    order = torch.arange(length)
    trunk = (branches == 0)[:, None, :] & (positions[:, None, :] < limits[:, :, None])
    own = (branches[:, :, None] == branches[:, None, :]) & (order[None, :] <= order[:, None])
    return Batch(
        prefix_GP=prefix_GP,
        prefix_of_B=torch.tensor(numbers),
        ids_BL=ids,
        positions_BL=positions + prefix_GP.shape[1],
        visible_BLL=trunk | own,
        valid_BL=branches >= 0,
        targets_BL=torch.from_numpy(targets),
    )


def batches(items: Sequence[Encoded], *, tokens: int, groups: int, rng: random.Random) -> Iterator[list[list[Encoded]]]:
    """One pass over the items in random order: `groups` groups at a time, each of conversations of like length that make at
    most `tokens` padded tokens."""
    order = list(range(len(items)))
    rng.shuffle(order)
    pool = 2048
    for start in range(0, len(order), pool):
        part = sorted((items[i] for i in order[start : start + pool]), key=lambda item: (item.tools, len(item.ids)))
        alike: list[list[Encoded]] = [[]]
        for item in part:
            full = len(item.ids) * (len(alike[-1]) + 1) > tokens
            if alike[-1] and (full or item.tools != alike[-1][0].tools):
                alike.append([])
            alike[-1].append(item)
        rng.shuffle(alike)
        yield from (alike[at : at + groups] for at in range(0, len(alike), groups))


def texts_of(samples: Iterable[Sample]) -> Iterator[str]:
    """Everything that the tokenizer should know, the system message included."""
    for sample in samples:
        yield _SYSTEM.format(date=sample.date, effort=sample.effort)
        yield from ("assistant", "user", "system", "analysis", "final", "commentary")
        if sample.tools:
            yield tools_section(OFFERED)
        for exchange in sample.exchanges:
            yield exchange.user
            yield exchange.analysis
            yield exchange.final
            if exchange.call:
                yield from (f" to=functions.{exchange.call.name}", exchange.call.arguments, exchange.call.result)
