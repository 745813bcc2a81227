"""Scores summed up part by part, interpreted, against the reference and against a plain sum."""

from __future__ import annotations

import pytest
import torch

from gptoss_chat.kernels import reference
from gptoss_chat.kernels.cuda.scores import part_sums


@pytest.mark.parametrize("vocab", [1, 127, 128, 129, 1024, 1025, 3000])
@pytest.mark.parametrize("factor", [1.0, 0.25, 8.0])
def test_part_sums_equal_the_references(vocab: int, factor: float) -> None:
    """Sizes that end with a part, within one, and with the last program's parts not all there."""
    scores, by = 5 * torch.randn(vocab), torch.tensor([factor])
    got, expected = part_sums(scores, by), reference.part_sums(scores, by)
    assert torch.equal(got[0], expected[0])
    torch.testing.assert_close(got, expected, atol=0, rtol=1e-5)
    whole = (got[2].double() * ((got[0] - scores.max()).double() * factor).exp()).sum()
    torch.testing.assert_close(whole, ((scores - scores.max()).double() * factor).exp().sum(), atol=0, rtol=1e-5)


def test_parts_of_no_numbers_are_told() -> None:
    """A part of minus infinities weighs nothing; a NaN or an infinity makes its part's sums NaN, and no other's."""
    scores, by = torch.randn(4 * 128), torch.tensor([2.0])
    scores[:128] = -torch.inf
    scores[130], scores[300] = torch.nan, torch.inf
    for sums in part_sums(scores, by), reference.part_sums(scores, by):
        assert sums[0, 0] == -torch.inf
        assert sums[1:, 0].tolist() == [0, 0]
        assert sums[1:, 1:3].isnan().all()
        assert sums[:, 3].isfinite().all()
