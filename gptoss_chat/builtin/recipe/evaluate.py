"""Measures an exported model on prompts that training never saw, through the app's own model and prompt format.

A greedy answer equals the gold text exactly when every token of the gold text is the model's first choice, which one forward
pass shows; where it is not, the answer is generated, since other working may still end in the right answer. Knows nothing of
training.

Shape legend: T tokens, V vocabulary, L layers, K experts a token, E experts, S skills.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gptoss_chat.builtin.recipe.corpus import SKILLS, Exchange, Sample, sample
from gptoss_chat.builtin.recipe.skills.tools import OFFERED
from gptoss_chat.harmony.encoding import HarmonyEncoding, Special, load_encoding
from gptoss_chat.harmony.messages import (
    AssistantMessage,
    DeveloperMessage,
    Message,
    SystemMessage,
    ToolResult,
    UserMessage,
)
from gptoss_chat.harmony.parser import MessageStarted, StreamParser, TextDelta
from gptoss_chat.harmony.render import render
from gptoss_chat.model.checkpoint import load_model
from gptoss_chat.model.kv import PAGE_TOKENS
from gptoss_chat.model.transformer import Transformer

_MOST_NEW = 256


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured.

    exact and counts by skill; load_LE float64, each expert's share of its layer's tokens; by_skill_SLE the same by skill;
    misses holds (skill, question, expected, answered) of every wrong answer.
    """

    exact: dict[str, float]
    counts: dict[str, int]
    load_LE: Tensor
    by_skill_SLE: Tensor
    misses: tuple[tuple[str, str, str, str], ...]

    @property
    def least_load(self) -> list[float]:
        """Smallest share of any expert, by layer."""
        return [float(share) for share in self.load_LE.amin(1)]

    @property
    def divergence(self) -> list[float]:
        """Jensen-Shannon divergence of the skills' routing, in bits, by layer: 0 where all skills route alike."""
        mean_LE = self.by_skill_SLE.mean(0)
        return [float(bits) for bits in _entropy(mean_LE) - _entropy(self.by_skill_SLE).mean(0)]

    def as_dict(self) -> dict[str, object]:
        """For a JSON file."""
        return {
            "exact": self.exact,
            "counts": self.counts,
            "least_expert_share_by_layer": self.least_load,
            "routing_divergence_bits_by_layer": self.divergence,
            "misses": [list(miss) for miss in self.misses[:60]],
        }


def _entropy(shares: Tensor) -> Tensor:
    return -(shares * shares.clamp(min=1e-12).log2()).sum(-1)


def held_out(per_skill: int) -> Iterator[tuple[str, Sample]]:
    """Conversations of the evaluation split, the same ones every time, no two with the same prompt."""
    rng = random.Random(20_240_601)
    for skill in SKILLS:
        seen: set[tuple[str, ...]] = set()
        for _ in range(20 * per_skill):
            drawn = sample(rng, "eval", skill)
            key = (*(exchange.user for exchange in drawn.exchanges), drawn.date if skill == "dates" else "")
            if key not in seen and len(seen) < per_skill:
                seen.add(key)
                yield skill, drawn


def _called(exchange: Exchange) -> list[Message]:
    """The call of an exchange and what came back, where there is one."""
    if exchange.call is None:
        return []
    name = f"functions.{exchange.call.name}"
    call = AssistantMessage("commentary", exchange.call.arguments, recipient=name, content_type="json")
    return [call, ToolResult(name, exchange.call.result)]


class Answerer:
    """A loaded model and its encoding, answering one conversation at a time without sampling."""

    def __init__(self, folder: Path) -> None:
        self.encoding: HarmonyEncoding = load_encoding(folder)
        self.model: Transformer = load_model(folder)
        pages = self.model.spec.context_limit // PAGE_TOKENS
        self._kv = self.model.new_kv_pool(pages)
        self._table = torch.arange(pages, dtype=torch.int32)

    def steps(self, asked: Sample) -> list[tuple[list[int], list[int]]]:
        """Ids up to where the model goes on after the last question, and ids of what was meant up to the stop token; where a
        tool answers, the same again after its result."""
        messages: list[Message] = [SystemMessage(date=asked.date, effort=asked.effort)]
        if asked.tools:
            messages.append(DeveloperMessage(tools=OFFERED))
        for exchange in asked.exchanges[:-1]:
            messages += [UserMessage(exchange.user), *_called(exchange), AssistantMessage("final", exchange.final)]
        last = asked.exchanges[-1]
        messages.append(UserMessage(last.user))
        thought = [AssistantMessage("analysis", last.analysis)] if last.analysis else []
        final = AssistantMessage("final", last.final)
        if last.call is None:
            return [self._step(messages, [*thought, final])]
        call = _called(last)
        return [self._step(messages, [*thought, call[0]]), self._step([*messages, *thought, *call], [final])]

    def _step(self, before: list[Message], after: list[Message]) -> tuple[list[int], list[int]]:
        """`after` as the model itself would write it: its analysis kept, a final message ended by `<|return|>`."""
        prompt, gold = render(self.encoding, before), []
        for message in after:
            gold += render(self.encoding, [message], generate=False)
        if isinstance(after[-1], AssistantMessage) and after[-1].recipient is None:
            gold[-1] = self.encoding.special(Special.RETURN)
        # The prompt ends with the start of the model's message.
        opening = len(self.encoding.encode_text("assistant")) + 1
        return prompt, gold[opening:]

    def follows(self, prompt: Sequence[int], gold: Sequence[int]) -> tuple[bool, Tensor]:
        """Whether the model writes exactly `gold`, and the experts uint8 [T, L, K] of the whole conversation."""
        ids = torch.tensor([*prompt, *gold])
        logits_TV, experts_TLK, _ = self.model.forward(ids, 0, self._table, self._kv, all_logits=True)
        chosen = logits_TV[len(prompt) - 1 : -1].argmax(-1)
        return bool((chosen == ids[len(prompt) :]).all()), experts_TLK

    def answer(self, prompt: Sequence[int]) -> str:
        """Text of the final channel, written greedily."""
        parser, parts, final = StreamParser(self.encoding), [], False
        logits, _, _ = self.model.forward(torch.tensor(prompt), 0, self._table, self._kv)
        limit = min(len(prompt) + _MOST_NEW, self.model.spec.context_limit)
        for position in range(len(prompt), limit):
            token = int(logits.argmax())
            for event in parser.feed(token):
                if isinstance(event, MessageStarted):
                    final = event.channel == "final"
                elif isinstance(event, TextDelta) and final:
                    parts.append(event.text)
            if token in self.encoding.stop_ids:
                break
            logits, _, _ = self.model.forward(torch.tensor([token]), position, self._table, self._kv)
        return "".join(parts)


def evaluate(folder: Path, per_skill: int) -> Figures:
    """Figures of the model in `folder` on `per_skill` held-out conversations of each skill."""
    answerer = Answerer(folder)
    spec = answerer.model.spec
    right: dict[str, list[bool]] = {skill: [] for skill in SKILLS}
    misses = []
    counts_SLE = torch.zeros(len(SKILLS), spec.layers, spec.experts, dtype=torch.float64)
    for skill, asked in held_out(per_skill):
        expected = answered = asked.exchanges[-1].final
        for prompt, gold in answerer.steps(asked):
            followed, experts_TLK = answerer.follows(prompt, gold)
            for layer in range(spec.layers):
                load = torch.bincount(experts_TLK[:, layer].flatten().long(), minlength=spec.experts)
                counts_SLE[SKILLS.index(skill), layer] += load
            if not followed:
                answered = answerer.answer(prompt)
                break
        right[skill].append(answered == expected)
        if answered != expected:
            misses.append((skill, " / ".join(exchange.user for exchange in asked.exchanges), expected, answered))
    total_LE = counts_SLE.sum(0)
    return Figures(
        exact={skill: sum(oks) / len(oks) for skill, oks in right.items()},
        counts={skill: len(oks) for skill, oks in right.items()},
        load_LE=total_LE / total_LE.sum(1, keepdim=True),
        by_skill_SLE=counts_SLE / counts_SLE.sum(2, keepdim=True),
        misses=tuple(misses),
    )
