"""The official AVISM models, loaded by converter and init_model, equal the recordings."""

import pytest
import torch

from avis.models.converters.avism import convert_avism
from tests.helpers.golden import load_golden
from tests.parity import avism
from tests.parity.comparison import Comparison


@pytest.mark.slow
@pytest.mark.parametrize('name', ['avism_r50', 'avism_swinl'])
def test_every_recorded_value_is_equal(name) -> None:
    golden = load_golden(f'models/{name}')
    comparison = Comparison(golden)
    avism.compare(name, golden, comparison)
    comparison.check()


def test_checkpoint_of_another_model_raises() -> None:
    with pytest.raises(ValueError, match='1 unknown entries'):
        convert_avism({'avism_module.av_proj.bias': torch.zeros(1), 'resnet.conv1': torch.zeros(1)})
    with pytest.raises(ValueError, match=r"unknown entry 'av_gate\.bias'"):
        convert_avism({'vita_module.av_gate.bias': torch.zeros(1)})
    with pytest.raises(ValueError, match='0 that begin with avism_module'):
        convert_avism({})
