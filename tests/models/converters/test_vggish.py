"""Every official entry is renamed, and unknown entries raise."""

import pytest
import torch

from avis.models.converters.vggish import convert_vggish
from tests.helpers.golden import load_golden


@pytest.fixture(scope='module')
def published() -> dict[str, torch.Tensor]:
    info = load_golden('models/vggish').info
    keys = info['keys'] + info['with_postprocess_extra']
    return {name: torch.empty(shape, device='meta') for name, shape, _ in keys}


def test_every_official_entry_is_renamed(published) -> None:
    converted, dropped = convert_vggish(published)
    assert dropped == []
    assert len(converted) == len(published) == 20
    assert converted['network.features.13.bias'] is published['features.13.bias']
    assert converted['network.embeddings.4.weight'] is published['embeddings.4.weight']
    assert converted['network.pca_means'] is published['pproc.pca_means']


def test_converted_state_dict_stays_unchanged(published) -> None:
    converted, _ = convert_vggish(published)
    assert convert_vggish(converted) == (converted, [])


def test_unknown_entry_raises(published) -> None:
    with pytest.raises(ValueError, match=r'1 unknown entries \(fc\.weight\)'):
        convert_vggish({**published, 'fc.weight': torch.zeros(1)})
