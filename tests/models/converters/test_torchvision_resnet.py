"""torchvision's ResNets load into mmdet's ResNet without their classifier."""

import pytest
import torch
from mmdet.models.backbones import ResNet

from avis.models.converters.torchvision_resnet import convert_torchvision_resnet


@pytest.fixture
def published() -> dict[str, torch.Tensor]:
    """Some entries of torchvision's ResNet-18 that distinguish it from other models."""
    shapes = {'conv1.weight': (64, 3, 7, 7)}
    norms = {'bn1': 64}
    width_in = 64
    for stage, width in enumerate((64, 128, 256, 512), start=1):
        for block in range(2):
            prefix = f'layer{stage}.{block}'
            shapes[f'{prefix}.conv1.weight'] = (width, width_in, 3, 3)
            shapes[f'{prefix}.conv2.weight'] = (width, width, 3, 3)
            norms |= {f'{prefix}.bn1': width, f'{prefix}.bn2': width}
            if width_in != width:
                shapes[f'{prefix}.downsample.0.weight'] = (width, width_in, 1, 1)
                norms[f'{prefix}.downsample.1'] = width
            width_in = width
    for name, width in norms.items():
        parts = ('weight', 'bias', 'running_mean', 'running_var')
        shapes |= {f'{name}.{part}': (width,) for part in parts}
        shapes[f'{name}.num_batches_tracked'] = ()
    shapes |= {'fc.weight': (1000, 512), 'fc.bias': (1000,)}
    return {name: torch.full(shape, 0.5) for name, shape in shapes.items()}


def test_converted_weights_load_strictly(published) -> None:
    converted, dropped = convert_torchvision_resnet(published)
    assert dropped == ['fc.weight', 'fc.bias']
    backbone = ResNet(depth=18)
    backbone.load_state_dict(converted, strict=True)
    assert (backbone.layer4[1].conv2.weight == 0.5).all()


def test_unknown_entry_raises(published) -> None:
    with pytest.raises(ValueError, match=r'1 unknown entries \(head\.weight\)'):
        convert_torchvision_resnet({**published, 'head.weight': torch.zeros(1)})
    with pytest.raises(ValueError, match='0 that begin with conv1'):
        convert_torchvision_resnet({'fc.weight': torch.zeros(1)})
