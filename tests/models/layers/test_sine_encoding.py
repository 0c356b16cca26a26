"""The encoding of rows and columns equals mmdet's encoding of every position."""

import pytest
import torch
from mmdet.models.layers import SinePositionalEncoding

from avis.models.layers.sine_encoding import sine_encoding


@pytest.mark.parametrize('normalize', [True, False])
@pytest.mark.parametrize('shape', [(1, 1), (3, 5), (12, 20)])
def test_equals_mmdet(shape: tuple[int, int], normalize: bool) -> None:
    encoding = SinePositionalEncoding(16, normalize=normalize)
    theirs = encoding(torch.zeros(1, *shape, dtype=torch.bool))
    assert torch.equal(sine_encoding(shape, 32, normalize=normalize), theirs[0].flatten(1).T)
