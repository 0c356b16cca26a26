"""Segmentation losses use labeled frames only; golden values are in test_avm_loss."""

import math

import pytest
import torch

from avis.models.losses.labeled_losses import LabeledBCELoss, LabeledCrossEntropyLoss

LABELED = torch.tensor([[True, False], [True, True]])


def test_binary_loss_equals_hand_computed_value() -> None:
    logits = torch.zeros(2, 2, 1, 1, 2)
    logits[0, 0, 0, 0] = torch.tensor([math.log(3), -math.log(3)])  # probability 3/4 and 1/4
    target = torch.zeros(2, 2, 1, 2, dtype=torch.uint8)
    target[0, 0, 0, 0] = 1
    logits[0, 1], target[0, 1] = 100.0, 0  # wrong, but not labeled
    expected = (2 * math.log(4 / 3) + 4 * math.log(2)) / 6
    assert LabeledBCELoss()(logits, target, LABELED).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ('logit', 'label', 'expected'),
    [(30.0, 0, 100.0), (-30.0, 1, 30.0), (-120.0, 1, 100.0), (30.0, 1, 0.0)],
)
def test_official_binary_loss_saturates(logit, label, expected) -> None:
    logits = torch.full((1, 1, 1, 1, 1), logit, requires_grad=True)
    target, labeled = torch.full((1, 1, 1, 1), label), torch.ones(1, 1).bool()
    loss = LabeledBCELoss(with_logits=False)(logits, target, labeled)
    loss.backward()
    assert loss.item() == pytest.approx(expected)
    assert logits.grad.abs().item() < 0.1  # 1 from the logits, where the pixel is wrong


def test_official_binary_loss_is_computed_in_float32_under_autocast() -> None:
    logits, target = torch.tensor([[[[[1.25, -3.0]]]]]), torch.tensor([[[[1, 0]]]])
    labeled = torch.ones(1, 1).bool()
    loss = LabeledBCELoss(with_logits=False)
    with torch.autocast('cpu', torch.bfloat16):
        halved = loss(logits.bfloat16(), target, labeled)
    assert halved.dtype == torch.float32
    torch.testing.assert_close(halved, loss(logits, target, labeled))


def test_cross_entropy_equals_hand_computed_value() -> None:
    logits = torch.zeros(2, 2, 3, 1, 1)
    logits[0, 0, 2] = math.log(2)  # probabilities 1/4, 1/4, 1/2
    target = torch.zeros(2, 2, 1, 1, dtype=torch.uint8)
    target[0, 0] = 2
    logits[0, 1, 1] = 100.0  # wrong, but not labeled
    expected = (math.log(2) + 2 * math.log(3)) / 3
    assert LabeledCrossEntropyLoss()(logits, target, LABELED).item() == pytest.approx(expected)


@pytest.mark.parametrize('loss', [LabeledBCELoss(), LabeledCrossEntropyLoss()])
def test_loss_without_labeled_frames_is_zero_with_gradient(loss) -> None:
    channels = 1 if isinstance(loss, LabeledBCELoss) else 3
    logits = torch.randn(1, 2, channels, 2, 2, requires_grad=True)
    value = loss(logits, torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, dtype=torch.bool))
    value.backward()
    assert value == 0
    assert not logits.grad.any()


def test_wrong_number_of_channels_raises() -> None:
    target, labeled = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, dtype=torch.bool)
    with pytest.raises(ValueError, match=r'LabeledBCELoss.*num_classes=1, got.*\(1, 1, 3, 2, 2\)'):
        LabeledBCELoss()(torch.zeros(1, 1, 3, 2, 2), target, labeled)
    with pytest.raises(ValueError, match=r'LabeledCrossEntropyLoss.*2 or more'):
        LabeledCrossEntropyLoss()(torch.zeros(1, 1, 1, 2, 2), target, labeled)
