"""The neck sums dilated convolutions without the taps that only read padding."""

import pytest
import torch
from torch import nn

from avis.models.necks.dilated_conv_neck import DilatedConvNeck


@pytest.mark.parametrize('size', [(24, 24), (14, 20), (7, 7), (3, 30), (1, 1)])
def test_values_and_gradients_equal_full_kernels(size) -> None:
    torch.manual_seed(0)
    neck = DilatedConvNeck(in_channels=[5], out_channels=4).double()
    x = torch.randn(2, 5, *size, dtype=torch.double, requires_grad=True)
    (ours,) = neck([x])
    whole = sum(conv(x) for conv in neck.levels[0])
    torch.testing.assert_close(ours, whole)
    wanted = [x, *neck.parameters()]
    weight = torch.randn_like(ours)
    gradients = (torch.autograd.grad((out * weight).sum(), wanted) for out in (ours, whole))
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_levels_have_own_channels_and_all_dilations() -> None:
    neck = DilatedConvNeck(in_channels=[3, 6], out_channels=4, dilations=(1, 2))
    outputs = neck([torch.randn(1, 3, 8, 8), torch.randn(1, 6, 4, 4)])
    assert [tuple(out.shape) for out in outputs] == [(1, 4, 8, 8), (1, 4, 4, 4)]
    assert [conv.dilation for conv in neck.levels[1]] == [(1, 1), (2, 2)]


def test_weights_start_equally_small_whatever_the_width() -> None:
    torch.manual_seed(0)
    neck = DilatedConvNeck(in_channels=[16, 128], out_channels=64, init_std=0.01)
    for level, channels in zip(neck.levels, (16, 128), strict=True):
        for conv in level:
            assert conv.weight.std().item() == pytest.approx(0.01, rel=0.05)
            assert conv.weight.abs().max() > 0.03  # normal, not uniform
            assert 0 < conv.bias.abs().max() < (9 * channels) ** -0.5  # PyTorch's
    torch.manual_seed(0)
    usual = DilatedConvNeck(in_channels=[16], out_channels=64)
    torch.manual_seed(0)
    assert torch.equal(usual.levels[0][0].weight, nn.Conv2d(16, 64, 3).weight)


def test_wrong_number_of_maps_raises() -> None:
    with pytest.raises(ValueError, match=r'expected 2 maps.*got 1'):
        DilatedConvNeck(in_channels=[3, 6])([torch.randn(1, 3, 8, 8)])
