"""A big model on compiled kernels: int8 dense matrices and int8 activations cost little, and can be turned off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gptoss_chat.errors import UsageError
from gptoss_chat.kernels import backend
from gptoss_chat.kernels.cpu import library
from gptoss_chat.kernels.int8 import Int8Matrix
from gptoss_chat.model.checkpoint import DENSE_VARIABLE, load_model
from gptoss_chat.model.transformer import Transformer

from .conftest import YARN, Case, run, spec, token_ids

# Every dense matrix has a multiple of 32 inputs, as the published models have.
CASE = Case("int8", spec(hidden=128, head_dim=16, rope=YARN, context_limit=131072))


@pytest.fixture(autouse=True)
def as_a_big_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if isinstance(library.available(), library.Missing):
        pytest.skip("no compiled kernels")
    monkeypatch.setattr("gptoss_chat.model.checkpoint.EXPAND_BYTES", 0)
    before = backend.name
    backend.use("auto")
    yield
    backend.use(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return CASE.write(tmp_path / "model")


def matrices(model: Transformer) -> list[Tensor | Int8Matrix]:
    return [model._head_VD, *(matrix for layer in model._layers for matrix in (layer.qkv_w, layer.out_w))]


def test_dense_matrices_become_int8_where_compiled_kernels_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what a token has to read shrinks accordingly; with bf16 asked for, or the reference, they stay."""
    small = load_model(folder)
    assert all(isinstance(matrix, Int8Matrix) for matrix in matrices(small))
    monkeypatch.setenv(DENSE_VARIABLE, "bf16")
    big = load_model(folder)
    assert all(isinstance(matrix, Tensor) for matrix in matrices(big))
    saved = sum(matrix.nbytes for matrix in matrices(big)) - sum(matrix.nbytes for matrix in matrices(small))
    assert saved == big.decode_bytes(9) - small.decode_bytes(9) > 0
    monkeypatch.delenv(DENSE_VARIABLE)
    backend.use("reference")
    assert all(isinstance(matrix, Tensor) for matrix in matrices(load_model(folder)))


def test_tied_head_is_rounded_and_the_embedding_is_not(tmp_path: Path) -> None:
    """A head that shares the embedding's weights gets its own int8 copy."""
    model = load_model(Case("tied", spec(tied=True)).write(tmp_path))
    assert isinstance(model._head_VD, Int8Matrix)
    assert isinstance(model._embedding_VD, Tensor)


def test_unknown_type_is_the_users_mistake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable and what it may be are named."""
    monkeypatch.setenv(DENSE_VARIABLE, "int3")
    with pytest.raises(UsageError, match=r"int3.*int8 and bf16"):
        load_model(folder)


def divergence(expected_TV: Tensor, got_TV: Tensor) -> Tensor:
    """KL divergence of each token's prediction, nats."""
    return (expected_TV.softmax(-1) * (expected_TV.log_softmax(-1) - got_TV.log_softmax(-1))).sum(-1)


@pytest.mark.parametrize("chunk", [1, 7, 71])
def test_predictions_stay_close_to_exact_arithmetic(chunk: int, folder: Path) -> None:
    """In steps, chunks or at once. A random router is often near a tie, and another expert moves a whole prediction."""
    ids_T = token_ids(CASE.spec)
    int8 = run(load_model(folder, dtype=torch.float32), ids_T, chunk)
    backend.use("reference")
    exact = run(load_model(folder, dtype=torch.float32), ids_T, len(ids_T))
    moved_T = divergence(exact[0], int8[0])
    assert 0 < moved_T.median() < 1e-3
    assert moved_T.mean() < 1e-2
    assert (exact[1] == int8[1]).float().mean() > 0.95
