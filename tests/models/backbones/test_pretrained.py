"""Pretrained weights are loaded strictly, in the official naming or converted."""

from pathlib import Path

import pytest
import torch
from mmengine.model import PretrainedInit
from torch import nn

from avis.models.backbones.checkpointed_resnet import CheckpointedResNet
from avis.models.backbones.pvt_v2 import PVTv2


def build(path: Path | None, depth: int = 18) -> CheckpointedResNet:
    init_cfg = None if path is None else {'type': PretrainedInit, 'checkpoint': str(path)}
    return CheckpointedResNet(depth=depth, base_channels=4, stem_channels=4, init_cfg=init_cfg)


@pytest.fixture
def published(tmp_path) -> Path:
    """A checkpoint of torchvision: with a classifier, older ones without batch counters."""
    weights = {k: v for k, v in build(None).state_dict().items() if 'num_batches' not in k}
    weights |= {'fc.weight': torch.ones(2, 2), 'fc.bias': torch.ones(2)}
    path = tmp_path / 'published.pth'
    torch.save(weights, path)
    return path


def equal(model: nn.Module, path: Path) -> bool:
    weights = torch.load(path, weights_only=True)
    return all(torch.equal(weight, weights[name]) for name, weight in model.named_parameters())


def test_official_file_is_loaded(published) -> None:
    model = build(published)
    assert not equal(model, published)
    model.init_weights()
    assert equal(model, published)


def test_converted_file_is_loaded(published, tmp_path) -> None:
    source = build(None)
    torch.save({'state_dict': source.state_dict()}, tmp_path / 'converted.pth')
    model = build(tmp_path / 'converted.pth')
    model.init_weights()
    assert torch.equal(model.conv1.weight, source.conv1.weight)


def test_without_file_weights_are_random() -> None:
    model = build(None)
    before = model.conv1.weight.clone()
    model.init_weights()
    assert not torch.equal(model.conv1.weight, before)
    assert (model.bn1.weight == 1).all()


def test_missing_file_error_names_the_converter(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r'no\.pth.*convert_checkpoint\.py torchvision_res'):
        build(tmp_path / 'no.pth').init_weights()
    init_cfg = {'type': PretrainedInit, 'checkpoint': str(tmp_path / 'no.pth')}
    with pytest.raises(FileNotFoundError, match=r'PVTv2.*convert_checkpoint\.py pvt_v2 '):
        PVTv2(num_layers=(1, 1, 1, 1), init_cfg=init_cfg).init_weights()


def test_weights_of_another_network_raise(published, tmp_path) -> None:
    with pytest.raises(ValueError, match='does not fit CheckpointedResNet'):
        build(published, depth=34).init_weights()
    torch.save({'encoder.weight': torch.ones(1)}, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r'other\.pth is not a ResNet of torchvision'):
        build(tmp_path / 'other.pth').init_weights()
