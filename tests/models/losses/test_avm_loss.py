"""Every variant of the official losses equals the recording, in value and gradient."""

import pytest
import torch

from avis.models.losses.avm_loss import AVMLoss, AVMSimilarityLoss
from tests.helpers.golden import load_golden
from tests.parity.avsbench_losses import Case, compare, draw_avss, draw_binary
from tests.parity.comparison import Comparison

GOLDEN = load_golden('models/avsbench_losses')


@pytest.fixture(scope='module')
def binary() -> Case:
    return draw_binary(GOLDEN)


@pytest.fixture(scope='module')
def avss() -> Case:
    return draw_avss(GOLDEN)


def test_losses_and_gradients_equal_recording() -> None:
    comparison = Comparison(GOLDEN)
    compare(GOLDEN, comparison)
    comparison.check()


def test_unlabeled_frames_are_ignored(avss) -> None:
    loss, labeled = AVMLoss(), avss.labeled['avss']
    logits = avss.logits.detach().clone()
    before = loss(logits, avss.maps, avss.sounds, labeled)
    logits[~labeled] *= -1
    assert loss(logits, avss.maps, avss.sounds, labeled) == before


def test_loss_without_labeled_frames_is_zero(avss) -> None:
    nothing = torch.zeros(2, 10, dtype=torch.bool)
    assert AVMLoss()(avss.logits, avss.maps, avss.sounds, nothing) == 0


def test_any_class_may_be_the_background(avss) -> None:
    logits = torch.zeros(2, 10, 3, 48, 48)
    logits[:, :, 2] = 1  # class 2 everywhere
    arguments = (avss.maps, avss.sounds, avss.labeled['avss'])
    nothing = [torch.zeros_like(level) for level in avss.maps]
    empty = AVMLoss()(logits, nothing, *arguments[1:])  # the same as an empty mask
    torch.testing.assert_close(AVMLoss(background=2)(logits, *arguments), empty)
    assert AVMLoss(background=1)(logits, *arguments) == AVMLoss()(logits, *arguments) != empty


def test_weight_scales_loss(binary) -> None:
    arguments = (binary.logits, binary.maps, binary.sounds, binary.labeled['ms3'])
    for kind in (AVMLoss, AVMSimilarityLoss):
        whole, half = kind(weight=1.0)(*arguments), kind()(*arguments)
        torch.testing.assert_close(whole, 2 * half)


@pytest.mark.parametrize('option', ['distance', 'reduction', 'pooling'])
def test_unknown_option_value_raises(option) -> None:
    with pytest.raises(ValueError, match=rf"AVMLoss\.{option}: expected one of \(.*, got 'none'"):
        AVMLoss(**{option: 'none'})


def test_similarity_loss_of_multi_class_logits_raises(avss) -> None:
    with pytest.raises(ValueError, match=r'one logit per pixel.*\(2, 10, 71, 48, 48\)'):
        AVMSimilarityLoss()(avss.logits, avss.maps, avss.sounds, avss.labeled['avss'])
