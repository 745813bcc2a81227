"""The recipe of the built-in model: what is trained, what is exported and what the app runs are the same thing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from torch.nn import functional

from gptoss_chat.builtin.recipe.card import heat_map
from gptoss_chat.builtin.recipe.corpus import SKILLS, Sample, sample
from gptoss_chat.builtin.recipe.data import IGNORED, Encoder, batch_of, batches, texts_of
from gptoss_chat.builtin.recipe.evaluate import Answerer
from gptoss_chat.builtin.recipe.export import export
from gptoss_chat.builtin.recipe.mxfp4 import pack, quantised, unpack
from gptoss_chat.builtin.recipe.optim import MuonAdam, orthogonalised
from gptoss_chat.builtin.recipe.tokenizer import train_tokenizer
from gptoss_chat.builtin.recipe.train import TrainingPlan
from gptoss_chat.builtin.recipe.training_model import ModelShape, TrainingModel, _ExpertMix, rounded, swiglu

VOCAB = 512


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    """Conversations of every skill."""
    rng = random.Random(4)
    return [sample(rng, "train", skill) for skill in SKILLS for _ in range(8)]


@pytest.fixture(scope="module")
def tokenizer(samples: list[Sample]) -> Tokenizer:
    """A tokenizer of those conversations."""
    return train_tokenizer(texts_of(samples), size=VOCAB, min_frequency=1)


@pytest.fixture(scope="module")
def model() -> TrainingModel:
    """A small random model whose every weight matters."""
    torch.manual_seed(3)
    shape = ModelShape(VOCAB, hidden=64, layers=2, q_heads=4, head_dim=16, intermediate=32, experts=6, window=24)
    made = TrainingModel(shape)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "bias" in name or "sinks" in name or name == "head":
                weight.normal_(0, 0.2)
            weight.copy_(rounded(name, weight))
    return made


@pytest.fixture(scope="module")
def answerer(model: TrainingModel, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Answerer:
    """The exported model, opened by the app."""
    folder: Path = tmp_path_factory.mktemp("exported")
    export(model, tokenizer, folder)
    return Answerer(folder)


def test_pack_unpack_gives_the_trained_weights() -> None:
    """What the file holds is what the forward pass of training used."""
    weights = torch.randn(3, 5, 64) * torch.logspace(-5, 3, 5)[:, None]
    weights[0, 0, :32] = 0
    blocks, scales = pack(weights)
    assert blocks.shape == (3, 5, 2, 16)
    assert torch.equal(unpack(blocks, scales), quantised(weights))
    assert torch.equal(quantised(quantised(weights)), quantised(weights))


def test_quantised_values_are_nearest() -> None:
    """With a scale of one, every value goes to the nearest level."""
    values = torch.linspace(-6, 6, 32)
    levels = torch.tensor([0.0, 0.5, 1, 1.5, 2, 3, 4, 6])
    levels = torch.cat((levels, -levels))
    nearest = (values[:, None] - levels).abs().amin(1)
    assert torch.allclose((quantised(values) - values).abs(), nearest)


def test_expert_gradient_equals_autograd() -> None:
    """The gradient that is written out is the true one: clamps, an expert that nobody chose, and the mix included."""
    torch.manual_seed(1)
    experts, hidden, inner = 4, 6, 5
    x, mix, gate_up, gate_up_bias, down, down_bias = (
        torch.randn(size, dtype=torch.float64, requires_grad=True)
        for size in (
            (7, hidden),
            (7, 2),
            (experts, 2 * inner, hidden),
            (experts, 2 * inner),
            (experts, hidden, inner),
            (experts, hidden),
        )
    )
    chosen = torch.tensor([[0, 1], [1, 0], [3, 1], [0, 3], [1, 3], [3, 0], [0, 1]])
    operands = (x, mix, chosen, gate_up, gate_up_bias, down, down_bias, 1.5)
    expected = torch.zeros(7, hidden, dtype=torch.float64)
    for token, row in enumerate(chosen.tolist()):
        for choice, expert in enumerate(row):
            middle = swiglu(gate_up[expert] @ x[token] + gate_up_bias[expert], 1.5)
            expected[token] += mix[token, choice] * (down[expert] @ middle + down_bias[expert])
    leaves = [operand for operand in operands if isinstance(operand, torch.Tensor) and operand.requires_grad]
    seed = torch.randn_like(expected)
    out = _ExpertMix.apply(*operands)
    assert torch.allclose(out, expected)
    ours = torch.autograd.grad(out, leaves, seed)
    for mine, true in zip(ours, torch.autograd.grad(expected, leaves, seed), strict=True):
        assert torch.allclose(mine, true)


def test_encoding_equals_the_app(answerer: Answerer, tokenizer: Tokenizer, samples: list[Sample]) -> None:
    """The recipe and the app turn a conversation into the same ids."""
    encoder = Encoder(tokenizer)
    for asked in samples:
        opening = len(encoder.opening)
        ours = [([*prompt, *gold[:opening]], gold[opening:]) for prompt, gold in encoder.steps(asked)]
        assert ours == answerer.steps(asked)


@pytest.mark.parametrize("tools", [False, True])
def test_exported_logits_equal_training(
    answerer: Answerer, model: TrainingModel, tokenizer: Tokenizer, samples: list[Sample], *, tools: bool
) -> None:
    """The app's model gives the logits of training for each branch of a conversation, prefix shared or not."""
    encoder = Encoder(tokenizer)
    several = [asked for asked in samples if len(asked.exchanges) > 1 or asked.exchanges[0].call]
    chosen = [asked for asked in several if asked.tools == tools][:3]
    assert chosen
    items = [encoder.encode(asked, dated=True) for asked in chosen]
    batch = batch_of(encoder, items)
    with torch.no_grad():
        hidden, _ = model.hidden(batch)
        logits = model.logits(hidden)
    table = torch.arange(40, dtype=torch.int32)
    kv = answerer.model.new_kv_pool(40)
    for row, (asked, item) in enumerate(zip(chosen, items, strict=True)):
        prompt, gold = answerer.steps(asked)[-1]
        ids = torch.tensor([*prompt, *gold])
        expected, _, _ = answerer.model.forward(ids, 0, table, kv, all_logits=True)
        size = len(item.ids)
        ours = logits[row, size - len(gold) : size]
        assert torch.allclose(ours, expected[-len(gold) - 1 : -1], atol=1e-3)


def test_targets_are_the_answers_alone(tokenizer: Tokenizer, samples: list[Sample]) -> None:
    """Loss falls on every generated token, the stop token included, and on nothing else."""
    encoder = Encoder(tokenizer)
    for asked in samples:
        item = encoder.encode(asked, dated=False)
        earlier = [encoder.generated(exchange)[0] for exchange in asked.exchanges[:-1]]
        generated = [*earlier, *encoder.generated(asked.exchanges[-1])]
        expected = [i for tokens in generated for i in tokens[len(encoder.opening) :]]
        assert [int(t) for t in item.targets if t != IGNORED] == expected


def test_batches_hold_every_item_once(tokenizer: Tokenizer, samples: list[Sample]) -> None:
    """One pass is one pass, and no group is larger than asked."""
    encoder = Encoder(tokenizer)
    items = [encoder.encode(asked, dated=False) for asked in samples]
    steps = list(batches(items, tokens=600, groups=2, rng=random.Random(0)))
    groups = [group for step in steps for group in step]
    assert sorted(id(item) for group in groups for item in group) == sorted(map(id, items))
    assert all(len({item.tools for item in group}) == 1 for group in groups)
    assert all(len(group) == 1 or len(group) * max(len(item.ids) for item in group) <= 600 for group in groups)


def test_training_step_lowers_the_loss(tokenizer: Tokenizer, samples: list[Sample]) -> None:
    """A few updates on one batch fit it better."""
    torch.manual_seed(0)
    shape = ModelShape(VOCAB, hidden=32, layers=2, q_heads=2, head_dim=16, intermediate=32, experts=4)
    model = TrainingModel(shape)
    optimiser = MuonAdam(model, rounded, shape.stacked, muon_lr=0.02, adam_lr=0.004)
    encoder = Encoder(tokenizer)
    batch = batch_of(encoder, [encoder.encode(asked, dated=False) for asked in samples[:6]])
    losses = []
    for _ in range(8):
        hidden, _ = model.hidden(batch)
        loss = functional.cross_entropy(model.logits(hidden).flatten(0, 1), batch.targets_BL.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step(1.0)
        losses.append(loss.item())
    assert losses[-1] < 0.85 * losses[0]


def test_orthogonalised_singular_values_are_near_one() -> None:
    """Newton-Schulz brings every singular value of a batch of matrices near one."""
    values = torch.linalg.svdvals(orthogonalised(torch.randn(3, 24, 16)))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_learning_rate_ends_at_nothing() -> None:
    """The rate rises and then falls with the share of the budget that is used."""
    plan = TrainingPlan(minutes=1)
    assert plan.rate(0) < 0.2
    assert plan.rate(plan.warm_share) > 0.9
    assert plan.rate(0.3) > plan.rate(0.6) > plan.rate(0.9) > 0
    assert plan.rate(1.0) == 0


def test_heat_map_has_a_cell_for_every_share() -> None:
    """The picture shows every skill, layer and expert."""
    shares = torch.full((len(SKILLS), 3, 5), 0.2)
    assert heat_map(shares).count("<title>") == shares.numel()
