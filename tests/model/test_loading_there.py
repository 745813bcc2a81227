"""Loading onto a device: what is sent, in which pieces, and what happens when its memory is short. The CPU plays the device."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from gptoss_chat.errors import DeviceLostError
from gptoss_chat.kernels import backend
from gptoss_chat.model import checkpoint
from gptoss_chat.model.checkpoint import Target, load_model
from gptoss_chat.model.kv import PAGE_TOKENS
from gptoss_chat.model.placement import Rates
from gptoss_chat.model.transformer import Transformer
from gptoss_chat.model.upload import Uploader

from .conftest import CASES, Case, run, spec, token_ids

CPU = torch.device("cpu")
EVERYTHING = Target(CPU, 2**40, PAGE_TOKENS * 1000)


@pytest.fixture(autouse=True)
def big_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a big model is loaded, at rates that make the device worth it."""
    monkeypatch.setattr(checkpoint, "EXPAND_BYTES", 0)
    monkeypatch.setattr(checkpoint, "measure_rates", lambda _device: Rates(1e9, 1e11, 1e-9))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each tensor that went to a device."""
    sizes: list[int] = []
    send = Uploader.send

    def counted(self: Uploader, tensor: Tensor) -> Tensor:
        sizes.append(tensor.nbytes)
        return send(self, tensor)

    monkeypatch.setattr(Uploader, "send", counted)
    return sizes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_model_that_was_sent_computes_the_same(tmp_path: Path, case: Case, sent: list[int]) -> None:
    """Every layout and format; dense matrices arrive unrounded, so they are compared with those of the reference."""
    folder = case.write(tmp_path / "model")
    before = backend.name
    try:
        backend.use("reference")
        ids_T = token_ids(case.spec, 40)
        there = load_model(folder, dtype=torch.float32, target=EVERYTHING)
        assert sum(sent) > 0
        for found, want in zip(
            run(there, ids_T, 16), run(load_model(folder, dtype=torch.float32), ids_T, 16), strict=True
        ):
            assert torch.equal(found, want)
    finally:
        backend.use(before)


def test_what_is_sent_is_what_was_placed(tmp_path: Path, sent: list[int]) -> None:
    """Nothing without a budget; with a little, less than with all; the embedding never, and MXFP4 as it is packed."""
    folder = Case("mxfp4", spec()).write(tmp_path / "model")
    stored = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    totals = []
    for budget_bytes in (0, 100_000, 2**40):
        sent.clear()
        load_model(folder, target=Target(CPU, budget_bytes, PAGE_TOKENS))
        totals.append(sum(sent))
    assert totals[0] == 0 < totals[1] < totals[2]
    embedding_bytes = 2 * spec().vocab * spec().hidden
    assert totals[2] == pytest.approx(stored - embedding_bytes, rel=0.05)


def test_dense_matrices_stay_bf16_on_a_device(tmp_path: Path) -> None:
    """There memory is fast and int8 kernels are not; what the CPU keeps is rounded as ever."""
    folder = Case("mxfp4", spec()).write(tmp_path / "model")
    whole = load_model(folder, target=EVERYTHING)
    assert isinstance(whole._head_VD, Tensor)
    assert whole._head_VD.dtype == torch.bfloat16
    assert {layer.qkv_w.dtype for layer in whole._layers if isinstance(layer.qkv_w, Tensor)} == {torch.bfloat16}


def test_short_memory_puts_less_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that says it has more than it has: the loading begins again with less, and ends well."""
    folder = Case("mxfp4", spec()).write(tmp_path / "model")
    held, attempts = [0], [0]
    send, init = Uploader.send, Uploader.__init__

    def begin(self: Uploader, device: torch.device) -> None:
        held[0] = 0
        attempts[0] += 1
        init(self, device)

    def bounded(self: Uploader, tensor: Tensor) -> Tensor:
        held[0] += tensor.nbytes
        if held[0] > 120_000:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return send(self, tensor)

    monkeypatch.setattr(Uploader, "__init__", begin)
    monkeypatch.setattr(Uploader, "send", bounded)
    model = load_model(folder, target=Target(CPU, 400_000, PAGE_TOKENS))
    assert isinstance(model, Transformer)
    assert attempts[0] > 1
    assert 0 < held[0] <= 120_000


def test_device_that_fails_while_loading_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, no traceback of torch's."""

    def fails(_self: Uploader, _tensor: Tensor) -> Tensor:
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(Uploader, "send", fails)
    with pytest.raises(DeviceLostError, match="unspecified launch failure"):
        load_model(CASES[0].write(tmp_path / "model"), target=EVERYTHING)


def test_loading_there_can_be_cancelled(tmp_path: Path) -> None:
    """Whoever is told of the progress may end it, and nothing is kept."""

    class StopError(Exception):
        pass

    def stop(progress: float) -> None:
        if progress > 0.5:
            raise StopError

    with pytest.raises(StopError):
        load_model(CASES[0].write(tmp_path / "model"), target=EVERYTHING, progress=stop)


@pytest.mark.parametrize("shape", [(1,), (7,), (64,), (65,), (3, 50), (0, 4)])
def test_pieces_make_up_the_tensor(shape: tuple[int, ...]) -> None:
    """Of any size against that of the buffers, and of any type; what is sent shares no memory with what came."""
    uploader = Uploader(CPU, piece_bytes=64)
    for dtype in (torch.uint8, torch.bfloat16, torch.float32):
        tensor = torch.randint(0, 100, shape, generator=torch.Generator().manual_seed(1)).to(dtype)
        there = uploader.send(tensor)
        assert there.dtype == dtype
        assert torch.equal(there, tensor)
        if tensor.numel():
            assert there.data_ptr() != tensor.data_ptr()
    uploader.close()
