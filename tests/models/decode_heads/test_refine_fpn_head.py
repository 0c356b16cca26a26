"""The decoder equals a direct implementation, in value and gradient."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.decode_heads.refine_fpn_head import RefineFPNHead


def maps(frames: int = 2, channels: int = 8) -> list[Tensor]:
    """Maps, finest first, of an input of 64 x 96, before ReLU."""
    sizes = [(16, 24), (8, 12), (4, 6), (2, 3)]
    levels = [torch.randn(frames, channels, *size, dtype=torch.double) for size in sizes]
    return [level.requires_grad_() for level in levels]


def straightforward(head: RefineFPNHead, levels: list[Tensor]) -> Tensor:
    """The official order: ReLU in every unit, upsample after every block, all frames at once."""

    def refine(unit: nn.Module, x: Tensor) -> Tensor:
        x = x.relu()
        return unit.conv2(unit.conv1(x).relu()) + x

    out = None
    for block, level in zip(reversed(head.blocks), reversed(levels), strict=True):
        out = level if out is None else out + refine(block.unit1, level)
        out = refine(block.unit2, out)
        out = F.interpolate(out, scale_factor=2, mode='bilinear', align_corners=True)
    out = F.interpolate(head.conv1(out), scale_factor=2, mode='bilinear', align_corners=False)
    return head.classifier(head.conv2(out).relu())


@pytest.mark.parametrize(('num_classes', 'width'), [(1, None), (5, None), (1, 3)])
def test_equals_direct_implementation(num_classes, width) -> None:
    torch.manual_seed(0)
    head = RefineFPNHead(num_classes=num_classes, channels=8, classifier_channels=width).double()
    levels = maps()
    assert head.classifier.in_channels == (width or 1)
    ours, plain = head([level.relu() for level in levels]), straightforward(head, levels)
    assert ours.shape == (2, num_classes, 64, 96)
    torch.testing.assert_close(ours, plain)
    wanted, weight = [*levels, *head.parameters()], torch.randn_like(ours)
    gradients = (torch.autograd.grad((out * weight).sum(), wanted) for out in (ours, plain))
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_padding_frames_have_zero_logits_and_do_not_change_others() -> None:
    head, levels = RefineFPNHead(num_classes=3, channels=8).double(), maps()
    valid = torch.tensor([1.0, 0.0], dtype=torch.double).view(2, 1, 1, 1)
    logits = head(levels, valid)
    assert not logits[1].any()
    torch.testing.assert_close(logits[0], head(levels)[0])


def test_upsampled_maps_are_not_saved_for_backward() -> None:
    head, levels = RefineFPNHead(num_classes=1, channels=8).double(), maps()
    kept = []

    def keep(x: Tensor) -> Tensor:
        kept.append(tuple(x.shape))
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        head(levels)
    assert (1, 8, 32, 48) not in kept
    assert (1, 4, 64, 96) not in kept
    assert (1, 1, 64, 96) in kept  # the last map before the classifier is saved
