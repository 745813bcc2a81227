"""A model whose parts lie in several places: the same numbers, and every tensor where it is used.

There is no second device here. Bit-equality is tested with names of places that no tensor has, so that everything is carried
at each crossing; places themselves with fake tensors on a CUDA device, which refuse to meet those of the CPU.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from gptoss_chat.engine.engine import Engine
from gptoss_chat.engine.types import GenerateRequest, SamplingParams
from gptoss_chat.kernels import backend
from gptoss_chat.kernels.part_sums import PART, ScoreSums, part_sums
from gptoss_chat.model.checkpoint import load_model
from gptoss_chat.model.decode_graph import fields_of, slab_bytes
from gptoss_chat.model.kv import new_pool
from gptoss_chat.model.placement import Placement
from gptoss_chat.model.route import parse_route
from gptoss_chat.model.transformer import Transformer
from gptoss_chat.model.weights import LayerWeights, Mxfp4Experts
from tests.engine.conftest import collect

from .conftest import Case, run, spec, token_ids

SPEC = spec()
CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
Place = torch.device


@pytest.fixture
def model(tmp_path: Path) -> Transformer:
    """Its prompts pass through the operators, as on a device."""
    model = load_model(Case("tiny", SPEC).write(tmp_path / "model"))
    model._most_steps = 1
    return model


@pytest.mark.parametrize("chunk", [1, 16, 71])
@pytest.mark.parametrize("places", ["ababab" + "a", "aabbaa" + "b", "bbbaaa" + "a", "abbbbb" + "b"])
def test_split_model_is_bit_equal_to_the_whole(model: Transformer, places: str, chunk: int) -> None:
    """Logits and routing do not change with where attention, experts and head are."""
    ids_T = token_ids(model.spec)
    whole = run(model, ids_T, chunk)
    model._split = True
    model._devices = tuple(torch.device("cpu", 0 if place == "a" else 1) for place in places)
    assert model._devices[0] != CPU  # no tensor is ever there: each crossing is made
    for found, want in zip(run(model, ids_T, chunk), whole, strict=True):
        assert torch.equal(found, want)


def recorded_eagerly(model: Transformer) -> list[int]:
    """Let a model decode through its recording, which here runs the step itself; the list grows by one a replay.

    As on a GPU, whatever memory holds then is worked on twice before the recording.
    """
    replays: list[int] = []

    def record(work: Any) -> Any:
        work()
        work()

        def replay() -> None:
            replays.append(1)
            work()

        return replay

    model._record = record
    return replays


def test_recorded_steps_are_bit_equal_to_plain_ones(model: Transformer) -> None:
    """Token by token, over a page's end; the outcomes are kept and compared at the end, so none is written over."""
    ids_T, table = token_ids(model.spec, 40), torch.tensor([0, 2], dtype=torch.int32)

    def steps() -> list[tuple[Tensor, ...]]:
        kv, outcomes = model.new_kv_pool(3), []
        model.forward(ids_T[:20], 0, table[:1], kv)
        for at in range(20, 40):
            entropy_TL = torch.empty(1, SPEC.layers, dtype=torch.float16)
            sums = ScoreSums(factor=0.5 + at)
            found = model.forward(ids_T[at : at + 1], at, table[: at // 32 + 1], kv, entropy_out=entropy_TL, sums=sums)
            if sums.sums_3X is None:
                sums.sums_3X = part_sums(found[0], sums.factor)
            outcomes.append((*found, entropy_TL, sums.sums_3X))
        return outcomes

    plain = steps()
    replays = recorded_eagerly(model)
    recorded = steps()
    assert len(replays) == 20
    for found, want in zip(recorded, plain, strict=True):
        for one, other in zip(found, want, strict=True):
            assert one.dtype == other.dtype
            assert torch.equal(one, other)


def test_only_a_device_brings_sums_along(model: Transformer) -> None:
    """The CPU's scores are summed up by whoever needs that."""
    sums = ScoreSums(1.0)
    for tokens in 1, 3:
        model.forward(
            token_ids(model.spec, tokens), 0, torch.zeros(1, dtype=torch.int32), model.new_kv_pool(1), sums=sums
        )
        assert sums.sums_3X is None
    recorded_eagerly(model)
    model.forward(token_ids(model.spec, 1), 0, torch.zeros(1, dtype=torch.int32), model.new_kv_pool(1), sums=sums)
    assert sums.sums_3X is not None


def test_engine_answers_alike_through_recorded_steps(model: Transformer) -> None:
    """The same seed gives the same tokens and record; steered answers take the plain way."""

    def answers() -> list[Any]:
        engine = Engine(model, cache_bytes=2**22)
        try:
            sampling = SamplingParams(seed=3, max_tokens=12)
            prompt = tuple(token_ids(model.spec, 30).tolist())
            asked = [GenerateRequest(prompt, sampling), GenerateRequest(prompt, sampling, 20, parse_route("ban *:1"))]
            return [collect(engine.submit(request)) for request in asked]
        finally:
            engine.close()

    plain = answers()
    replays = recorded_eagerly(model)
    recorded = answers()
    assert 11 <= len(replays) <= 14  # the answer without rules, and what a lone last token of a prompt takes
    for found, want in zip(recorded, plain, strict=True):
        assert found.ids == want.ids
        assert (found.finished.routes.experts == want.finished.routes.experts).all()


def test_recording_that_fails_leaves_plain_steps(model: Transformer) -> None:
    """Slower, not broken."""

    def fails(_work: Any) -> Any:
        raise RuntimeError("operation not permitted when stream is capturing")

    ids_T, table = token_ids(model.spec, 1), torch.zeros(1, dtype=torch.int32)
    want = model.forward(ids_T, 0, table, model.new_kv_pool(1))
    model._record = fails
    kv = model.new_kv_pool(1)
    for _ in range(2):
        assert torch.equal(model.forward(ids_T, 0, table, kv)[0], want[0])
    assert model._record is None


def test_slabs_hold_each_field_aligned() -> None:
    """Fields of odd sizes do not overlap, and their types can be viewed."""
    fields = [(torch.uint8, (3, 5)), (torch.float32, (7,)), (torch.float16, (1, 3)), (torch.int64, (1,))]
    raw = torch.zeros(slab_bytes(fields), dtype=torch.uint8)
    views = fields_of(raw, fields)
    for number, view in enumerate(views):
        view.fill_(number + 1)
    for number, (view, (dtype, shape)) in enumerate(zip(views, fields, strict=True)):
        assert (view.dtype, tuple(view.shape)) == (dtype, shape)
        assert (view == number + 1).all()


def fake_model(attention: str, experts: str, head: str) -> Transformer:
    """A model of fake tensors; g: on the GPU, c: on the CPU. Call it, and the model, within FakeTensorMode."""
    D, F, E, H, G, C = SPEC.hidden, SPEC.intermediate, SPEC.experts, SPEC.q_heads, SPEC.kv_heads, SPEC.head_dim

    def empty(place: str, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.empty(shape, dtype=dtype, device=GPU if place == "g" else CPU)

    def layer(a: str, e: str) -> LayerWeights:
        moe = Mxfp4Experts(
            empty(e, E, 2 * F, D // 32, 16, dtype=torch.uint8),
            empty(e, E, 2 * F, D // 32, dtype=torch.uint8),
            empty(e, E, 2 * F),
            empty(e, E, D, F // 32, 16, dtype=torch.uint8),
            empty(e, E, D, F // 32, dtype=torch.uint8),
            empty(e, E, D),
        )
        rows, half = (H + 2 * G) * C, torch.bfloat16
        return LayerWeights(
            empty(a, D), empty(a, rows, D, dtype=half), empty(a, rows), empty(a, H), empty(a, D, H * C, dtype=half),
            empty(a, D), empty(e, D), empty(e, E, D), empty(e, E), moe,
        )  # fmt: skip

    return Transformer(
        SPEC,
        embedding=empty("c", SPEC.vocab, D, dtype=torch.bfloat16),
        layers=[layer(a, e) for a, e in zip(attention, experts, strict=True)],
        norm=empty(head, D),
        head=empty(head, SPEC.vocab, D, dtype=torch.bfloat16),
        kv_dtype=torch.bfloat16,
    )


@pytest.mark.parametrize("steered", [False, True])
@pytest.mark.parametrize("tokens", [1, 5])
@pytest.mark.parametrize(
    "places", [("ggg", "ggg", "g"), ("ccg", "ccg", "g"), ("ggg", "ccc", "g"), ("gcg", "cgc", "c"), ("ccc", "ccc", "g")]
)
def test_every_tensor_is_where_it_is_used(places: tuple[str, str, str], tokens: int, steered: bool) -> None:
    """Weights, cache, angles, page table and rules meet on one device at every operator; all that comes back is the CPU's."""
    attention, experts, head = places
    with FakeTensorMode(), torch.inference_mode():
        model = fake_model(attention, experts, head)
        kv = model.new_kv_pool(4)
        assert [layer.device.type for layer in kv.k] == ["cuda" if place == "g" else "cpu" for place in attention]
        steering = model.steering_for(parse_route("ban *:1; boost 1:2 0.5; pin 0:3; topk 2:2")) if steered else None
        entropy_TL, sums = torch.empty(tokens, SPEC.layers), ScoreSums(2.0)
        logits_V, experts_TLK, weights_TLK = model.forward(
            torch.zeros(tokens, dtype=torch.int64), 3, torch.zeros(2, dtype=torch.int32), kv,
            steering=steering, entropy_out=entropy_TL, sums=sums,
        )  # fmt: skip
        if head == "g":
            assert sums.sums_3X is not None
            assert sums.sums_3X.device == CPU
            assert tuple(sums.sums_3X.shape) == (3, -(-SPEC.vocab // PART))
    assert {logits_V.device, experts_TLK.device, weights_TLK.device} == {CPU}
    assert tuple(logits_V.shape) == (SPEC.vocab,)
    assert tuple(experts_TLK.shape) == tuple(weights_TLK.shape) == (tokens, SPEC.layers, SPEC.experts_per_token)
    there = [place == "g" for place in (*attention, *experts, head)]
    assert model.placement == Placement(tuple(there[:3]), tuple(there[3:6]), there[6])


def test_backend_tells_what_is_on_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of the status line; the CPU's kernels are named where they have a part."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "RTX 4090")
    with FakeTensorMode():
        assert fake_model("ccc", "ccc", "c").backend == backend.describe()
        half, whole = fake_model("ccg", "ccg", "g").backend, fake_model("ggg", "ggg", "g").backend
    assert whole == "reference (PyTorch), RTX 4090"
    assert f"{whole}, 1 of 3 layers on the GPU" in half
    assert half.endswith(backend.describe())


def test_pages_are_copied_in_every_layer() -> None:
    """Wherever it is."""
    kv = new_pool(3, 2, 4, torch.float32, [CPU, CPU])
    for number, layer in enumerate((*kv.k, *kv.v)):
        layer.fill_(0)
        layer[2] = number + 1
    kv.copy_page(2, 0)
    for number, layer in enumerate((*kv.k, *kv.v)):
        assert (layer[0] == number + 1).all()
        assert (layer[1] == 0).all()
    assert kv.nbytes == 2 * 2 * 3 * 32 * 2 * 4 * 4


def test_bytes_are_counted_where_they_lie() -> None:
    """What a token reads here and there makes up the whole, whatever the placement; so do the weights that the GPU holds."""
    with FakeTensorMode():
        near, there = fake_model("ccc", "ccc", "c"), fake_model("ggg", "ggg", "g")
        split = fake_model("gcg", "ccg", "g")
        assert near.device_bytes == 0
        assert 0 < split.device_bytes < there.device_bytes
        for depth in (0, 40):
            whole = near.decode_bytes(depth)
            assert near.decode_bytes(depth, on_device=True) == 0
            assert there.decode_bytes(depth, on_device=True) == whole == split.decode_bytes(depth)
            assert split.decode_bytes(depth, on_device=True) + split.decode_bytes(depth, on_device=False) == whole
