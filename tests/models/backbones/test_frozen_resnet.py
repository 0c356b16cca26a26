"""FrozenResNet equals mmdet's ResNet with frozen batch norms."""

import pytest
import torch
from mmdet.models.backbones import ResNet
from torch import nn

from avis.models.backbones.frozen_resnet import FrozenResNet


def random_norms(model: nn.Module) -> None:
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.5, 0.5)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
            nn.init.uniform_(layer.running_mean, -0.5, 0.5)


@pytest.mark.parametrize('depth', [18, 50])
def test_training_step_equals_mmdet(depth: int) -> None:
    torch.manual_seed(0)
    ours = FrozenResNet(depth=depth)
    random_norms(ours)
    theirs = ResNet(depth=depth, norm_cfg={'type': 'BN', 'requires_grad': False})
    theirs.load_state_dict(ours.state_dict(), strict=True)
    images = torch.randn(2, 3, 64, 96)
    maps = {}
    for model in (ours, theirs):
        model.train()
        maps[model] = model(images)
        sum((level / level.std()).square().mean() for level in maps[model]).backward()
    for got, expected in zip(maps[ours], maps[theirs], strict=True):
        torch.testing.assert_close(got / expected.std(), expected / expected.std())
    parameters = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        expected = parameters[name].grad
        assert (parameter.grad is None) == ('bn' in name or 'downsample.1' in name), name
        if expected is not None:
            error = (parameter.grad - expected).norm() / expected.norm()
            assert error < 1e-4, (name, error)
    for (name, got), expected in zip(
        ours.state_dict().items(), theirs.state_dict().values(), strict=True
    ):
        assert torch.equal(got, expected), name


def test_random_initialization_keeps_all_blocks_active() -> None:
    model = FrozenResNet(depth=18)
    model.init_weights()
    assert all(norm.weight.all() for norm in model.modules() if isinstance(norm, nn.BatchNorm2d))
