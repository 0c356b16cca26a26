"""The encoding of rows and columns equals mmdet's encoding of every position."""

import pytest
import torch
from mmdet.models.layers import SinePositionalEncoding

from avis.models.layers.sine_encoding import sine_encoding


@pytest.mark.parametrize('shape', [(1, 1), (3, 5), (12, 20)])
def test_equals_mmdet(shape: tuple[int, int]) -> None:
    theirs = SinePositionalEncoding(16, normalize=True)(torch.zeros(1, *shape, dtype=torch.bool))
    assert torch.equal(sine_encoding(shape, 32), theirs[0].flatten(1).T)
